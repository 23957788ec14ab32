//! Study files that are refused, others in which something does nothing, and others of which nothing can be trained:
//! what they are told.
//!
//! The cases stand in `study_file/refused.txt`, `study_file/noted.txt` and `study_file/untrainable.txt`: a name, the file, and the expected message. To see
//! what changed after a message was improved, run with `TUNEFORK_BLESS=1` and look at the diff.

use std::fmt::Write as _;
use std::path::Path;

use tunefork::study_file::{FileError, StudyFile};
use tunefork::{DeviceChoice, Machine, StudyPlan, StudySpec};
use tunefork_names::listed;
use tunefork_nn::OptimizerKind;

struct Case {
    name: String,
    file: String,
    expected: String,
}

fn cases(text: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    for block in text.split("=== ").skip(1) {
        let (name, rest) = block.split_once('\n').expect("a case has a name");
        let (file, expected) = rest.split_once("---\n").expect("a case has an expected message");
        cases.push(Case { name: name.to_string(), file: file.to_string(), expected: expected.trim_end().to_string() });
    }
    cases
}

/// What the file means; lines that begin with `--set ` stand for that option.
fn resolve(file: &str) -> Result<StudySpec, FileError> {
    let (options, text): (Vec<&str>, Vec<&str>) = file.lines().partition(|line| line.starts_with("--set "));
    let mut file = StudyFile::parse("study.toml", &(text.join("\n") + "\n"))?;
    for option in options {
        file.set(&option["--set ".len()..])?;
    }
    StudySpec::resolve(&file)
}

/// What the file is refused for.
fn refusal(file: &str) -> String {
    let optimizers: Vec<String> = OptimizerKind::NAMES.iter().map(|name| format!("{name:?}")).collect();
    let optimizers: Vec<&str> = optimizers.iter().map(String::as_str).collect();
    match resolve(file) {
        Ok(_) => "accepted".to_string(),
        // So that a new optimizer changes no message here.
        Err(error) => error.to_string().replace(&listed(&optimizers), "OPTIMIZERS"),
    }
}

/// What is noted of a file that is accepted.
fn notes(file: &str) -> String {
    let spec = resolve(file).unwrap_or_else(|error| panic!("{error}"));
    match spec.notes() {
        [] => "nothing".to_string(),
        notes => notes.join("\n"),
    }
}

/// What a plan is refused for: the images or the network cannot be as the file wants them.
fn obstacle(file: &str) -> String {
    let spec = resolve(file).unwrap_or_else(|error| panic!("{error}"));
    let machine = Machine::new(DeviceChoice::Cpu, "auto", Some(1)).expect("a processor");
    let nowhere = Some(Path::new("nowhere"));
    match StudyPlan::new(&spec, &machine, nowhere, false, &mut |_| {}) {
        Ok(_) => "accepted".to_string(),
        Err(error) => error.to_string(),
    }
}

/// Compares the messages of all cases in a file with what is expected.
fn check(file: &str, least: usize, message: fn(&str) -> String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/study_file").join(file);
    let text = std::fs::read_to_string(&path).expect("the cases are there");
    let cases = cases(&text);
    assert!(cases.len() >= least, "only {} cases were found", cases.len());
    let mut blessed = String::new();
    let mut wrong = String::new();
    for case in &cases {
        let message = message(&case.file);
        write!(blessed, "=== {}\n{}---\n{message}\n\n", case.name, case.file).unwrap();
        if message != case.expected {
            let Case { name, expected, .. } = case;
            write!(wrong, "\n{name}\nexpected:\n{expected}\nreceived:\n{message}\n").unwrap();
        }
    }
    if std::env::var_os("TUNEFORK_BLESS").is_some() {
        std::fs::write(path, blessed).expect("the cases can be written");
    } else {
        assert!(wrong.is_empty(), "{wrong}");
    }
}

#[test]
fn refusals_read_as_expected() {
    check("refused.txt", 40, refusal);
}

#[test]
fn what_does_nothing_is_noted() {
    check("noted.txt", 30, notes);
}

#[test]
fn what_cannot_be_trained_is_told_with_its_place() {
    check("untrainable.txt", 20, obstacle);
}

#[test]
fn unreadable_files_are_named() {
    let error = StudyFile::read(Path::new("no such folder/study.toml")).unwrap_err();
    assert!(error.to_string().starts_with("cannot read no such folder/study.toml: "), "{error}");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("größe.toml");
    std::fs::write(&path, b"[study]\nname = \"\xff\"\n").unwrap();
    let error = StudyFile::read(&path).unwrap_err().to_string();
    assert!(error.contains("größe.toml: line 2 is not UTF-8 text"), "{error}");
}

#[test]
fn what_an_empty_file_is_told_works_as_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty.toml");
    std::fs::write(&path, "# nothing yet\n").unwrap();
    let error = StudyFile::read(&path).unwrap_err().to_string();
    let (_, example) = error.rsplit_once(": ").unwrap();
    let spec = resolve(example).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(spec.space().parameters()[0].name, "learning_rate", "{example}");
}

mod damaged {
    use super::refusal;
    use proptest::prelude::*;

    /// Pieces of study files, right and wrong ones, that are put together at random.
    fn piece() -> impl Strategy<Value = &'static str> {
        proptest::sample::select(vec![
            "[study]",
            "[model]",
            "[train]",
            "[search]",
            "[[trial]]",
            "[[experiment]]",
            "name = \"a\"\n",
            "name = \"b\"\n",
            "vary",
            "runs",
            "\n",
            " = ",
            "{ ",
            " }",
            "[",
            "]",
            ", ",
            ".",
            "layers",
            "channels",
            "hidden",
            "dropout",
            "optimizer",
            "learning_rate",
            "kernel",
            "uniform",
            "log",
            "int",
            "choice",
            "step",
            "when",
            "default",
            "per_layer",
            "start",
            "factor",
            "0",
            "1",
            "3",
            "-1",
            "0.5",
            "1e-3",
            "1e400",
            "nan",
            "inf",
            "\"sgd\"",
            "\"adam\"",
            "true",
            "9223372036854775807",
            "--set ",
            "=",
            "ü",
            "\"",
            "#",
        ])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// Whatever is written, it is accepted or refused, and the refusal has a text.
        #[test]
        fn files_never_panic(pieces in proptest::collection::vec(piece(), 0..40)) {
            prop_assert!(!refusal(&pieces.concat()).is_empty());
        }

        /// A good file with one stretch of it replaced.
        #[test]
        fn damaged_files_never_panic(
            good in proptest::sample::select(vec![
                include_str!("../studies/fashion_reference.toml"),
                include_str!("../studies/fashion_mlp_grid.toml"),
                include_str!("../studies/fashion_cnn_experiments.toml"),
            ]),
            at in 0.0..1.0f64,
            len in 0usize..20,
            piece in piece(),
        ) {
            let good = good.as_bytes();
            let start = (at * good.len() as f64) as usize;
            let end = (start + len).min(good.len());
            // A cut may go through a character of several bytes.
            let damaged = [&good[..start], piece.as_bytes(), &good[end..]].concat();
            prop_assert!(!refusal(&String::from_utf8_lossy(&damaged)).is_empty());
        }
    }
}
