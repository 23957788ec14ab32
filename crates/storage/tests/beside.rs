//! Another program writes to the database of a study that an executor runs: as Optuna does it, row by row.

use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use tunefork_space::{Domain, Value};
use tunefork_storage::{SqliteStorage, read};
use tunefork_study::{
    Blueprint, Change, Cost, End, EndReason, EpochRecord, EpochReport, Schedule, Storage, StorageError,
    StoredParameter, StudyHeader,
};
use tunefork_trial::{Direction, TrialNumber, TrialState};

const NUMBER: TrialNumber = TrialNumber(0);

/// A study of an executor with a trial under way, and the other program's connection.
fn shared(folder: &TempDir) -> (PathBuf, SqliteStorage, Connection) {
    let path = folder.path().join("study.db");
    let mut storage = SqliteStorage::open(&path, "s").expect("a database");
    let header = StudyHeader { stages: vec![4], ..StudyHeader::new("s", Direction::Maximize, 0) };
    storage.create(&header).expect("a study");
    storage.commit(&[start(0)]).expect("a trial");
    let other = Connection::open(&path).expect("a second connection");
    (path, storage, other)
}

fn start(number: u32) -> Change {
    let blueprint = Blueprint { epochs: 9, epoch_cost: Cost::default(), plan_bytes: 1, plan_key: "plan".to_owned() };
    let domain = Domain::uniform(0.0, 1.0).expect("a domain");
    Change::Start {
        number: TrialNumber(number),
        params: vec![StoredParameter { name: "x".to_owned(), domain, internal: 0.5 }],
        fixed: None,
        schedule: Some(Schedule { blueprint, start: 0, epoch_ticks: 1 }),
    }
}

fn report(step: u32, value: f64) -> Change {
    let report = Arc::new(EpochReport { value, ..EpochReport::default() });
    Change::Report { number: NUMBER, epoch: EpochRecord { step, time: step.into(), report } }
}

fn finish(value: f64) -> Change {
    let end = End { time: 2, reason: EndReason::Finished, message: String::new() };
    Change::Finish { number: NUMBER, state: TrialState::Complete, value: Some(value), end }
}

#[test]
fn what_is_told_of_our_trial_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, mut storage, other) = shared(&folder);
    storage.commit(&[report(1, 0.25)]).expect("a report");
    let before = storage.load().expect("it can be read").expect("a study");
    let told = "INSERT INTO trial_values VALUES (NULL, 1, 0, 0.9, 'FINITE');
        INSERT INTO trial_intermediate_values VALUES (NULL, 1, 2, 0.9, 'FINITE');
        UPDATE trials SET state = 'COMPLETE' WHERE trial_id = 1;";
    other.execute_batch(told).expect("a told trial");
    assert_eq!(read(&path, None).expect("a study"), before, "it runs until we say that it has ended");
    storage.commit(&[report(2, 0.5), finish(0.5)]).expect("ours counts");
    let trial = &read(&path, None).expect("a study").trials[0];
    assert_eq!((trial.state, trial.value, trial.epochs[1].report.value), (TrialState::Complete, Some(0.5), 0.5));
}

#[test]
fn others_trials_are_news_and_what_is_strange_about_them_blocks_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, mut storage, other) = shared(&folder);
    assert_eq!(storage.news(), Ok(None), "what we write is no news to us");
    // A distribution that no program of ours knows, and one that x does not have here.
    let trial = r#"INSERT INTO trials VALUES (2, 1, 1, 'COMPLETE', NULL, NULL);
        INSERT INTO trial_values VALUES (NULL, 2, 0, 0.9, 'FINITE');
        INSERT INTO trial_params VALUES (NULL, 2, 'y', 0.5, '{"name": "Strange", "attributes": {}}');
        INSERT INTO trial_params VALUES (NULL, 2, 'x', 5.0,
            '{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 9}}');
        INSERT INTO trials VALUES (3, 2, 1, 'WAITING', NULL, NULL);
        INSERT INTO trial_system_attributes VALUES (NULL, 3, 'fixed_params', '{"x": [1, 2]}');"#;
    other.execute_batch(trial).expect("trials of Optuna");
    let error = storage.commit(&[start(1)]).expect_err("number 1 is taken");
    assert!(matches!(error, StorageError::Overtaken { .. }), "{error}");
    let study = storage.news().expect("it can be read").expect("there is news");
    assert_eq!((study.own_trials(), study.outside_trials()), (1, 1));
    assert!(study.is_outside(&study.trials[1]) && study.trials[1].params.len() == 1);
    let fixed = study.trials[2].fixed.as_ref().expect("it was enqueued");
    assert_eq!(fixed.get("x"), Some(&Value::Text("[1,2]".to_owned())));
    storage.commit(&[start(3)]).expect("3 is the next number, and x is what it was");

    other.execute_batch("UPDATE trials SET state = 'RUNNING' WHERE trial_id = 3").expect("Optuna begins it");
    let error = storage.commit(&[start(2)]).expect_err("it does not wait any more");
    assert!(error.to_string().contains("it began trial 2, which waited"), "{error}");
}

/// SQLite would give the rows' numbers to the next study.
#[test]
fn nothing_is_written_to_a_study_that_was_deleted() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, mut storage, other) = shared(&folder);
    other
        .execute_batch(
            "DELETE FROM trial_params; DELETE FROM trials; DELETE FROM study_directions; DELETE FROM studies",
        )
        .expect("deleted");
    let error = storage.commit(&[report(1, 0.25)]).expect_err("nowhere to write");
    assert!(error.to_string().contains("it deleted the study"), "{error}");
    let rows = "SELECT (SELECT count(*) FROM trial_intermediate_values) + (SELECT count(*) FROM tunefork_reports)";
    let rows: i64 = other.query_row(rows, [], |row| row.get(0)).expect("a count");
    assert_eq!(rows, 0);
    assert_eq!(storage.news().expect_err("deleted").to_string(), error.to_string());
}

#[test]
fn who_looks_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, storage, other) = shared(&folder);
    drop((storage, other));
    let files = || {
        let entries = std::fs::read_dir(folder.path()).expect("a folder");
        let mut names: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(files(), ["study.db", "study.db-lock"]);
    let before = std::fs::read(&path).expect("a file");
    read(&path, None).expect("a study");
    assert_eq!(files(), ["study.db", "study.db-lock"]);
    assert!(std::fs::read(&path).expect("a file") == before);
}

#[cfg(unix)]
#[test]
fn a_log_that_goes_away_and_a_second_name_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, mut storage, other) = shared(&folder);
    drop(other);
    storage.commit(&[report(1, 0.25)]).expect("a report");
    std::fs::remove_file(folder.path().join("study.db-wal")).expect("a log");
    let error = storage.commit(&[report(2, 0.5)]).expect_err("the log is gone");
    assert!(matches!(error, StorageError::LogRemoved { .. }), "{error}");
    drop(storage);
    assert_eq!(read(&path, None).expect("a study").trials[0].epochs.len(), 1, "what was reported is kept");

    std::fs::hard_link(&path, folder.path().join("other.db")).expect("a link");
    let error = SqliteStorage::open(&path, "s").expect_err("two names");
    assert!(matches!(error, StorageError::HardLinked { names: 2, .. }), "{error}");
    std::fs::remove_file(folder.path().join("other.db")).expect("a link");
    SqliteStorage::open(&path, "s").expect("one name");
}
