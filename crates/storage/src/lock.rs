//! The file beside a database whose lock shows other processes of ours that it is written.

use crate::StorageError;
use crate::beside::{Identity, beside, check_regular, real};
use crate::error::of_io;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// A lock that is held. The system frees it when the process dies.
#[derive(Debug)]
pub(crate) struct Lock {
    path: PathBuf,
    identity: Identity,
    _file: File,
}

/// Whether a process of ours writes to the database at `path` at this moment, so whether its study runs.
pub fn is_in_use(path: impl AsRef<Path>) -> bool {
    let file = File::open(beside(&real(path.as_ref()), "-lock"));
    // The lock that is had here is given back at once.
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

impl Lock {
    /// Takes the lock of the database at `path`.
    pub(crate) fn take(path: &Path) -> Result<Self, StorageError> {
        let real = real(path);
        check_regular(&real)?;
        let name = beside(&real, "-lock");
        let file = File::options().create(true).truncate(false).write(true).open(&name);
        let file = file.map_err(|error| of_io(&name, &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StorageError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(of_io(&name, &error)),
        }
        let identity = Identity::from(&file.metadata().map_err(|error| of_io(&name, &error))?);
        Ok(Lock { path: name, identity, _file: file })
    }

    /// Whether others can see that the lock is held: they would take another file at its place for free.
    pub(crate) fn check(&self) -> Result<(), StorageError> {
        match self.identity.is_at(&self.path) {
            true => Ok(()),
            false => Err(StorageError::LockRemoved { path: self.path.clone() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_in_use_as_long_as_its_lock_is_held() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study.db");
        assert!(!is_in_use(&path), "there is none");
        let lock = Lock::take(&path).unwrap();
        assert!(is_in_use(&path));
        drop(lock);
        assert!(!is_in_use(&path) && Lock::take(&path).is_ok());
    }
}
