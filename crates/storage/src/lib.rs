//! Keeps studies in SQLite, in Optuna's own schema, so that Optuna's tools open them while they run.
//!
//! * [`SqliteStorage`] is a [`Storage`]: the one writer of a study.
//! * [`read`] and [`names`] look at a database, also while a study in it runs, without disturbing it.
//!
//! Optuna's tables are written to the letter (its schema 12, of versions 3.2 to 5.0); what they have
//! no room for, such as virtual times and reasons for an end, stands in tables of ours beside them.
//!
//! ```
//! use tunefork_storage::SqliteStorage;
//! use tunefork_study::{Storage, StudyHeader};
//! use tunefork_trial::Direction;
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("study.db");
//! let mut storage = SqliteStorage::open(&path, "example")?;
//! storage.create(&StudyHeader::new("example", Direction::Maximize, 0))?;
//!
//! assert_eq!(tunefork_storage::names(&path)?, ["example"]);
//! assert_eq!(tunefork_storage::read(&path, None)?.trials.len(), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod beside;
mod database;
mod derived_attributes;
mod distribution;
mod error;
mod json;
mod lock;
mod log;
mod reading;
mod schema;
mod time;
mod versions;
mod writing;

use database::{Access, Database};
pub use lock::is_in_use;
use std::path::Path;
use std::time::Duration;
use tunefork_study::{Change, Ledger, Storage, StorageError, StudyHeader, StudyRecord};

/// How a database is opened for writing.
#[derive(Clone, Copy, Debug)]
pub struct SqliteOptions {
    /// Wait for the disk at every commit, so that a power cut loses nothing. Without it a commit
    /// survives the death of the process, and a power cut may lose the last ones.
    pub durable: bool,
    /// How long to wait for another program that holds the database.
    pub patience: Duration,
}

impl Default for SqliteOptions {
    /// Not durable against power cuts; 5 seconds of patience.
    fn default() -> Self {
        SqliteOptions { durable: false, patience: Duration::from_secs(5) }
    }
}

/// One study in an SQLite database, opened for writing.
///
/// Beside the database `<name>` lies `<name>-lock`, an empty file whose lock shows other processes
/// that the database is in use. The system frees it when a process dies. Databases on network file
/// systems are not supported: SQLite's own locks are not reliable there.
#[derive(Debug)]
pub struct SqliteStorage {
    database: Database,
    name: String,
    /// The study, once it exists.
    study: Option<OpenStudy>,
    /// The study as it was loaded, until we write to it.
    loaded: Option<StudyRecord>,
}

/// What must be known to write to a study.
#[derive(Debug)]
struct OpenStudy {
    id: i64,
    /// Whether it has rows of ours.
    ours: bool,
    ledger: Ledger,
    /// Row ids by trial number.
    trial_ids: Vec<i64>,
    /// The largest row id of a trial of any study, as far as we know.
    last_trial_id: i64,
    /// What SQLite counts the changes of others by, as of when the study was loaded.
    version: i64,
}

impl SqliteStorage {
    /// Opens or creates a database for the study of this name, with default options. The study itself
    /// is created by [`Storage::create`].
    ///
    /// # Errors
    /// [`StorageError`] if the file is no study database, is of a newer version, is in use, or cannot
    /// be written.
    pub fn open(path: impl AsRef<Path>, name: impl Into<String>) -> Result<Self, StorageError> {
        Self::open_with(path, name, SqliteOptions::default())
    }

    /// As [`open`](Self::open), with options.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(
        path: impl AsRef<Path>,
        name: impl Into<String>,
        options: SqliteOptions,
    ) -> Result<Self, StorageError> {
        let database = Database::open(path.as_ref(), Access::Write, options)?;
        Ok(SqliteStorage { database, name: name.into(), study: None, loaded: None })
    }

    /// Looks for the study unless it is known: whoever opens a database mostly loads it next.
    fn know_study(&mut self) -> Result<(), StorageError> {
        match self.study {
            Some(_) => Ok(()),
            None => self.find_study().map(|_| ()),
        }
    }

    /// Looks at the whole database through other eyes: it is no study that ended well which nobody can read.
    ///
    /// # Errors
    /// [`StorageError`] if it is damaged, or its log is.
    pub fn check(&self) -> Result<(), StorageError> {
        self.database.check()
    }

    /// Whether another program has changed the database since the study was loaded.
    fn is_changed(&self) -> bool {
        let version = self.database.version();
        self.study.as_ref().is_some_and(|study| version.is_ok_and(|version| version != study.version))
    }

    fn find_study(&mut self) -> Result<Option<StudyRecord>, StorageError> {
        // What is changed between the two is news again.
        let version = self.database.version()?;
        let found = self.database.snapshot(|connection| reading::study(connection, &self.name))?;
        self.database.trust_log();
        let Some(found) = found else {
            self.study = None;
            return Ok(None);
        };
        self.study = Some(OpenStudy {
            id: found.id,
            ours: found.ours,
            ledger: Ledger::of(&found.record),
            trial_ids: found.trial_ids,
            last_trial_id: found.last_trial_id,
            version,
        });
        self.loaded = Some(found.record.clone());
        Ok(Some(found.record))
    }
}

impl Storage for SqliteStorage {
    fn load(&mut self) -> Result<Option<StudyRecord>, StorageError> {
        if let (Some(study), Some(loaded)) = (&self.study, &self.loaded)
            && self.database.version()? == study.version
        {
            return Ok(Some(loaded.clone()));
        }
        self.find_study()
    }

    fn create(&mut self, header: &StudyHeader) -> Result<(), StorageError> {
        self.know_study()?;
        if self.study.is_some() || header.name != self.name {
            return Err(StorageError::Refused {
                trial: None,
                detail: format!(
                    "study `{}` cannot be created in a storage opened for `{}`{}",
                    header.name,
                    self.name,
                    if self.study.is_some() { ", which exists already" } else { "" }
                ),
            });
        }
        self.database.transaction(|connection| writing::create(connection, header))?;
        // Who loses the log then goes on with a study that knows less, and does not begin another one.
        self.database.copy_log();
        self.find_study().map(|_| ())
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), StorageError> {
        self.know_study()?;
        let Some(study) = &mut self.study else {
            return Err(StorageError::Refused {
                trial: None,
                detail: format!("study `{}` was not created yet", self.name),
            });
        };
        let admission = study.ledger.admit(changes)?;
        self.loaded = None;
        let (trials_before, last_before) = (study.trial_ids.len(), study.last_trial_id);
        let written = self.database.transaction(|connection| {
            writing::check_study(connection, study, &self.name)?;
            changes.iter().try_for_each(|change| writing::apply(connection, study, change))
        });
        if written.is_err() {
            study.trial_ids.truncate(trials_before);
            study.last_trial_id = last_before;
            study.ledger.revert(admission);
        }
        match written {
            // What rules of the tables forbid is no damage where another program was faster.
            Err(StorageError::Damaged { path, detail }) if self.is_changed() => {
                Err(StorageError::Overtaken { path, detail })
            }
            written => written,
        }
    }

    fn news(&mut self) -> Result<Option<StudyRecord>, StorageError> {
        let Some(OpenStudy { id, ours, version, .. }) = self.study else { return Ok(None) };
        if self.database.version()? == version {
            return Ok(None);
        }
        let found = self.find_study()?;
        match &self.study {
            Some(study) if study.id == id && study.ours == ours => Ok(found),
            Some(_) | None => Err(error::DatabaseError::deleted().at(self.database.path(), Duration::ZERO)),
        }
    }
}

/// Reads a study as it is now, while others may write to it. Without a name the database must hold
/// exactly one study.
///
/// # Errors
/// [`StorageError`] if there is no such database or study, or it cannot be read whole.
pub fn read(path: impl AsRef<Path>, name: Option<&str>) -> Result<StudyRecord, StorageError> {
    let path = path.as_ref();
    let database = Database::open(path, Access::Read, SqliteOptions::default())?;
    let present = database.snapshot(reading::names)?;
    let path = path.to_owned();
    let name = match (name, present.as_slice()) {
        (Some(name), _) => name,
        (None, [only]) => only,
        (None, _) => return Err(StorageError::NotOneStudy { path, present }),
    };
    match database.snapshot(|connection| reading::study(connection, name))? {
        Some(found) => Ok(found.record),
        None => Err(StorageError::NoStudy { path, name: name.to_owned(), present }),
    }
}

/// Names of the studies in a database.
///
/// # Errors
/// As [`read`].
pub fn names(path: impl AsRef<Path>) -> Result<Vec<String>, StorageError> {
    Database::open(path.as_ref(), Access::Read, SqliteOptions::default())?.snapshot(reading::names)
}

/// Names of the studies in a database that were begun by this library, not by Optuna.
///
/// # Errors
/// As [`read`].
pub fn own_names(path: impl AsRef<Path>) -> Result<Vec<String>, StorageError> {
    Database::open(path.as_ref(), Access::Read, SqliteOptions::default())?.snapshot(reading::own_names)
}
