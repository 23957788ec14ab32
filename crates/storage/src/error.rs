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
        Some(ErrorCode::CannotOpen) if is_out_of_files(&path) => {
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
fn is_out_of_files(path: &Path) -> bool {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let files: Vec<_> = (0..4).map(|_| std::fs::File::open(folder)).collect();
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
