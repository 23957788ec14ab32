//! SQLite's errors in the words of the storage contract.

use rusqlite::ErrorCode;
use std::io;
use std::path::Path;
use std::time::Duration;
use tunefork_study::StorageError;

/// What can go wrong inside this crate, before the path is added.
#[derive(Debug)]
pub(crate) enum DatabaseError {
    Sql(rusqlite::Error),
    /// Contents that contradict the schema or themselves.
    Damaged(String),
    Other(StorageError),
    /// A study of Optuna's that is none of ours could be.
    Objectives {
        name: String,
        objectives: usize,
    },
    /// Another program was faster: what it did.
    Overtaken(String),
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        DatabaseError::Sql(error)
    }
}

impl DatabaseError {
    /// The study is no longer there, or another one has its name.
    pub(crate) fn deleted() -> Self {
        DatabaseError::Overtaken("it deleted the study".to_owned())
    }

    pub(crate) fn at(self, path: &Path, patience: Duration) -> StorageError {
        match self {
            DatabaseError::Sql(error) => of_sqlite(path, patience, &error),
            DatabaseError::Damaged(detail) => StorageError::Damaged { path: path.to_owned(), detail },
            DatabaseError::Other(error) => error,
            DatabaseError::Objectives { name, objectives } => {
                StorageError::Objectives { path: path.to_owned(), name, objectives }
            }
            DatabaseError::Overtaken(detail) => StorageError::Overtaken { path: path.to_owned(), detail },
        }
    }
}

fn of_sqlite(path: &Path, patience: Duration, error: &rusqlite::Error) -> StorageError {
    let path = path.to_owned();
    let detail = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            StorageError::Locked { path, seconds: patience.as_secs() }
        }
        Some(ErrorCode::DiskFull) => StorageError::Full { path },
        Some(ErrorCode::CannotOpen) if is_out_of_files() => {
            StorageError::Other { path, detail: NO_MORE_FILES.to_owned() }
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            StorageError::ReadOnly { path, detail }
        }
        // What another program has removed or added by SQL: no statement of ours breaks a rule of the tables by itself.
        Some(ErrorCode::ConstraintViolation) => StorageError::Damaged {
            path,
            detail: format!(
                "another program has removed or added rows, and what is left contradicts itself ({detail})"
            ),
        },
        Some(ErrorCode::NotADatabase) => StorageError::NotADatabase { path, detail },
        Some(ErrorCode::DatabaseCorrupt) => StorageError::Damaged { path, detail },
        Some(ErrorCode::SystemIoFailure) => StorageError::Other {
            path,
            detail: format!(
                "{detail}; see whether its disk works and has room, and files may be so long (ulimit -f), and run the same command again"
            ),
        },
        Some(_) => StorageError::Other { path, detail },
        // A column of another type than the schema says, a missing row.
        None => StorageError::Damaged { path, detail },
    }
}

const NO_MORE_FILES: &str =
    "the system opens no more files for this program; raise their limit (ulimit -n) and run the same command again";

/// Whether the files that SQLite needs side by side (database, log, index, journal) are too many. It does not tell why it
/// could not open one.
fn is_out_of_files() -> bool {
    let files: Vec<_> = (0..4).map(|_| std::fs::File::open("/")).collect();
    files.iter().any(|file| file.as_ref().is_err_and(is_too_many))
}

/// ENFILE and EMFILE, which are these numbers on every Unix.
fn is_too_many(error: &io::Error) -> bool {
    cfg!(unix) && matches!(error.raw_os_error(), Some(23 | 24))
}

pub(crate) fn of_io(path: &Path, error: &io::Error) -> StorageError {
    let path = path.to_owned();
    match error.kind() {
        _ if is_too_many(error) => StorageError::Other { path, detail: NO_MORE_FILES.to_owned() },
        io::ErrorKind::StorageFull => StorageError::Full { path },
        io::ErrorKind::NotFound => StorageError::Missing { path },
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            StorageError::ReadOnly { path, detail: error.to_string() }
        }
        _ => StorageError::Other { path, detail: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    /// What stands first in the debugging form: the kind of error.
    fn kind(error: &StorageError) -> String {
        let all = format!("{error:?}");
        all.split(' ').next().unwrap().to_owned()
    }

    #[test]
    fn errors_of_sqlite_are_told_by_their_kind() {
        for (code, expected) in [
            (ffi::SQLITE_BUSY, "Locked"),
            (ffi::SQLITE_LOCKED, "Locked"),
            (ffi::SQLITE_FULL, "Full"),
            (ffi::SQLITE_CANTOPEN, "ReadOnly"),
            (ffi::SQLITE_READONLY, "ReadOnly"),
            (ffi::SQLITE_PERM, "ReadOnly"),
            (ffi::SQLITE_CONSTRAINT, "Damaged"),
            (ffi::SQLITE_NOTADB, "NotADatabase"),
            (ffi::SQLITE_CORRUPT, "Damaged"),
            (ffi::SQLITE_IOERR, "Other"),
            (ffi::SQLITE_NOMEM, "Other"),
        ] {
            let sqlite = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            let error = DatabaseError::from(sqlite).at(Path::new("a.db"), Duration::from_secs(7));
            assert_eq!(kind(&error), expected, "{code}");
            let says = |words: &str| error.to_string().contains(words);
            assert_eq!(says("another program has removed"), code == ffi::SQLITE_CONSTRAINT, "{error}");
            assert_eq!(says("ulimit -f"), code == ffi::SQLITE_IOERR, "{error}");
            assert!(!says("ulimit -n"), "there are files enough: {error}");
        }
        let missing = DatabaseError::from(rusqlite::Error::QueryReturnedNoRows);
        assert_eq!(kind(&missing.at(Path::new("a.db"), Duration::ZERO)), "Damaged");
    }

    #[test]
    fn errors_of_the_system_are_told_by_their_kind() {
        for (system, expected) in [
            (io::ErrorKind::StorageFull, "Full"),
            (io::ErrorKind::NotFound, "Missing"),
            (io::ErrorKind::PermissionDenied, "ReadOnly"),
            (io::ErrorKind::ReadOnlyFilesystem, "ReadOnly"),
            (io::ErrorKind::InvalidFilename, "Other"),
        ] {
            assert_eq!(kind(&of_io(Path::new("a.db"), &system.into())), expected, "{system}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_lack_of_files_is_told_with_what_raises_it() {
        // EACCES, ENFILE, EMFILE, ENOTTY.
        for (number, is_lack) in [(13, false), (23, true), (24, true), (25, false)] {
            let error = of_io(Path::new("a.db"), &io::Error::from_raw_os_error(number));
            assert_eq!(error.to_string().contains("ulimit -n"), is_lack, "{error}");
        }
    }
}
