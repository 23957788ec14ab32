//! From a configuration to a training, and from a training to a model.

use std::sync::Arc;

use tunefork_export::Model;
use tunefork_rng::Key;
use tunefork_train::{Task, TrainError, Trainer};

use crate::study_file::table::MEMORY;
use crate::{Config, Division};

/// The training run that a configuration describes, on images that are divided.
pub fn task(config: &Config, division: &Division, key: Key) -> Task {
    let Division { images, split } = division;
    Task {
        network: config.network(images.data.shape(), images.data.classes().len()),
        spec: config.train_spec(),
        images: images.clone(),
        split: Arc::clone(split),
        key,
    }
}

/// Bytes that a trial may take.
pub(crate) fn memory(config: &Config) -> u64 {
    MEMORY.of(config).saturating_mul(1 << 20)
}

/// The model of the epoch that counts, with all that is needed to use it.
///
/// # Errors
/// When the engine fails.
pub fn model(trainer: &Trainer) -> Result<Model, TrainError> {
    let task = trainer.task();
    Ok(Model {
        network: task.network.clone(),
        normalisation: task.images.normalisation.clone(),
        fit: task.images.data.fit(),
        classes: task.images.data.classes().to_vec(),
        tensors: trainer.weights()?,
    })
}
