//! Files that are cut short, overwritten or of another kind, and what is said of studies of other programs.

use rusqlite::Connection;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;
use tempfile::TempDir;
use tunefork_storage::{SqliteStorage, read};
use tunefork_study::{Change, Storage, StorageError, StudyHeader};
use tunefork_trial::{Direction, TrialNumber};

fn database() -> (TempDir, PathBuf, SqliteStorage) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("study.db");
    let mut storage = open(&path);
    storage.create(&StudyHeader::new("s", Direction::Minimize, 0)).expect("a study");
    // So that there is something that a lost log does not take.
    drop(storage);
    let mut storage = open(&path);
    storage.commit(&[start(0)]).expect("a trial");
    (folder, path, storage)
}

/// Opens a study. One that was closed a moment ago may be locked still: until it runs another program, a child of another test
/// shares the files that were open when it was begun.
fn open(path: &Path) -> SqliteStorage {
    for _ in 0..200 {
        match SqliteStorage::open(path, "s") {
            Err(StorageError::InUse { .. }) => sleep(Duration::from_millis(10)),
            opened => return opened.expect("a database"),
        }
    }
    panic!("`{}` stays locked", path.display());
}

fn start(number: u32) -> Change {
    Change::Start { number: TrialNumber(number), params: Vec::new(), fixed: None, schedule: None }
}

#[test]
fn a_log_that_is_cut_short_is_told_and_spoils_nothing_else() {
    let (folder, path, mut storage) = database();
    storage.check().expect("it is whole");
    File::create(folder.path().join("study.db-wal")).expect("a log without length");
    let error = storage.commit(&[start(1)]).expect_err("the log is empty");
    assert!(matches!(error, StorageError::LogSpoilt { .. }), "{error}");
    assert!(matches!(storage.load(), Err(StorageError::LogSpoilt { .. })));
    drop(storage);
    assert_eq!(read(&path, None).expect("a study").trials.len(), 0, "what was in the database is");
    let mut storage = open(&path);
    storage.commit(&[start(0)]).expect("it goes on");
    storage.check().expect("it is whole");
}

/// Copying it into the database at every commit would wait for the disk each time.
#[test]
fn a_log_that_nobody_touches_grows_from_commit_to_commit() {
    let (folder, _, mut storage) = database();
    let length = || fs::metadata(folder.path().join("study.db-wal")).expect("a log").len();
    let mut before = length();
    for number in 1..5 {
        storage.commit(&[start(number)]).expect("a trial");
        assert!(length() > before, "{} bytes after {before}", length());
        before = length();
    }
}

#[test]
fn a_log_that_is_overwritten_is_found_at_the_end() {
    let (folder, path, storage) = database();
    let log = folder.path().join("study.db-wal");
    let length = fs::metadata(&log).expect("a log").len() as usize;
    let file = File::options().write(true).open(&log).expect("a log");
    (&file).write_all(&vec![0; length]).expect("zeros");
    let error = storage.check().expect_err("the log is zeros");
    assert!(matches!(error, StorageError::LogSpoilt { .. }), "{error}");
    drop(storage);
    assert_eq!(read(&path, None).expect("a study").trials.len(), 0, "what was in the database is");
}

/// As it is when the log is cut short in the middle of a commit: what is written goes where it would have gone.
#[test]
fn a_hole_in_the_log_is_told_or_mended() {
    for all_is_written_anew in [false, true] {
        let (folder, path, mut storage) = database();
        storage.commit(&[start(1)]).expect("a trial");
        let log = folder.path().join("study.db-wal");
        let whole = fs::read(&log).expect("a log");
        let kept = if all_is_written_anew { 32 } else { whole.len() - 4096 };
        let file = File::options().write(true).open(&log).expect("a log");
        (&file).write_all(&vec![0; kept]).expect("zeros");
        let result = storage.commit(&[start(2)]);
        match all_is_written_anew {
            true => {
                result.expect("nothing but the beginning of the log is gone");
                storage.commit(&[start(3)]).expect("it goes on");
                // As after a kill: nobody has copied anything.
                let copy = folder.path().join("copy.db");
                fs::copy(&path, &copy).and_then(|_| fs::copy(&log, copy.with_extension("db-wal"))).expect("copies");
                assert_eq!(read(&copy, None).expect("a study").trials.len(), 4);
            }
            false => {
                assert!(matches!(result, Err(StorageError::LogSpoilt { .. })), "{result:?}");
                drop(storage);
                assert_eq!(read(&path, None).expect("a study").trials.len(), 0);
            }
        }
    }
}

/// What `PRAGMA wal_checkpoint(TRUNCATE)` of another program does loses nothing.
#[test]
fn a_log_that_another_program_has_emptied_by_the_rules_is_no_loss() {
    let (_folder, path, mut storage) = database();
    let other = Connection::open(&path).expect("a second connection");
    other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0)).expect("a checkpoint");
    assert_eq!(fs::metadata(path.with_extension("db-wal")).expect("a log").len(), 0);
    storage.commit(&[start(1)]).expect("it goes on");
    storage.check().expect("it is whole");
    assert_eq!(read(&path, None).expect("a study").trials.len(), 2);
}

#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_told_by_its_name_and_not_waited_for() {
    for name in ["study.db", "study.db-lock", "study.db-wal"] {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, odd) = (folder.path().join("study.db"), folder.path().join(name));
        let pipe = std::process::Command::new("mkfifo").arg(&odd).status();
        for is_pipe in [true, false] {
            match is_pipe {
                true => assert!(pipe.as_ref().is_ok_and(|status| status.success())),
                false => fs::remove_file(&odd).and_then(|()| fs::create_dir(&odd)).expect("a folder instead"),
            }
            let error = SqliteStorage::open(&path, "s").expect_err("it is no regular file");
            assert!(matches!(&error, StorageError::NotRegular { path } if *path == odd), "{error}");
        }
    }
    let error = read("/dev/zero", None).expect_err("it is a device");
    assert!(error.to_string().contains("/dev/zero is no regular file"), "{error}");
}

#[test]
fn studies_of_optuna_are_shown_as_far_as_they_can_be() {
    let (_folder, path, storage) = database();
    drop(storage);
    let rows = r#"INSERT INTO studies VALUES (7, 'mo');
        INSERT INTO study_directions VALUES (NULL, 'MINIMIZE', 7, 0), (NULL, 'MAXIMIZE', 7, 1);
        INSERT INTO studies VALUES (8, 'odd');
        INSERT INTO study_directions VALUES (NULL, 'MINIMIZE', 8, 0);
        INSERT INTO trials VALUES (80, 0, 8, 'WAITING', NULL, NULL);
        INSERT INTO trial_system_attributes VALUES (NULL, 80, 'fixed_params', '{"optimizer": "\ud800", "layers": {"a": 1}}');
        INSERT INTO trial_params VALUES (NULL, 80, 'y', 0.5, '{"name": "Strange", "attributes": {}}');"#;
    Connection::open(&path).and_then(|other| other.execute_batch(rows)).expect("studies of Optuna");
    let error = read(&path, Some("mo")).expect_err("two objectives");
    assert!(error.to_string().contains("has 2 objectives"), "{error}");
    let odd = read(&path, Some("odd")).expect("it can be shown");
    assert_eq!(odd.trials[0].fixed.as_ref().map(|fixed| fixed.len()), Some(2));
}

#[cfg(unix)]
const FEW_FILES: &str = "TUNEFORK_TEST_FEW_FILES";

/// Does nothing by itself: the test below runs it in a process that may open few files.
#[cfg(unix)]
#[test]
fn study_to_be_opened_among_few_files() {
    let Some(path) = std::env::var_os(FEW_FILES) else {
        return;
    };
    let mut others: Vec<File> = std::iter::from_fn(|| File::open("/").ok()).collect();
    for free in 0..20 {
        match SqliteStorage::open(&path, "s") {
            Ok(_) => return assert!(free > 2, "database, log and lock are three files"),
            Err(error) => assert!(error.to_string().contains("ulimit -n"), "{free} files: {error}"),
        }
        others.pop();
    }
    panic!("20 files are enough");
}

#[cfg(unix)]
#[test]
fn a_lack_of_files_is_told_whatever_could_not_be_opened() {
    let (_folder, path, storage) = database();
    drop(storage);
    let program = std::env::current_exe().expect("this program");
    let limited = "ulimit -n 64 && exec \"$0\" --exact study_to_be_opened_among_few_files";
    let child = std::process::Command::new("sh").args(["-c", limited]).arg(program).env(FEW_FILES, &path).output();
    let child = child.expect("a shell");
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    let out = String::from_utf8_lossy(&child.stdout);
    assert!(out.contains("1 passed"), "{out}");
}

const FOLDER: &str = "TUNEFORK_TEST_FOLDER_WITH_ODD_NAME";

/// Does nothing by itself: the test below runs it in a process that works in a folder of its own.
#[test]
fn study_whose_name_is_an_address() {
    if std::env::var_os(FOLDER).is_none() {
        return;
    }
    let path = Path::new("file:study.db?mode=memory");
    let mut storage = open(path);
    storage.create(&StudyHeader::new("s", Direction::Minimize, 0)).expect("a study");
    drop(storage);
    assert!(path.is_file(), "it is where it was asked for");
    assert_eq!(read(path, None).expect("a study").trials.len(), 0);
}

#[test]
fn a_path_that_looks_like_an_address_is_a_path() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = std::env::current_exe().expect("this program");
    let child = std::process::Command::new(program)
        .args(["--exact", "study_whose_name_is_an_address"])
        .current_dir(folder.path())
        .env(FOLDER, "")
        .output()
        .expect("this program");
    let out = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && out.contains("1 passed"), "{out}");
}
