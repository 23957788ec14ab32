//! Which keys of the study file an error is about, so that it can be told where they stand.

use tunefork_data::DataError;
use tunefork_graph::GraphError;
use tunefork_nn::NetworkError;
use tunefork_train::{Device, TrainError};

use crate::study_file::table::*;
use crate::study_file::{FileError, Key, Location, key_of};
use crate::{Error, Machine, StudySpec};

/// The keys that an error is about, those that are most likely to be changed first.
pub(crate) trait Blames {
    fn keys(&self) -> Vec<&'static Key>;
}

impl StudySpec {
    /// The same error with the place of what it is about, if that stands in the file.
    pub(crate) fn placed(&self, error: Error) -> Error {
        let keys = error.keys();
        self.placed_at(&keys, error)
    }

    /// A device with one thread that computes as precisely as the file says.
    ///
    /// # Errors
    /// When the machine has none.
    pub(crate) fn device(&self, machine: &Machine) -> Result<Box<dyn Device>, Error> {
        // Who gives an option knows where it stands.
        let is_in_a_file = self.place_of(&PRECISION).is_some_and(|place| !place.is_of_an_option());
        let device = machine.device(1, self.fixed().precision());
        device.map_err(|error| if is_in_a_file { self.placed_at(&[PRECISION.key()], error) } else { error })
    }

    /// The same error with the place of the first of `keys` that stands in the file.
    pub(crate) fn placed_at(&self, keys: &[&Key], error: Error) -> Error {
        match keys.iter().find_map(|key| self.place_of(key)) {
            Some(place) => {
                Error::Placed { shown: FileError::contradiction(error.to_string()).at(place), cause: Box::new(error) }
            }
            None => error,
        }
    }

    /// Where a key has its value, if it was given.
    pub(crate) fn place_of(&self, key: &Key) -> Option<&Location> {
        self.places().find(|(name, _)| key_of(name) == Some(key)).map(|(_, place)| place)
    }
}

impl Blames for Error {
    fn keys(&self) -> Vec<&'static Key> {
        match self {
            Error::Data(error) => error.keys(),
            Error::NotFetched { .. } => vec![SOURCE.key()],
            Error::Train(error) => error.keys(),
            Error::File(_)
            | Error::Placed { .. }
            | Error::UnknownSet { .. }
            | Error::Download(_)
            | Error::Training(_)
            | Error::Study(_)
            | Error::Storage(_)
            | Error::Export(_)
            | Error::NoModel { .. }
            | Error::Io { .. }
            | Error::Unsupported(_)
            | Error::Interrupted => Vec::new(),
        }
    }
}

impl Blames for DataError {
    fn keys(&self) -> Vec<&'static Key> {
        match self {
            DataError::Setting { key, .. } => named(key),
            DataError::TooFew { part: "training", .. } | DataError::Equal { part: "training", .. } => vec![TRAIN.key()],
            DataError::TooFew { part: "validation", .. } | DataError::Equal { .. } => vec![VALIDATION.key()],
            DataError::TooFew { part: "test", .. } => vec![TEST.key()],
            DataError::TooFew { .. } => vec![TRAIN.key(), VALIDATION.key(), TEST.key()],
            DataError::NoneLeft { .. } => vec![VALIDATION.key(), TEST.key()],
            DataError::Folds { .. } => vec![FOLDS.key()],
            DataError::Shape { .. } | DataError::SizesDiffer { .. } => vec![SIZE.key(), SOURCE.key()],
            DataError::NotFound { .. }
            | DataError::SeveralArchives { .. }
            | DataError::SeveralSets { .. }
            | DataError::UnknownKind { .. }
            | DataError::NoImages { .. } => vec![SOURCE.key()],
            // The rest is about files, which it names.
            _ => Vec::new(),
        }
    }
}

impl Blames for TrainError {
    fn keys(&self) -> Vec<&'static Key> {
        match self {
            TrainError::Setting { what, .. } => named(what),
            TrainError::Network(error) => error.keys(),
            TrainError::Data(error) => error.keys(),
            TrainError::Graph(error) => error.keys(),
            TrainError::BatchTooLarge { .. } => vec![BATCH_SIZE.key(), LAST_BATCH.key()],
            TrainError::DoesNotFit { of_device: false, .. } => vec![MEMORY.key()],
            TrainError::DoesNotFit { of_device: true, .. }
            | TrainError::ImageShape { .. }
            | TrainError::Classes { .. }
            | TrainError::Channels { .. }
            | TrainError::NoImages { .. }
            | TrainError::NoSuchImage { .. }
            | TrainError::Diverged { .. }
            | TrainError::Interrupted { .. }
            | TrainError::Unfinished
            | TrainError::Done { .. }
            | TrainError::Checkpoint(_)
            | TrainError::Weights(_)
            | TrainError::Engine(_) => Vec::new(),
        }
    }
}

impl Blames for NetworkError {
    fn keys(&self) -> Vec<&'static Key> {
        match self {
            NetworkError::OutOfRange { what: "padding", .. } => vec![PADDING.key(), KERNEL.key()],
            NetworkError::OutOfRange { what: "momentum", .. } => vec![NESTEROV.key(), MOMENTUM.key()],
            NetworkError::OutOfRange { what, .. } => named(what),
            NetworkError::KernelTooLarge { .. } => vec![KERNEL.key(), STRIDE.key(), POOL_SIZE.key(), LAYERS.key()],
            NetworkError::PoolTooLarge { .. } => {
                vec![POOL_SIZE.key(), POOL.key(), STRIDE.key(), LAYERS.key(), CHANNELS.key()]
            }
            NetworkError::ResidualShape { .. } => vec![PADDING.key(), KERNEL.key(), RESIDUAL.key()],
            NetworkError::TooLarge { .. } => vec![CHANNELS.key(), HIDDEN.key()],
            NetworkError::SingleValueNorm { .. } => vec![BATCH_SIZE.key(), NORM.key(), BATCH_NORM.key()],
            NetworkError::Graph(error) => error.keys(),
            _ => Vec::new(),
        }
    }
}

impl Blames for GraphError {
    fn keys(&self) -> Vec<&'static Key> {
        match self {
            GraphError::SingleValueGroup { .. } | GraphError::UnevenGroups { .. } => {
                vec![NORM_GROUPS.key(), NORM.key()]
            }
            _ => Vec::new(),
        }
    }
}

/// The key of a name, which may stand behind its section; and the one beside which it acts, if it was not given itself.
fn named(name: &str) -> Vec<&'static Key> {
    let key = Key::named(name).ok();
    let beside = key.and_then(|key| Key::find(key.only?.key));
    key.into_iter().chain(beside).collect()
}
