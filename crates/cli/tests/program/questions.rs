//! For each study that ships, the report that it leaves answers by name what the report that it follows asked. Budgets are small: what
//! is looked at is that the answers are there, not what they are.

use std::path::{Path, PathBuf};

use crate::support::Fixture;

/// A study, what makes it small, and the questions.
struct Case {
    study: &'static str,
    sets: &'static [&'static str],
    questions: &'static [&'static str],
}

/// What the reports measured, whatever they varied: the best and how sure it is, train against validation, precision and recall, epochs, time
/// and memory.
const ALWAYS: [&str; 5] = [
    "How sure is the best value?",
    "Does it overfit?",
    "Which classes are hard?",
    "How many epochs does it take?",
    "What did it cost?",
];

const CASES: [Case; 6] = [
    Case {
        study: "tiny_imagenet_tpe",
        sets: &["train=240", "validation=120", "trials=10", "epochs=4", "size=24", "test=40", "replicates=2"],
        questions: &[
            "Is it stable over seeds?",
            "What did tuning gain?",
            "When did the search converge?",
            "How are the results spread?",
            "Does depth help?",
            "Is dropout of about 0.3 the best?",
            "Is a learning rate of about 2.4e-4 the best?",
            "Do shortcuts help?",
            "What do parameters buy?",
        ],
    },
    Case {
        study: "flowers_asha",
        sets: &["source=cats-dogs", "size=32", "train=128", "validation=100", "epochs=4", "trials=30"],
        questions: &[
            "What did stopping early save?",
            "Was a good trial stopped?",
            "How are the results spread?",
            "Are 3 layers better than 4?",
            "Does low dropout win?",
            "Is a learning rate of about 5e-4 the best?",
        ],
    },
    Case {
        study: "fashion_mlp_grid",
        sets: &["train=320", "validation=200"],
        questions: &[
            "What did tuning gain?",
            "What does each setting bring?",
            "Do more epochs help, up to a point?",
            "Do more units help, with diminishing returns?",
            "Are batches of 32 to 64 the best balance?",
            "Does one more layer help, and more not?",
            "Is a learning rate from 1e-4 to 1e-3 the best?",
            "Do Adam and AdamW beat SGD?",
            "Do the units of the two layers depend on each other?",
        ],
    },
    Case {
        study: "cifar10_tuning",
        sets: &["trials=24", "epochs=2", "train=512", "validation=256"],
        questions: &[
            "What did tuning gain?",
            "When did the search converge?",
            "Which activation is the best?",
            "Is a learning rate of 0.001 the best?",
            "Do larger batches help?",
            "Do more filters help?",
        ],
    },
    Case {
        study: "fashion_cnn_experiments",
        sets: &["train=320", "epochs=2"],
        questions: &[
            "What did tuning gain?",
            "What does each setting bring?",
            "Is dropout 0.3 the best?",
            "Does batch normalisation help?",
            "Do more convolutions help?",
            "Does pooling help?",
            "Do dropout and batch normalisation depend on each other?",
            "What do parameters buy?",
        ],
    },
    Case {
        study: "fashion_future",
        sets: &["train=384", "validation=200", "epochs=2"],
        questions: &[
            "What does each setting bring?",
            "Is Adam better than SGD with momentum?",
            "Does annealing the learning rate help?",
            "Does reducing it on a plateau help?",
            "Does augmentation help?",
        ],
    },
];

/// Where the sets lie, if they are here.
fn real_data() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("TUNEFORK_DATA").map_or_else(beside, PathBuf::from);
    let is_there =
        ["fashion-mnist", "cifar10", "tiny-imagenet", "cats-dogs"].iter().all(|set| folder.join(set).is_dir());
    let is_required = std::env::var_os("TUNEFORK_REQUIRE_DATA").is_some();
    assert!(is_there || !is_required, "the sets of the reports are not in TUNEFORK_DATA or ../shared/data");
    if !is_there {
        println!("skipped: the sets of the reports are not in TUNEFORK_DATA or ../shared/data");
    }
    is_there.then(|| std::path::absolute(folder).unwrap())
}

#[test]
fn what_the_reports_asked_is_answered_by_name() {
    let Some(data) = real_data() else { return };
    let studies = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../studies");
    for Case { study, sets, questions } in CASES {
        let fixture = Fixture::new("");
        let file = studies.join(study).with_extension("toml");
        let mut args = vec!["run", file.to_str().unwrap(), "--out", "out", "--data-dir", data.to_str().unwrap()];
        args.extend(sets.iter().flat_map(|set| ["--set", set]));
        fixture.ok(&args);
        let report = fixture.read("out/report.md");
        for question in ALWAYS.iter().chain(questions) {
            let found = [format!("**{question}**"), format!("| {question} |")];
            assert!(found.iter().any(|text| report.contains(text)), "{study} does not answer `{question}`:\n{report}");
        }
        // What is wrong is shown, too.
        let page = fixture.read("out/report.html");
        assert!(page.contains("Its surest mistakes") && page.contains("data:image/png;base64,"), "{study}");
    }
}
