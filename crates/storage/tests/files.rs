//! Files beside a database that were put there, left there or removed by somebody else.

use rusqlite::Connection;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tunefork_storage::{SqliteStorage, read};
use tunefork_study::{Change, Storage, StorageError, StudyHeader};
use tunefork_trial::{Direction, TrialNumber, TrialState};

fn database() -> (TempDir, PathBuf, SqliteStorage) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("study.db");
    let mut storage = SqliteStorage::open(&path, "s").expect("a database");
    storage.create(&StudyHeader::new("s", Direction::Minimize, 0)).expect("a study");
    (folder, path, storage)
}

fn start(number: u32) -> Change {
    Change::Start { number: TrialNumber(number), params: Vec::new(), fixed: None, schedule: None }
}

/// A trial that takes room.
fn with_note(number: u32) -> [Change; 2] {
    let (key, value) = ("note".to_owned(), "x".repeat(200).into());
    [start(number), Change::Attribute { number: TrialNumber(number), key, value }]
}

fn trials_of(path: &Path) -> usize {
    read(path, None).expect("a study").trials.len()
}

/// Another place, so that nothing but what was copied can be read.
fn alone(path: &Path) -> PathBuf {
    let folder = path.parent().expect("a folder").join("alone");
    fs::create_dir_all(&folder).expect("a folder");
    let copy = folder.join("study.db");
    fs::copy(path, &copy).expect("a copy");
    copy
}

#[test]
fn a_database_that_is_open_elsewhere_holds_all_by_itself_once_it_is_closed() {
    let (_folder, path, mut storage) = database();
    let other = Connection::open(&path).expect("a second connection");
    other.execute_batch("SELECT * FROM trials").expect("it has read something");
    storage.commit(&[start(0), start(1)]).expect("two trials");
    assert_eq!(trials_of(&alone(&path)), 0, "what was written last is in the log");
    drop(storage);
    assert_eq!(trials_of(&alone(&path)), 2);
    drop(other);
    assert_eq!(trials_of(&path), 2);
}

#[test]
fn a_reader_in_the_middle_of_an_older_state_is_not_waited_for_and_loses_nothing() {
    let (_folder, path, mut storage) = database();
    storage.commit(&[start(0)]).expect("a trial");
    let other = Connection::open(&path).expect("a second connection");
    other.execute_batch("BEGIN; SELECT * FROM trials").expect("a reader that stays");
    storage.commit(&[start(1)]).expect("another trial");
    drop(storage);
    assert_eq!(trials_of(&path), 2);
    drop(other);
    assert_eq!(trials_of(&alone(&path)), 2);
}

#[test]
fn a_study_that_has_lost_its_log_is_the_study_as_it_was_begun() {
    let (_folder, path, mut storage) = database();
    storage.commit(&[start(0)]).expect("a trial");
    let study = read(alone(&path), None).expect("a study");
    assert_eq!((study.header.name.as_str(), study.trials.len()), ("s", 0));
}

#[test]
fn a_copy_that_was_put_beside_the_log_of_a_later_state_is_left_as_it_is() {
    let (_folder, path, mut storage) = database();
    storage.commit(&[start(0)]).expect("a trial");
    drop(storage);
    let copy = fs::read(&path).expect("a copy");
    let mut storage = SqliteStorage::open(&path, "s").expect("a database");
    (1..200).for_each(|number| storage.commit(&with_note(number)).expect("a trial"));
    drop(storage);
    let mut storage = SqliteStorage::open(&path, "s").expect("a database");
    (200..220).for_each(|number| storage.commit(&with_note(number)).expect("a trial"));
    let log = path.with_extension("db-wal");
    let left = fs::read(&log).expect("a log");
    drop(storage);
    fs::write(&path, &copy).and_then(|()| fs::write(&log, &left)).expect("the copy and the log");

    assert!(read(&path, None).is_err());
    let error = SqliteStorage::open(&path, "s").expect_err("the log is another state's");
    assert!(matches!(error, StorageError::LogDiffers { .. }), "{error}");
    assert!(error.to_string().contains(&format!("remove {0}-wal and {0}-shm", path.display())), "{error}");
    assert_eq!(fs::read(&path).expect("the copy"), copy);
    assert_eq!(fs::read(&log).expect("the log"), left);

    for name in ["db-wal", "db-shm"] {
        fs::remove_file(path.with_extension(name)).expect("as the advice says");
    }
    let mut storage = SqliteStorage::open(&path, "s").expect("the copy");
    assert_eq!(storage.load().expect("it is whole").expect("a study").trials.len(), 1);
}

#[test]
fn what_a_kill_leaves_in_a_log_is_taken_by_the_next_writer_and_by_no_reader() {
    let (folder, path, mut storage) = database();
    storage.commit(&[start(0), start(1)]).expect("two trials");
    // As a kill leaves them: nobody has them open.
    let killed = folder.path().join("killed.db");
    let log = killed.with_extension("db-wal");
    fs::copy(&path, &killed).and_then(|_| fs::copy(path.with_extension("db-wal"), &log)).expect("copies");
    let (before, left) = (fs::read(&killed).expect("a file"), fs::read(&log).expect("a log"));
    assert_eq!(trials_of(&killed), 2);
    assert_eq!((fs::read(&killed).expect("a file"), fs::read(&log).expect("a log")), (before, left));
    let mut storage = SqliteStorage::open(&killed, "s").expect("database and log belong together");
    assert_eq!(storage.load().expect("it is whole").expect("a study").trials.len(), 2);
    drop(storage);
    assert!(!log.exists(), "it is copied and removed");
    assert_eq!(trials_of(&killed), 2);
}

/// Another run takes a new lock at the place of the one that was removed, and both would write.
#[cfg(unix)]
#[test]
fn a_lock_that_is_removed_ends_the_run_that_held_it_and_no_other() {
    let (_folder, path, mut storage) = database();
    storage.commit(&[start(0)]).expect("a trial");
    let lock = path.with_extension("db-lock");
    fs::remove_file(&lock).expect("a lock");
    let mut second = SqliteStorage::open(&path, "s").expect("nobody holds the new lock");
    assert_eq!(second.load().expect("it is whole").expect("a study").trials.len(), 1);
    for _ in 0..2 {
        let error = storage.commit(&[start(1)]).expect_err("the lock is another one");
        assert!(matches!(&error, StorageError::LockRemoved { path } if path.ends_with("study.db-lock")), "{error}");
        assert!(matches!(storage.load(), Err(StorageError::LockRemoved { .. })));
        assert!(matches!(storage.news(), Err(StorageError::LockRemoved { .. })));
    }
    drop(storage);
    second.commit(&[start(1)]).expect("it goes on alone");
    drop(second);
    assert_eq!(trials_of(&path), 2);
    fs::remove_file(&lock).expect("nobody needs it");
    assert_eq!(trials_of(&path), 2);
}

#[test]
fn rows_that_another_program_was_faster_with_are_no_damage() {
    let (_folder, path, mut storage) = database();
    storage.commit(&[start(0)]).expect("a trial");
    storage.load().expect("it is whole");
    let other = Connection::open(&path).expect("a second connection");
    other.execute_batch("INSERT INTO tunefork_paused VALUES (1)").expect("a row that is ours to write");
    let pause = Change::State { number: TrialNumber(0), state: TrialState::Paused };
    let error = storage.commit(std::slice::from_ref(&pause)).expect_err("it is there twice");
    assert!(matches!(error, StorageError::Overtaken { .. }), "{error}");
    let study = storage.news().expect("it is whole").expect("there is news");
    assert_eq!(study.trials[0].state, TrialState::Paused);
}

#[cfg(unix)]
#[test]
fn links_that_lead_nowhere_are_told_with_both_their_ends() {
    for name in ["study.db", "study.db-lock", "study.db-wal"] {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, link) = (folder.path().join("study.db"), folder.path().join(name));
        std::os::unix::fs::symlink("gone.db", &link).expect("a link");
        for error in [read(&path, None).expect_err(name), SqliteStorage::open(&path, "s").expect_err(name)] {
            let is_told = matches!(&error, StorageError::DanglingLink { path, target }
                if *path == link && target == Path::new("gone.db"));
            assert!(is_told, "{error}");
        }
        assert!(!folder.path().join("gone.db").exists());
    }
}
