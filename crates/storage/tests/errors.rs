//! What is said of files that are not as they should be.

use rusqlite::Connection;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tunefork_storage::{SqliteOptions, SqliteStorage, names, own_names, read};
use tunefork_study::{Change, End, EndReason, EpochRecord, EpochReport, Storage, StorageError, StudyHeader};
use tunefork_trial::{Direction, TrialNumber, TrialState};

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// A database with a study.
fn database(folder: &TempDir) -> (PathBuf, SqliteStorage) {
    let path = folder.path().join("study.db");
    let options = SqliteOptions { patience: Duration::from_millis(100), ..SqliteOptions::default() };
    let mut storage = SqliteStorage::open_with(&path, "s", options).expect("a database");
    let header = StudyHeader::new("s", Direction::Minimize, 0);
    storage.create(&header).expect("a study");
    (path, storage)
}

fn start(number: u32) -> Change {
    Change::Start { number: TrialNumber(number), params: Vec::new(), fixed: None, schedule: None }
}

fn open_error(path: &Path) -> StorageError {
    SqliteStorage::open(path, "s").expect_err("this must not open")
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    let folder = folder();
    let path = folder.path().join("study.db");
    let text = "these are notes, and they are longer than a header ".repeat(50);
    fs::write(&path, &text).expect("a file");
    let error = open_error(&path);
    assert!(matches!(error, StorageError::NotADatabase { .. }), "{error}");
    assert!(matches!(read(&path, None), Err(StorageError::NotADatabase { .. })));
    assert_eq!(fs::read_to_string(&path).expect("it is still there"), text);
}

#[test]
fn a_database_of_another_program_is_left_alone() {
    let folder = folder();
    let path = folder.path().join("study.db");
    let other = Connection::open(&path).expect("a database");
    other.execute_batch("CREATE TABLE songs (title TEXT)").expect("a table");
    let error = open_error(&path);
    assert!(matches!(error, StorageError::NotADatabase { .. }), "{error}");
    let tables: i64 = other.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0)).expect("a count");
    assert_eq!(tables, 1);
}

#[test]
fn a_newer_version_is_refused() {
    let folder = folder();
    let (path, storage) = database(&folder);
    drop(storage);
    Connection::open(&path)
        .and_then(|other| other.execute_batch("UPDATE tunefork_version SET version = 7"))
        .expect("an update");
    let error = open_error(&path);
    assert!(matches!(error, StorageError::NewerVersion { found: 7, .. }), "{error}");
    assert!(error.to_string().contains("update this program"), "{error}");
    assert!(read(&path, None).is_err());
}

#[test]
fn an_older_version_is_read_and_taken_over() {
    let folder = folder();
    let (path, storage) = database(&folder);
    drop(storage);
    let old = "DROP TABLE tunefork_members; DROP TABLE tunefork_observed_time; DROP TABLE tunefork_taken_in; UPDATE tunefork_version SET version = 1";
    Connection::open(&path).and_then(|other| other.execute_batch(old)).expect("an older database");
    let before = read(&path, None).expect("an older study");
    let name = before.header.name.clone();
    let mut storage = SqliteStorage::open(&path, name).expect("it is taken over");
    assert_eq!(storage.load().expect("a study"), Some(before));
    let found: i64 = Connection::open(&path)
        .and_then(|other| {
            let sql = "SELECT version FROM tunefork_version JOIN (SELECT count(*) FROM tunefork_members) JOIN (SELECT count(*) FROM tunefork_observed_time)";
            other.query_row(sql, [], |row| row.get(0))
        })
        .expect("one version, and the tables");
    assert_eq!(found, 6);
}

/// SQLite gives the next study and the next trial the numbers that are free again.
#[test]
fn a_study_that_another_program_deletes_leaves_nothing() {
    let folder = folder();
    let (path, mut storage) = database(&folder);
    let report = EpochRecord { step: 1, time: 7, report: EpochReport { value: 0.5, ..EpochReport::default() }.into() };
    let end = End { time: 7, reason: EndReason::Finished, message: String::new() };
    let trial = [
        start(0),
        Change::Report { number: TrialNumber(0), epoch: report },
        Change::Finish { number: TrialNumber(0), state: TrialState::Complete, value: Some(0.5), end },
    ];
    storage.commit(&trial).expect("a trial");
    let before = storage.load().expect("a study");
    drop(storage);
    // What Optuna's `delete_study` does, which knows nothing of our tables.
    let delete = "DELETE FROM trial_values; DELETE FROM trial_intermediate_values; DELETE FROM trials;
        DELETE FROM study_directions; DELETE FROM studies;";
    Connection::open(&path).and_then(|other| other.execute_batch(delete)).expect("a deletion");
    assert_eq!(own_names(&path).expect("a database"), [""; 0]);
    let (_, mut storage) = database(&folder);
    storage.commit(&trial).expect("the same trial again");
    let mut again = storage.load().expect("a study");
    let observed = |study: &Option<tunefork_study::StudyRecord>| study.as_ref().map(|s| s.trials[0].observed.clone());
    if let (Some(again), Some(observed)) = (&mut again, observed(&before)) {
        again.trials[0].observed = observed;
    }
    assert_eq!(again, before);
}

#[test]
fn a_newer_schema_of_optuna_is_refused() {
    let folder = folder();
    let (path, storage) = database(&folder);
    drop(storage);
    Connection::open(&path)
        .and_then(|other| other.execute_batch("UPDATE version_info SET schema_version = 13"))
        .expect("an update");
    let error = open_error(&path);
    assert!(matches!(&error, StorageError::OptunaVersion { found, .. } if found == "13"), "{error}");
    assert!(error.to_string().contains("update this program"), "{error}");
}

#[test]
fn another_schema_of_optuna_is_refused() {
    let folder = folder();
    let (path, storage) = database(&folder);
    drop(storage);
    Connection::open(&path)
        .and_then(|other| other.execute_batch("UPDATE alembic_version SET version_num = 'v3.0.0.d'"))
        .expect("an update");
    let error = open_error(&path);
    assert!(error.to_string().contains("v3.0.0.d"), "{error}");
    assert!(error.to_string().contains("optuna storage upgrade"), "{error}");
}

#[test]
fn a_database_cut_short_is_said_to_be_damaged() {
    let folder = folder();
    let (path, storage) = database(&folder);
    drop(storage);
    let bytes = fs::read(&path).expect("a file");
    for part in [bytes.len() / 3, bytes.len() - 5000] {
        fs::write(&path, &bytes[..part]).expect("a shorter file");
        let error = read(&path, None).expect_err("pages are missing");
        assert!(matches!(error, StorageError::Damaged { .. }), "{error}");
    }
}

#[test]
fn contradictions_in_the_tables_are_named() {
    for (sql, words) in [
        ("UPDATE trials SET state = 'DREAMING'", "DREAMING"),
        ("UPDATE trials SET number = 4", "trial 0 is missing"),
        ("INSERT INTO trials (number, study_id, state) VALUES (0, 1, 'RUNNING')", "trial 0 is there twice"),
        ("UPDATE tunefork_studies SET seed = 'x'", "seed"),
        ("UPDATE study_directions SET direction = 'NOT_SET'", "NOT_SET"),
        ("INSERT INTO trial_params VALUES (1, 1, 'lr', 0.5, '{\"name\": \"Odd\"}')", "parameter `lr`"),
        ("INSERT INTO trial_values VALUES (1, 1, 0, 0.5, 'ODD')", "ODD"),
    ] {
        let folder = folder();
        let (path, mut storage) = database(&folder);
        storage.commit(&[start(0)]).expect("a trial");
        drop(storage);
        Connection::open(&path).and_then(|other| other.execute_batch(sql)).expect("an update");
        let error = read(&path, None).expect_err(sql);
        assert!(matches!(error, StorageError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(error.to_string().contains("put back a copy of it"), "{error}");
    }
}

#[test]
fn a_lock_is_waited_for_and_then_told() {
    let folder = folder();
    let (path, mut storage) = database(&folder);
    let other = Connection::open(&path).expect("the same database");
    other.execute_batch("BEGIN IMMEDIATE").expect("a lock");
    let begun = Instant::now();
    let error = storage.commit(&[start(0)]).expect_err("it is locked");
    assert!(matches!(error, StorageError::Locked { .. }), "{error}");
    // SQLite's own patience would be 5 s.
    assert!((100..2500).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
    other.execute_batch("COMMIT").expect("the end of the lock");
    storage.commit(&[start(0)]).expect("nothing is lost");
    assert_eq!(read(&path, None).expect("a study").trials.len(), 1);
}

#[test]
fn a_second_writer_is_refused() {
    let folder = folder();
    let (path, storage) = database(&folder);
    assert!(matches!(open_error(&path), StorageError::InUse { .. }));
    drop(storage);
    SqliteStorage::open(&path, "s").expect("the first writer is gone");
}

#[cfg(unix)]
#[test]
fn a_second_writer_is_refused_by_whatever_path_it_comes() {
    let folder = folder();
    let (path, storage) = database(&folder);
    let (link, beside) = (folder.path().join("link.db"), folder.path().join("beside"));
    std::os::unix::fs::symlink(&path, &link).expect("a link to the database");
    std::os::unix::fs::symlink(folder.path(), &beside).expect("a link to its folder");
    for path in [&link, &beside.join("study.db")] {
        assert!(matches!(open_error(path), StorageError::InUse { .. }), "{}", path.display());
    }
    drop(storage);
    SqliteStorage::open(&link, "s").expect("the first writer is gone");
}

#[cfg(unix)]
#[test]
fn a_database_that_goes_away_while_it_is_written_is_missed() {
    let move_away = |path: &Path| fs::rename(path, path.with_extension("old")).expect("it can be renamed");
    let remove = |path: &Path| fs::remove_file(path).expect("it can be removed");
    let replace = |path: &Path| {
        let copy = path.with_extension("copy");
        fs::copy(path, &copy).and_then(|_| fs::rename(&copy, path)).expect("it can be replaced");
    };
    let remove_folder = |path: &Path| fs::remove_dir_all(path.parent().expect("a folder")).expect("it can be removed");
    for spoil in [move_away, remove, replace, remove_folder] {
        let folder = folder();
        let (path, mut storage) = database(&folder);
        storage.commit(&[start(0)]).expect("a trial");
        spoil(&path);
        let error = storage.commit(&[start(1)]).expect_err("it went away");
        assert!(matches!(&error, StorageError::Removed { path: gone } if *gone == path), "{error}");
        assert!(matches!(storage.load(), Err(StorageError::Removed { .. })));
    }
}

#[test]
fn what_is_not_there_is_said_to_be_missing() {
    let folder = folder();
    let nowhere = folder.path().join("no folder").join("study.db");
    assert!(matches!(open_error(&nowhere), StorageError::Missing { .. }));
    let nothing = folder.path().join("study.db");
    assert!(matches!(names(&nothing), Err(StorageError::Missing { .. })));
    let (path, storage) = database(&folder);
    drop(storage);
    let error = read(&path, Some("other")).expect_err("there is no such study");
    assert!(error.to_string().contains("it has: s"), "{error}");
}

#[test]
fn without_a_name_there_must_be_one_study() {
    let folder = folder();
    let path = folder.path().join("study.db");
    drop(SqliteStorage::open(&path, "s").expect("a database"));
    let error = read(&path, None).expect_err("there is none");
    assert!(error.to_string().ends_with("holds no study yet"), "{error}");
    for name in ["s", "t"] {
        let header = StudyHeader::new(name, Direction::Minimize, 0);
        let mut storage = SqliteStorage::open(&path, name).expect("a database");
        storage.create(&header).expect("a study");
    }
    let error = read(&path, None).expect_err("there are two");
    assert!(error.to_string().contains("several studies (s, t)"), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_place_that_cannot_be_written_is_named() {
    let error = open_error(Path::new("/sys/study.db"));
    assert!(matches!(error, StorageError::ReadOnly { .. }), "{error}");
    assert!(error.to_string().contains("/sys/study.db"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_study_can_be_read_where_nothing_can_be_written() {
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let (path, mut storage) = database(&folder);
    storage.commit(&[start(0)]).expect("a trial");
    drop(storage);
    let allow = |mode| fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode));
    allow(0o555).expect("the folder is ours");
    if fs::write(folder.path().join("probe"), "").is_ok() {
        let _ = writeln!(std::io::stderr(), "skipped: this user may write everywhere");
    } else {
        assert_eq!(read(&path, None).expect("a study").trials.len(), 1);
    }
    allow(0o755).expect("the folder is ours");
}

/// No log fits beside a name that is nearly as long as names may be, which hinders every user.
#[cfg(unix)]
#[test]
fn a_study_can_be_read_where_no_log_can_lie_beside_it() {
    let folder = folder();
    let (path, mut storage) = database(&folder);
    storage.commit(&[start(0)]).expect("a trial");
    drop(storage);
    let long = folder.path().join("é".repeat(126));
    fs::copy(&path, &long).expect("a copy");
    assert_eq!(read(&long, None).expect("a study").trials.len(), 1);
}

/// What stands in the log alone is not passed over where it cannot be read.
#[test]
fn a_log_that_spoils_the_database_is_told_by_readers() {
    let folder = folder();
    let (path, storage) = database(&folder);
    drop(storage);
    let other = Connection::open(&path).expect("the same database");
    let spoil = "PRAGMA writable_schema = ON; INSERT INTO sqlite_master VALUES ('table', 'odd', 'odd', 0, 'odd');";
    other.execute_batch(spoil).expect("an odd row in the log");
    let error = read(&path, None).expect_err("the schema is no schema any more");
    assert!(matches!(&error, StorageError::LogDiffers { detail, .. } if detail.contains("odd")), "{error}");
}

#[test]
fn readers_see_whole_commits_while_the_study_is_written() {
    let folder = folder();
    let (path, mut storage) = database(&folder);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = Vec::new();
            while !done.load(Ordering::Relaxed) {
                let study = read(&path, None).expect("a study");
                for trial in &study.trials {
                    let whole = trial.state == TrialState::Complete && trial.epochs.len() == 3;
                    assert!(whole || trial.epochs.len() == 1, "half a commit: {trial:?}");
                }
                seen.push(study.trials.len());
            }
            seen
        });
        let report = |number, step| Change::Report {
            number: TrialNumber(number),
            epoch: EpochRecord { step, time: 1, report: EpochReport { value: 0.5, ..EpochReport::default() }.into() },
        };
        for number in 0..200 {
            let begin = [start(number), report(number, 1)];
            storage.commit(&begin).expect("a trial");
            let end = [
                report(number, 2),
                report(number, 3),
                Change::Finish {
                    number: TrialNumber(number),
                    state: TrialState::Complete,
                    value: Some(0.5),
                    end: End { time: 1, reason: EndReason::Finished, message: String::new() },
                },
            ];
            storage.commit(&end).expect("an end");
        }
        done.store(true, Ordering::Relaxed);
        let seen = reader.join().expect("the reader found no half commits");
        assert!(seen.is_sorted(), "{seen:?}");
    });
    assert_eq!(read(&path, None).expect("a study").trials.len(), 200);
}
