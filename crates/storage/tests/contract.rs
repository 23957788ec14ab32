//! SQLite keeps the contract of every storage.

use tempfile::TempDir;
use tunefork_storage::SqliteStorage;
use tunefork_study::{Change, Storage, StorageError, StudyHeader, StudyRecord, storage_conformance};

/// A database in a folder of its own, which goes with it.
struct Temporary {
    storage: SqliteStorage,
    folder: TempDir,
}

impl Temporary {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("there is a place for temporary files");
        Temporary { storage: open(&folder), folder }
    }

    fn reopen(self) -> Self {
        let Temporary { storage, folder } = self;
        drop(storage);
        Temporary { storage: open(&folder), folder }
    }
}

fn open(folder: &TempDir) -> SqliteStorage {
    let path = folder.path().join("über study.db");
    SqliteStorage::open(path, "ein Name, with spaces").expect("the database can be opened")
}

impl Storage for Temporary {
    fn load(&mut self) -> Result<Option<StudyRecord>, StorageError> {
        self.storage.load()
    }

    fn create(&mut self, header: &StudyHeader) -> Result<(), StorageError> {
        self.storage.create(header)
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), StorageError> {
        self.storage.commit(changes)
    }
}

storage_conformance!(Temporary::new, Temporary::reopen);
