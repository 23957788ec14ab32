//! What can go wrong when a study is run, in one type.

use std::path::{Path, PathBuf};

use tunefork_atomic_file::way_out;
use tunefork_data::{DataError, shown};
use tunefork_download::DownloadError;
use tunefork_export::ExportError;
use tunefork_study::{FailureKind, StorageError, StudyError, TrialFailure};
use tunefork_train::{EngineError, TrainError};

use crate::study_file::FileError;

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The study file is wrong.
    #[error(transparent)]
    File(#[from] FileError),
    /// A setting of the study file led to another error.
    #[error("{shown}")]
    Placed {
        /// The error with the place of the setting.
        shown: FileError,
        /// What came of it.
        #[source]
        cause: Box<Error>,
    },
    /// The images cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A set that can be downloaded is not there.
    #[error("{source}; {advice}")]
    NotFetched {
        /// Where it was looked for.
        source: Box<DataError>,
        /// How to get it, with a command or by hand.
        advice: String,
    },
    /// There is no known set of this name.
    #[error("no set called `{name}` is known; known are {}", names.join(", "))]
    UnknownSet {
        /// The name that was asked for.
        name: String,
        /// All that are known.
        names: Vec<&'static str>,
    },
    /// A set cannot be downloaded.
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// The network cannot be built or trained.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A training that stands alone cannot begin or go on.
    #[error("{0}")]
    Training(TrialFailure),
    /// The study cannot start or go on.
    #[error(transparent)]
    Study(#[from] StudyError),
    /// The study's database cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A model cannot be read or written.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// A folder holds no model, or several of which one has to be named.
    #[error("`{}` is a folder {}", shown(folder), which_model(folder, found))]
    NoModel {
        /// The folder that was named.
        folder: PathBuf,
        /// The models that are there, by name.
        found: Vec<PathBuf>,
    },
    /// A file of the run folder cannot be written or read.
    #[error("cannot {action} `{}`: {source}{}", path.display(), way_out(source))]
    Io {
        /// What was tried: "read", "write", "create".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something that this build or this machine cannot do.
    #[error("{0}")]
    Unsupported(String),
    /// The stop flag was raised, as by Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

impl From<TrialFailure> for Error {
    fn from(failure: TrialFailure) -> Self {
        match failure.kind {
            FailureKind::Interrupted => Error::Interrupted,
            FailureKind::Diverged
            | FailureKind::DoesNotFit
            | FailureKind::InvalidConfiguration
            | FailureKind::Fault
            | FailureKind::Halt
            | FailureKind::DeviceLost => Error::Training(failure),
        }
    }
}

impl Error {
    /// Whether what was given is at fault: the file, the options, the images. Otherwise something
    /// failed on the way.
    pub fn is_input(&self) -> bool {
        match self {
            Error::File(_)
            | Error::NotFetched { .. }
            | Error::UnknownSet { .. }
            | Error::Export(_)
            | Error::NoModel { .. }
            | Error::Unsupported(_) => true,
            Error::Placed { cause, .. } => cause.is_input(),
            Error::Data(error) => error.is_input(),
            Error::Download(error) => error.is_input(),
            Error::Train(error) => error.is_input(),
            Error::Training(failure) => failure.kind.is_of_the_configuration(),
            Error::Study(error) => error.is_input(),
            Error::Storage(error) => error.is_input(),
            Error::Io { .. } | Error::Interrupted => false,
        }
    }

    /// Whether the device takes no more work from this process, so that only a new one can go on. What was reported is kept.
    pub fn is_lost_device(&self) -> bool {
        match self {
            Error::Study(StudyError::DeviceLost { .. }) | Error::Train(TrainError::Engine(EngineError::Lost(_))) => {
                true
            }
            Error::Training(failure) => failure.kind == FailureKind::DeviceLost,
            Error::Placed { cause, .. } => cause.is_lost_device(),
            _ => false,
        }
    }

    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Error::Io { action, path, source }
    }
}

/// What to do about a folder without the one model that was meant.
fn which_model(folder: &Path, found: &[PathBuf]) -> String {
    let name = |path: &PathBuf| format!("`{}`", shown(path.strip_prefix(folder).unwrap_or(path)));
    let names: Vec<String> = found.iter().take(10).map(name).collect();
    let more = if found.len() > 10 { format!(" and {} more", found.len() - 10) } else { String::new() };
    match found {
        [] => "without a model: name a .safetensors file, or a run folder whose study has a best trial".to_owned(),
        _ => format!("without best.safetensors or model.safetensors: name one of {}{more} in it", names.join(", ")),
    }
}
