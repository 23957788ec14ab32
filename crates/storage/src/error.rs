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
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            StorageError::ReadOnly { path, detail }
        }
        Some(ErrorCode::NotADatabase) => StorageError::NotADatabase { path, detail },
        Some(ErrorCode::DatabaseCorrupt) => StorageError::Damaged { path, detail },
        Some(ErrorCode::SystemIoFailure) => StorageError::Other {
            path,
            detail: format!("{detail}; see whether its disk works and has room, and run the same command again"),
        },
        Some(_) => StorageError::Other { path, detail },
        // A column of another type than the schema says, a missing row.
        None => StorageError::Damaged { path, detail },
    }
}

pub(crate) fn of_io(path: &Path, error: &io::Error) -> StorageError {
    let path = path.to_owned();
    match error.kind() {
        io::ErrorKind::StorageFull => StorageError::Full { path },
        io::ErrorKind::NotFound => StorageError::Missing { path },
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            StorageError::ReadOnly { path, detail: error.to_string() }
        }
        _ => StorageError::Other { path, detail: error.to_string() },
    }
}
