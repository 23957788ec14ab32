//! Another program writes to the database of a study that an executor runs: as Optuna does it, row by row.

use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use tunefork_space::{Domain, Value};
use tunefork_storage::{SqliteStorage, names, own_names, read};
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

/// Optuna knows no pauses: it sees a trial that runs.
#[test]
fn a_pause_is_no_state_that_another_program_has_set() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, mut storage, other) = shared(&folder);
    for state in [TrialState::Paused, TrialState::Running] {
        storage.commit(&[Change::State { number: NUMBER, state }]).expect("it pauses, or goes on");
        assert_eq!(read(&path, None).expect("a study").trials[0].state, state);
        let found: String = other.query_row("SELECT state FROM trials", [], |row| row.get(0)).expect("a row");
        assert_eq!(found, "RUNNING");
    }
}

/// The states that Optuna shows, set back by hand: how a trial has ended stands with the end.
#[test]
fn what_has_ended_stays_ended() {
    for (reason, state) in [
        (EndReason::Finished, TrialState::Complete),
        (EndReason::Stopped, TrialState::Pruned),
        (EndReason::Diverged, TrialState::Failed),
        (EndReason::DoesNotFit, TrialState::Failed),
        (EndReason::InvalidConfiguration, TrialState::Failed),
        (EndReason::Fault, TrialState::Failed),
        (EndReason::Told, TrialState::Failed),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, mut storage, other) = shared(&folder);
        let value = Some(0.5).filter(|_| state != TrialState::Failed);
        let end = End { time: 2, reason, message: String::new() };
        storage.commit(&[Change::Finish { number: NUMBER, state, value, end }]).expect("an end");
        let before = storage.load().expect("it can be read").expect("a study");
        assert_eq!(before.trials[0].state, state);
        other.execute_batch("UPDATE trials SET state = 'RUNNING'").expect("set back");
        assert_eq!(read(&path, None).expect("a study"), before, "{reason:?}");
    }
}

#[test]
fn own_names_are_those_of_our_studies() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, storage, other) = shared(&folder);
    drop(storage);
    let row = "INSERT INTO studies VALUES (7, 'of Optuna');
        INSERT INTO study_directions VALUES (NULL, 'MINIMIZE', 7, 0);";
    other.execute_batch(row).expect("a study of Optuna");
    assert_eq!(names(&path).expect("a database"), ["s", "of Optuna"]);
    assert_eq!(own_names(&path).expect("a database"), ["s"]);
    other.execute_batch("DROP TABLE tunefork_studies").expect("a database of Optuna");
    assert_eq!(own_names(&path).expect("a database"), [""; 0]);
}

/// Ask and tell has no virtual time.
#[test]
fn a_report_without_a_time_has_no_row_of_ours() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, mut storage, other) = shared(&folder);
    let report = |step, time| {
        let report = Arc::new(EpochReport { value: 0.5, ..EpochReport::default() });
        Change::Report { number: NUMBER, epoch: EpochRecord { step, time, report } }
    };
    storage.commit(&[report(1, 0), report(2, 1)]).expect("reports");
    let steps = "SELECT group_concat(step) FROM tunefork_reports";
    let steps: String = other.query_row(steps, [], |row| row.get(0)).expect("one row");
    assert_eq!(steps, "2");
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
        INSERT INTO trial_intermediate_values VALUES (NULL, 2, -3, 0.9, 'FINITE');
        INSERT INTO trial_system_attributes VALUES (NULL, 2, 'constraints', '[-1.0, 0.5]');
        INSERT INTO trials VALUES (3, 2, 1, 'WAITING', NULL, NULL);
        INSERT INTO trial_system_attributes VALUES (NULL, 3, 'fixed_params', '{"x": [1, 2]}');"#;
    other.execute_batch(trial).expect("trials of Optuna");
    let error = storage.commit(&[start(1)]).expect_err("number 1 is taken");
    assert!(matches!(error, StorageError::Overtaken { .. }), "{error}");
    let study = storage.news().expect("it can be read").expect("there is news");
    assert_eq!((study.own_trials(), study.outside_trials()), (1, 1));
    assert!(study.is_outside(&study.trials[1]) && study.trials[1].params.len() == 1);
    assert!(study.trials[1].epochs.is_empty(), "an epoch has no number below 0");
    assert!(!study.trials[1].is_feasible() && study.better_outside().is_none(), "a constraint is not kept to");
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

/// What Optuna's `add_trial` of a waiting trial with parameters writes, and `RUNNING` set to `WAITING` by hand.
#[test]
fn waiting_trials_may_have_parameters() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, mut storage, other) = shared(&folder);
    storage.commit(&[report(1, 0.25)]).expect("a report");
    let before = storage.load().expect("it can be read").expect("a study");
    let waiting = r#"INSERT INTO trials VALUES (2, 1, 1, 'WAITING', NULL, NULL);
        INSERT INTO trial_params VALUES (NULL, 2, 'x', 0.75,
            '{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
        INSERT INTO trial_system_attributes VALUES (NULL, 2, 'fixed_params', '{"x": 0.5, "y": {"a": 1}, "z": "\ud800"}');
        INSERT INTO trial_intermediate_values VALUES (NULL, 2, 7, 0.9, 'FINITE');
        UPDATE trials SET state = 'WAITING' WHERE trial_id = 1;"#;
    other.execute_batch(waiting).expect("trials of Optuna");
    let study = storage.news().expect("it can be read").expect("there is news");
    assert_eq!(study.trials[0], before.trials[0], "ours runs on");
    let fixed = study.trials[1].fixed.clone().expect("it was enqueued");
    assert_eq!(fixed.get("x"), Some(&Value::Float(0.75)), "as Optuna, which takes parameters before what is asked for");
    let odd = [fixed.get("y"), fixed.get("z")].map(|value| value.and_then(Value::as_str).map(str::to_owned));
    assert_eq!(odd, [Some(r#"{"a":1}"#.to_owned()), Some("\u{fffd}".to_owned())]);
    assert!(study.trials[1].params.is_empty() && study.trials[1].epochs.is_empty());
    let Change::Start { params, schedule, .. } = start(1) else { unreachable!() };
    let begun = Change::Start { number: TrialNumber(1), params, fixed: Some(fixed.clone()), schedule };
    storage.commit(&[begun]).expect("it begins with what it is given");
    let study = read(&path, None).expect("a study");
    assert_eq!((study.trials[1].params.len(), study.trials[1].epochs.len()), (1, 0));
    assert_eq!(study.trials[1].fixed, Some(fixed));
}

#[test]
fn what_no_reader_of_json_takes_blocks_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, mut storage, other) = shared(&folder);
    let digits = "9".repeat(400);
    let rows = format!(
        "INSERT INTO trials VALUES (2, 1, 1, 'WAITING', NULL, NULL);
        INSERT INTO trial_system_attributes VALUES (NULL, 2, 'fixed_params', '{{\"x\": {digits}}}');
        INSERT INTO trial_user_attributes VALUES (NULL, 1, 'of Python', '{digits}');"
    );
    other.execute_batch(&rows).expect("rows of Optuna");
    let study = storage.news().expect("it can be read").expect("there is news");
    assert_eq!(study.trials[0].attributes, [("of Python".to_owned(), digits.clone().into())]);
    let fixed = study.trials[1].fixed.clone().expect("it was enqueued");
    assert_eq!(fixed.get("fixed_params"), Some(&Value::Text(format!("{{\"x\": {digits}}}"))));
}

/// Optuna reads a study before it deletes it, so that rows that we write in between are left. The trigger of former versions
/// left them, and raw SQL without foreign keys does.
#[test]
fn rows_without_a_study_are_no_part_of_the_next() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, mut storage, other) = shared(&folder);
    other.execute_batch("DELETE FROM study_directions; DELETE FROM studies").expect("deleted");
    let count =
        || -> i64 { other.query_row("SELECT count(*) FROM trial_params", [], |row| row.get(0)).expect("a count") };
    assert_eq!(count(), 0, "the trigger takes all with the study");
    let again = "INSERT INTO studies VALUES (1, 's');
        INSERT INTO study_directions VALUES (NULL, 'MAXIMIZE', 1, 0);";
    other.execute_batch(again).expect("Optuna makes it anew");
    let error = storage.commit(&[report(1, 0.25)]).expect_err("another study");
    assert!(error.to_string().contains("made another of this name"), "{error}");
    assert!(storage.news().is_err());
    drop(storage);

    let orphans =
        "PRAGMA foreign_keys = OFF; DROP TRIGGER tunefork_delete_studies; DROP TRIGGER tunefork_delete_trials;
        DELETE FROM study_directions; DELETE FROM studies;
        INSERT INTO trials VALUES (1, 0, 1, 'RUNNING', NULL, NULL);
        INSERT INTO trial_params VALUES (NULL, 1, 'x', 0.5, '{}');
        INSERT INTO tunefork_schedules VALUES (1, 1, 1, 1, 1, 1, 1, 'p', 1);
        INSERT INTO study_system_attributes VALUES (NULL, 1, 'study:metric_names', '[]');";
    other.execute_batch(orphans).expect("rows of nobody");
    let mut storage = SqliteStorage::open(&path, "s").expect("a database");
    let header = StudyHeader { stages: vec![4], ..StudyHeader::new("s", Direction::Maximize, 0) };
    storage.create(&header).expect("a study");
    storage.commit(&[start(0)]).expect("a trial");
    assert_eq!(read(&path, None).expect("a study").trials.len(), 1);
}

#[test]
fn a_trial_that_was_removed_leaves_nothing_to_the_next() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, mut storage, other) = shared(&folder);
    storage.commit(&[report(1, 0.25)]).expect("a report");
    drop(storage);
    let removed = "PRAGMA foreign_keys = OFF; DROP TRIGGER tunefork_delete_trials; DELETE FROM trials;
        DELETE FROM tunefork_schedules; DELETE FROM tunefork_reports;";
    other.execute_batch(removed).expect("removed");
    let mut storage = SqliteStorage::open(&path, "s").expect("a database");
    storage.commit(&[start(0)]).expect("the same trial again");
    assert_eq!(read(&path, None).expect("a study").trials[0].epochs.len(), 0);
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
