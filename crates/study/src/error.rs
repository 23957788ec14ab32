//! What can go wrong with a study.

use crate::facts::{few, joined};
use crate::{Difference, StorageError};
use std::path::PathBuf;
use tunefork_space::SpaceError;
use tunefork_trial::TrialNumber;

/// Why a study cannot start or go on. Nothing that was reported is lost.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StudyError {
    /// The study could not be read or written, or a change would break the storage contract.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A domain or value is wrong.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// The settings are not those of the stored study.
    #[error(
        "study `{study}` was started with other settings: {}; what a study is compared by stays, only its budget may grow: restore the settings, or start anew under another name or folder",
        few(differences)
    )]
    SettingsChanged {
        /// Name of the study.
        study: String,
        /// Each setting that is another, as from [`Facts::differences`](crate::Facts::differences).
        differences: Vec<Difference>,
    },
    /// The fingerprint is not that of the stored study.
    #[error(
        "study `{study}` was started under another fingerprint: {}; its results would not be reproducible: go on where it was started, or accept the drift (--accept-drift)",
        joined(differences)
    )]
    FingerprintChanged {
        /// Name of the study.
        study: String,
        /// Each fact of the fingerprint that is another.
        differences: Vec<Difference>,
    },
    /// The budget is smaller than what the stored study has.
    #[error(
        "study `{study}` has {stored} trials and is now asked for {now}; what was begun stays: ask for {stored} or more, or start anew under another name or folder"
    )]
    BudgetShrank {
        /// Name of the study.
        study: String,
        /// Trials that were begun.
        stored: u32,
        /// The smaller number that it is asked for now.
        now: u32,
    },
    /// Computing something again gave another result than the stored one.
    #[error(
        "study `{study}` is not reproducible here: trial {trial}: {detail}; the storage was changed by hand, or the workload or this build is not deterministic (--accept-drift goes on with what is stored)"
    )]
    NotReproducible {
        /// Name of the study.
        study: String,
        /// The first trial that came out otherwise.
        trial: TrialNumber,
        /// What is stored, and what came now.
        detail: String,
    },
    /// An enqueued trial cannot be tried.
    #[error("enqueued trial {index}: {detail}")]
    Enqueued {
        /// Position among the enqueued trials, from 0.
        index: usize,
        /// Which of its values cannot be taken, and why.
        detail: String,
    },
    /// A setting of the executor is out of its range.
    #[error("{name} is {value}; it must be {allowed}")]
    Setting {
        /// Its name, such as `workers`.
        name: &'static str,
        /// The value given, as text.
        value: String,
        /// The range in words, such as `at least 1`.
        allowed: &'static str,
    },
    /// The folder for checkpoints could not be made.
    #[error("cannot write checkpoint {}: {source}; what was reported is kept, run the same command to go on once it can be written", path.display())]
    Checkpoint {
        /// The folder that was wanted.
        path: PathBuf,
        /// Why the system refused.
        source: std::io::Error,
    },
    /// Not one worker could be started.
    #[error(
        "the system has no thread for a worker: {source}; raise the limit of processes or of memory (ulimit -u, -v), or close other programs, and run the same command again"
    )]
    NoThread {
        /// Why the system refused.
        source: std::io::Error,
    },
    /// The workload cannot go on here.
    #[error("the study stopped at trial {trial}: {message}; what was reported is kept, run the same command to go on")]
    Halted {
        /// The trial that met the obstacle.
        trial: TrialNumber,
        /// The obstacle in the workload's words.
        message: String,
    },
    /// The device takes no more work from this process. What is stored and in checkpoints is all that a new process needs to go on.
    #[error(
        "the study stopped at trial {trial}: {message}; what was reported is kept, run the same study again to go on"
    )]
    DeviceLost {
        /// The trial that met the fault.
        trial: TrialNumber,
        /// The fault in the workload's words.
        message: String,
    },
    /// Every point of a finite space was proposed.
    #[error("the search space is used up after {trials} trials")]
    Exhausted {
        /// Trials that the study has, in every state.
        trials: usize,
    },
    /// A trial of ask and tell was used after its end, or wrongly.
    #[error("trial {trial}: {detail}")]
    Misuse {
        /// The trial that was used.
        trial: TrialNumber,
        /// What was wrong, and what is allowed.
        detail: String,
    },
}

impl StudyError {
    /// Whether what was given is at fault: settings, space, enqueued trials. Otherwise something failed on the way.
    pub fn is_input(&self) -> bool {
        match self {
            Self::SettingsChanged { .. }
            | Self::FingerprintChanged { .. }
            | Self::BudgetShrank { .. }
            | Self::Enqueued { .. }
            | Self::Setting { .. }
            | Self::Space(_) => true,
            Self::Storage(_)
            | Self::NotReproducible { .. }
            | Self::Checkpoint { .. }
            | Self::NoThread { .. }
            | Self::Halted { .. }
            | Self::DeviceLost { .. }
            | Self::Exhausted { .. }
            | Self::Misuse { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_is_told_from_what_failed_on_the_way() {
        let (study, trial, detail) = ("s".to_owned(), TrialNumber(0), String::new());
        let source = || std::io::Error::from(std::io::ErrorKind::OutOfMemory);
        let given = [
            StudyError::SettingsChanged { study: study.clone(), differences: Vec::new() },
            StudyError::FingerprintChanged { study: study.clone(), differences: Vec::new() },
            StudyError::BudgetShrank { study: study.clone(), stored: 2, now: 1 },
            StudyError::Enqueued { index: 0, detail: detail.clone() },
            StudyError::Setting { name: "slots", value: "0".to_owned(), allowed: "at least 1" },
            StudyError::from(tunefork_space::Domain::uniform(1.0, 0.0).unwrap_err().of("x")),
        ];
        for error in given {
            assert!(error.is_input(), "{error}");
        }
        let on_the_way = [
            StudyError::from(StorageError::Full { path: "a.db".into() }),
            StudyError::NotReproducible { study, trial, detail: detail.clone() },
            StudyError::Checkpoint { path: "c".into(), source: source() },
            StudyError::NoThread { source: source() },
            StudyError::Halted { trial, message: detail.clone() },
            StudyError::DeviceLost { trial, message: detail.clone() },
            StudyError::Exhausted { trials: 1 },
            StudyError::Misuse { trial, detail },
        ];
        for error in on_the_way {
            assert!(!error.is_input(), "{error}");
        }
    }
}
