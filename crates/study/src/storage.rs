//! The contract that every storage keeps.

use crate::{Change, StudyHeader, StudyRecord};
use std::path::PathBuf;
use tunefork_trial::TrialNumber;

/// Where a study is kept.
///
/// A storage value stands for one study, by its name, and its owner is the study's only writer.
///
/// # The contract
///
/// 1. *A commit is all or nothing.* After [`commit`](Storage::commit) returns `Ok`, every change of the
///    list is seen by every later [`load`](Storage::load), of this value and of any other on the same
///    study, and survives the death of the process. After an error none is seen, and the value can
///    be used on: the same list may be committed again.
/// 2. *Order.* Changes take effect in the order of the list, and lists in the order of their commits.
/// 3. *The life of a trial* is Waiting → Running ⇄ Paused → Complete, Pruned or Failed; a trial may also
///    begin as Running, and end from any unfinished state. Numbers are dense: a new trial has the
///    number of trials there are. Reports come while it runs, with growing steps.
/// 4. *Finished trials are final.* No change touches them; readers may keep them forever.
/// 5. *Parameters agree.* A name has, over all trials of a study, one kind of domain: float or int with
///    the same `log`, or the same list of choices. Bounds and steps may differ.
/// 6. *Numbers come back as they were*: the same bits, with two exceptions, that −0.0 may come back as
///    0.0, and a NaN with another payload. Values of trials are never NaN. Texts come back as they were.
/// 7. *A broken rule is refused*, as [`StorageError::Refused`], before anything is written. What a
///    storage must check stands in [`Ledger`](crate::Ledger), which does it for all of them.
/// 8. *Readers do not disturb*: a study can be read while it is written, each time as the
///    consistent state after some commit.
/// 9. *One writer*: opening a study for writing twice at a time fails for the second, in other processes too.
pub trait Storage: Send {
    /// The whole study, or `None` if it was not created yet.
    ///
    /// # Errors
    /// [`StorageError`] if the study cannot be read whole.
    fn load(&mut self) -> Result<Option<StudyRecord>, StorageError>;

    /// Creates the study.
    ///
    /// # Errors
    /// [`StorageError::Refused`] if it exists; others if it cannot be written.
    fn create(&mut self, header: &StudyHeader) -> Result<(), StorageError>;

    /// Writes changes to the study, which must exist.
    ///
    /// # Errors
    /// [`StorageError::Refused`] if a change breaks the contract; others if it cannot be written.
    fn commit(&mut self, changes: &[Change]) -> Result<(), StorageError>;

    /// The whole study, if another program has changed it since it was last loaded. Storages that no other program can
    /// reach have no news.
    ///
    /// # Errors
    /// As [`load`](Self::load); also a study that is no longer there.
    fn news(&mut self) -> Result<Option<StudyRecord>, StorageError> {
        Ok(None)
    }
}

/// Why a storage cannot do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// A change breaks the contract.
    #[error("{}{detail}", trial.map(|t| format!("trial {t}: ")).unwrap_or_default())]
    Refused {
        /// The trial concerned, if it is one.
        trial: Option<TrialNumber>,
        /// Which rule, and what was found.
        detail: String,
    },
    /// Another program has changed the study since it was last loaded, and the change can not be made any more. What
    /// [`Storage::news`] returns then is where to go on from.
    #[error("another program changed the study in {}: {detail}; run the same command again to take that in", path.display())]
    Overtaken {
        /// The database with the study.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// Another program holds the database for longer than we wait.
    #[error("{} is locked by another program for more than {seconds} s; close what writes to it and run the same command again", path.display())]
    Locked {
        /// The database that the other program holds.
        path: PathBuf,
        /// Seconds that we waited.
        seconds: u64,
    },
    /// The database that was opened is no longer there.
    #[error("{} was removed or replaced while it was in use; put it back, or start anew in another folder", path.display())]
    Removed {
        /// Where it was.
        path: PathBuf,
    },
    /// The file whose lock shows the database to be in use is no longer there, so that others do not see it.
    #[error("{} was removed or replaced while the study ran, and another run may be writing the study by now; what was reported is kept: run the same command again", path.display())]
    LockRemoved {
        /// Where the file was.
        path: PathBuf,
    },
    /// The log of the database that is open is no longer there.
    #[error("{} was removed or replaced while the study ran; what was reported is kept: run the same command again", path.display())]
    LogRemoved {
        /// Where the log was.
        path: PathBuf,
    },
    /// The log of the database that is open has lost what was written to it.
    #[error("{} was cut short or overwritten while the study ran, and what was reported last is lost with it; run the same command again to go on from what is left", path.display())]
    LogSpoilt {
        /// Where the log is.
        path: PathBuf,
    },
    /// Beside the database lies the log of another one, or of another state of it.
    #[error("{0} and the log beside it, {0}-wal, contradict each other ({detail}), as when a copy of the database was put back and the log was left; nothing was changed: where it is such a copy, remove {0}-wal and {0}-shm and run the same command again, else put back a copy of all three, or start anew in another folder", path.display())]
    LogDiffers {
        /// The database.
        path: PathBuf,
        /// What was found where.
        detail: String,
    },
    /// The database has another name beside the one that was given.
    #[error("{} is one of {names} names of the same file (hard links), each of which would have a log of its own; keep one of them, and copies for the others", path.display())]
    HardLinked {
        /// The name that was given.
        path: PathBuf,
        /// Number of names.
        names: u64,
    },
    /// The study is being written by another process of ours.
    #[error("{} is in use by another run; wait for it or stop it", path.display())]
    InUse {
        /// The database that the other run writes.
        path: PathBuf,
    },
    /// The tables are of a later version of this program.
    #[error("{} was written by a newer version (tables of version {found}, this program knows up to {known}); update this program", path.display())]
    NewerVersion {
        /// The database with the newer tables.
        path: PathBuf,
        /// Version of its tables.
        found: i64,
        /// Latest version that this program reads.
        known: i64,
    },
    /// The tables follow another schema of Optuna.
    #[error("{} has Optuna's schema {found}, but {expected} is needed; {}", path.display(), if *newer { "update this program, or make the study with an older Optuna" } else { "`optuna storage upgrade` may bring it there" })]
    OptunaVersion {
        /// The database with the other schema.
        path: PathBuf,
        /// Revision of its schema, as Optuna names it.
        found: String,
        /// Whether it is newer than the one that is needed.
        newer: bool,
        /// The one revision that this program reads and writes.
        expected: &'static str,
    },
    /// A study of Optuna's with several objectives.
    #[error("study `{name}` in {} has {objectives} objectives; studies with one can be read", path.display())]
    Objectives {
        /// The database that it is in.
        path: PathBuf,
        /// The study's name.
        name: String,
        /// How many it has, at least 2.
        objectives: usize,
    },
    /// A pipe, a device or a folder.
    #[error("{} is no regular file; move it away, or name another file or folder", path.display())]
    NotRegular {
        /// The database, or a file that SQLite or we need beside it.
        path: PathBuf,
    },
    /// A link to nothing.
    #[error("{} is a link to {}, which is not there; remove the link, or put back what it leads to", path.display(), target.display())]
    DanglingLink {
        /// The link: the database, or a file that SQLite or we need beside it.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// The file is something else.
    #[error("{} is not a study database ({detail}); name another file or folder", path.display())]
    NotADatabase {
        /// The file that was named as a database.
        path: PathBuf,
        /// What it is instead, or what SQLite said of it.
        detail: String,
    },
    /// No file is where the database should be.
    #[error("there is no database at {}", path.display())]
    Missing {
        /// The file that was looked for.
        path: PathBuf,
    },
    /// The database has no study of this name.
    #[error("{} has no study `{name}`; it has: {}", path.display(), if present.is_empty() { "none".to_owned() } else { present.join(", ") })]
    NoStudy {
        /// The database, which could be read.
        path: PathBuf,
        /// The name asked for.
        name: String,
        /// Names of the studies it has.
        present: Vec<String>,
    },
    /// No name was given, and the database does not hold exactly one study.
    #[error("{} holds {}", path.display(), if present.is_empty() { "no study yet".to_owned() } else { format!("several studies ({}), and which is meant is not said: name it (--study)", present.join(", ")) })]
    NotOneStudy {
        /// The database, which could be read.
        path: PathBuf,
        /// Names of the studies it has: none, or more than one.
        present: Vec<String>,
    },
    /// Writing is not allowed.
    #[error("{} cannot be written: {detail}; check the permissions of the file and its folder", path.display())]
    ReadOnly {
        /// The database that was to be written.
        path: PathBuf,
        /// What the system said.
        detail: String,
    },
    /// No room is left.
    #[error("the disk of {} is full; everything reported before is kept: make room and run the same command again", path.display())]
    Full {
        /// The database that was to be written.
        path: PathBuf,
    },
    /// The contents contradict the schema or themselves.
    #[error("{0} is damaged: {detail}; remove {0}-wal and {0}-shm where they are left and put back a copy of it, or start anew in another folder", path.display())]
    Damaged {
        /// The database with the contradiction.
        path: PathBuf,
        /// What was found where.
        detail: String,
    },
    /// Anything else the database said.
    #[error("{}: {detail}", path.display())]
    Other {
        /// The database that was read or written.
        path: PathBuf,
        /// What SQLite or the system said.
        detail: String,
    },
}

impl StorageError {
    /// Whether what was given is at fault: the database that was named is none, or holds something else.
    pub fn is_input(&self) -> bool {
        match self {
            Self::Missing { .. }
            | Self::NotADatabase { .. }
            | Self::NoStudy { .. }
            | Self::Objectives { .. }
            | Self::NotRegular { .. }
            | Self::DanglingLink { .. }
            | Self::NotOneStudy { .. }
            | Self::NewerVersion { .. }
            | Self::OptunaVersion { .. } => true,
            Self::Refused { .. }
            | Self::Overtaken { .. }
            | Self::Locked { .. }
            | Self::InUse { .. }
            | Self::Removed { .. }
            | Self::LockRemoved { .. }
            | Self::LogRemoved { .. }
            | Self::LogSpoilt { .. }
            | Self::LogDiffers { .. }
            | Self::HardLinked { .. }
            | Self::ReadOnly { .. }
            | Self::Full { .. }
            | Self::Damaged { .. }
            | Self::Other { .. } => false,
        }
    }

    /// A refusal that concerns a trial.
    pub fn refused(trial: TrialNumber, detail: impl Into<String>) -> Self {
        StorageError::Refused { trial: Some(trial), detail: detail.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_named_is_told_from_what_failed_on_the_way() {
        let (path, name, detail, present) = (PathBuf::from("a.db"), "s".to_owned(), "d".to_owned(), Vec::new());
        let path = || path.clone();
        let named = [
            StorageError::Missing { path: path() },
            StorageError::NotADatabase { path: path(), detail: detail.clone() },
            StorageError::NoStudy { path: path(), name: name.clone(), present: present.clone() },
            StorageError::Objectives { path: path(), name, objectives: 2 },
            StorageError::NotRegular { path: path() },
            StorageError::DanglingLink { path: path(), target: path() },
            StorageError::NotOneStudy { path: path(), present },
            StorageError::NewerVersion { path: path(), found: 2, known: 1 },
            StorageError::OptunaVersion { path: path(), found: "v4".to_owned(), newer: true, expected: "v3" },
        ];
        for error in named {
            assert!(error.is_input(), "{error}");
        }
        let on_the_way = [
            StorageError::refused(TrialNumber(0), "d"),
            StorageError::Overtaken { path: path(), detail: detail.clone() },
            StorageError::Locked { path: path(), seconds: 5 },
            StorageError::InUse { path: path() },
            StorageError::Removed { path: path() },
            StorageError::LockRemoved { path: path() },
            StorageError::LogRemoved { path: path() },
            StorageError::LogSpoilt { path: path() },
            StorageError::LogDiffers { path: path(), detail: detail.clone() },
            StorageError::HardLinked { path: path(), names: 2 },
            StorageError::ReadOnly { path: path(), detail: detail.clone() },
            StorageError::Full { path: path() },
            StorageError::Damaged { path: path(), detail: detail.clone() },
            StorageError::Other { path: path(), detail },
        ];
        for error in on_the_way {
            assert!(!error.is_input(), "{error}");
        }
    }
}
