//! The files of a database: itself, and those that lie beside it.

use crate::StorageError;
use std::fs::Metadata;
use std::io;
#[cfg(unix)]
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Files beside a database, by what their names have more than its own.
const BESIDE: [&str; 5] = ["", "-lock", "-wal", "-shm", "-journal"];

/// The path of a file beside a database.
pub(crate) fn beside(path: &Path, more: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(more);
    name.into()
}

/// Refuses pipes, which would be waited for, links that lead nowhere, and whatever else is no file of its own, before anything is
/// opened.
pub(crate) fn check_regular(path: &Path) -> Result<(), StorageError> {
    BESIDE.iter().map(|more| beside(path, more)).try_for_each(|path| match std::fs::metadata(&path) {
        Ok(metadata) if !metadata.is_file() => Err(StorageError::NotRegular { path }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match std::fs::read_link(&path) {
            Ok(target) => Err(StorageError::DanglingLink { path, target }),
            Err(_) => Ok(()),
        },
        Ok(_) | Err(_) => Ok(()),
    })
}

/// SQLite keeps a log beside each name of a database: two names would have two, and spoil what they share.
pub(crate) fn check_names(path: &Path) -> Result<(), StorageError> {
    #[cfg(unix)]
    if let Ok(file) = std::fs::metadata(path)
        && file.is_file()
        && file.nlink() > 1
    {
        return Err(StorageError::HardLinked { path: path.to_owned(), names: file.nlink() });
    }
    Ok(())
}

/// The path without links, so that a database has one lock however it is named. The file itself need not be there yet.
pub(crate) fn real(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let beside = || Some(folder.canonicalize().ok()?.join(path.file_name()?));
    path.canonicalize().ok().or_else(beside).unwrap_or_else(|| path.to_owned())
}

/// What tells a file from another one at the same path. A database is looked at and not opened: closing it would free the
/// locks that SQLite has on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Device and number of the file. Elsewhere the system lets nobody remove an open file.
    #[cfg(unix)]
    place: (u64, u64),
}

impl Identity {
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        Ok(Identity::from(&std::fs::metadata(path)?))
    }

    /// Whether it is the file that is at the path now.
    pub(crate) fn is_at(self, path: &Path) -> bool {
        Identity::of(path).is_ok_and(|now| now == self)
    }
}

impl From<&Metadata> for Identity {
    fn from(_metadata: &Metadata) -> Self {
        Identity {
            #[cfg(unix)]
            place: (_metadata.dev(), _metadata.ino()),
        }
    }
}
