//! Optuna itself reads what we write, while we write it.
//!
//! Set `TUNEFORK_PYTHON` to a Python interpreter with Optuna 5 to run these; without it they say so
//! and pass.

use serde_json::{Map, Value as Json, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tunefork_space::{Domain, Params, Value};
use tunefork_storage::{SqliteStorage, read};
use tunefork_study::{
    Change, End, EndReason, EpochRecord, EpochReport, Metrics, Storage, StoredParameter, StudyHeader, StudyRecord,
    Timing,
};
use tunefork_trial::{Direction, TrialNumber, TrialState};

/// What Optuna reads, or `None` if there is no Optuna to ask.
fn optuna(path: &Path, more: &[&str]) -> Option<Json> {
    let Some(python) = std::env::var_os("TUNEFORK_PYTHON") else {
        // Written past the test harness, which would keep it to itself.
        let words = "skipped: TUNEFORK_PYTHON names no Python with optuna 5";
        let _ = writeln!(std::io::stderr(), "{words}");
        return None;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/optuna_opens.py");
    let output = Command::new(python)
        .arg(script)
        .arg(path)
        .arg("study")
        .args(more)
        .output()
        .expect("TUNEFORK_PYTHON can be run");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    Some(serde_json::from_slice(&output.stdout).expect("the script prints JSON"))
}

fn number(value: f64) -> Json {
    match value {
        value if value.is_finite() => value.into(),
        value if value.is_nan() => "NaN".into(),
        value if value > 0.0 => "inf".into(),
        _ => "-inf".into(),
    }
}

/// What Optuna should read.
fn expected(study: &StudyRecord) -> Vec<Json> {
    let trial = |trial: &tunefork_study::TrialRecord| {
        let state = match trial.state {
            TrialState::Waiting => "WAITING",
            TrialState::Running | TrialState::Paused => "RUNNING",
            TrialState::Complete => "COMPLETE",
            TrialState::Pruned => "PRUNED",
            TrialState::Failed => "FAIL",
        };
        let steps = trial.epochs.iter();
        let intermediate: Map<String, Json> =
            steps.map(|epoch| (epoch.step.to_string(), number(epoch.report.value))).collect();
        json!({
            "number": trial.number.0,
            "state": state,
            "value": trial.value.map(number),
            "params": trial.params(),
            "intermediate": intermediate,
            "fixed": trial.fixed,
            "attributes": trial.attributes.iter().cloned().chain(told(trial)).collect::<Map<_, _>>(),
        })
    };
    study.trials.iter().map(trial).collect()
}

/// What follows from a trial's figures stands among its attributes once it has ended.
fn told(trial: &tunefork_study::TrialRecord) -> Vec<(String, Json)> {
    let count = trial.epochs.len();
    if count == 0 || !trial.state.is_finished() {
        return Vec::new();
    }
    let told = [("loss", json!(0.5)), ("epochs", json!(count)), ("seconds", json!(0.25 * count as f64))];
    told.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn check(path: &Path, study: &StudyRecord) {
    let Some(read) = optuna(path, &[]) else {
        return;
    };
    assert_eq!(read["direction"], "MAXIMIZE");
    assert_eq!(read["metric_names"], json!(["accuracy"]));
    assert_eq!(read["attributes"], json!({"source": "\"fashion-mnist\""}));
    assert_eq!(read["best"], json!(study.best().map(|best| best.number.0)));
    let mut trials = read["trials"].as_array().expect("a list of trials").clone();
    for trial in &mut trials {
        trial.as_object_mut().expect("an object").shift_remove("distributions");
    }
    assert_eq!(trials, expected(study));
}

fn parameters() -> Vec<StoredParameter> {
    let all = [
        ("lr", Domain::log(1e-4, 1.0), 0.01),
        ("drop", Domain::uniform(0.0, 1.0).and_then(|d| d.with_step(0.3)), 0.6),
        ("width", Domain::int_log(1, 512), 128.0),
        ("layers", Domain::int(1, 9).and_then(|d| d.with_step(2.0)), 3.0),
        ("act", Domain::choice(["relu", "élu", "\"tanh\""]), 1.0),
        ("norm", Domain::choice([Value::Null, true.into(), 2.into(), 0.5.into()]), 0.0),
    ];
    all.into_iter()
        .map(|(name, domain, internal)| StoredParameter {
            name: name.to_owned(),
            domain: domain.expect("these are domains"),
            internal,
        })
        .collect()
}

fn report(number: u32, step: u32, value: f64) -> Change {
    Change::Report {
        number: TrialNumber(number),
        epoch: EpochRecord {
            step,
            time: 5,
            report: Arc::new(EpochReport {
                value,
                metrics: Metrics { whole: vec![("loss".to_owned(), 0.5)], ..Metrics::default() },
                timing: Some(Timing { seconds: 0.25, ..Timing::default() }),
                members: Vec::new(),
            }),
        },
    }
}

/// A study that is open, and its file.
fn created(folder: &tempfile::TempDir) -> (PathBuf, SqliteStorage) {
    let path = folder.path().join("study.db");
    let mut storage = SqliteStorage::open(&path, "study").expect("a database");
    let mut header = StudyHeader::new("study", Direction::Maximize, 0);
    header.metric = Some("accuracy".to_owned());
    header.attributes = vec![("source".to_owned(), "\"fashion-mnist\"".into())];
    storage.create(&header).expect("a study");
    (path, storage)
}

fn start(number: u32) -> Change {
    Change::Start { number: TrialNumber(number), params: parameters(), fixed: None, schedule: None }
}

fn finish(number: u32, state: TrialState, value: Option<f64>) -> Change {
    Change::Finish {
        number: TrialNumber(number),
        state,
        value,
        end: End { time: 7, reason: EndReason::Finished, message: String::new() },
    }
}

#[test]
fn optuna_reads_every_state_while_the_study_is_open() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, mut storage) = created(&folder);
    let fixed: Params = [("lr", Value::from(0.1)), ("act", "élu".into()), ("norm", Value::Null)].into_iter().collect();
    let lists = [
        (0..6).map(start).collect::<Vec<_>>(),
        vec![
            report(0, 1, 0.25),
            report(0, 2, f64::NAN),
            report(0, 3, f64::NEG_INFINITY),
            report(1, 1, f64::INFINITY),
            finish(0, TrialState::Complete, Some(0.1 + 0.2)),
            finish(1, TrialState::Pruned, Some(f64::INFINITY)),
            finish(2, TrialState::Failed, None),
            finish(3, TrialState::Complete, Some(f64::NEG_INFINITY)),
        ],
        vec![
            Change::State { number: TrialNumber(4), state: TrialState::Paused },
            report(5, 1, 1e-300),
            Change::Attribute { number: TrialNumber(5), key: "note".to_owned(), value: json!({"ä": [1, 2.5, null]}) },
            Change::Enqueue { number: TrialNumber(6), fixed },
        ],
    ];
    for list in lists {
        storage.commit(&list).expect("the changes keep the rules");
        // The writer is open and its log is not copied back: Optuna reads beside it.
        let study = storage.load().expect("it can be read").expect("it exists");
        check(&path, &study);
    }
    drop(storage);
    check(&path, &read(&path, None).expect("it can be read"));
}

#[test]
fn optuna_goes_on_with_our_study_and_we_with_its() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, mut storage) = created(&folder);
    let first = [start(0), finish(0, TrialState::Complete, Some(0.5))];
    storage.commit(&first).expect("the changes keep the rules");
    if optuna(&path, &["--go-on", "3"]).is_none() {
        return;
    }
    // The numbers that Optuna gave away are not ours to give again.
    let error = storage.commit(&[start(1)]).expect_err("trial 1 is Optuna's");
    assert!(error.to_string().contains("another program changed the study"), "{error}");
    let study = storage.load().expect("it can be read").expect("it exists");
    assert_eq!(study.trials.len(), 4);
    assert_eq!(study.trials[3].state, TrialState::Complete);
    assert_eq!(study.trials[3].params.len(), 1);
    // Read again, the study can be continued.
    let next = [start(4), finish(4, TrialState::Complete, Some(0.7))];
    storage.commit(&next).expect("4 is the next number");
    check(&path, &storage.load().expect("it can be read").expect("it exists"));
}
