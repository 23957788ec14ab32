//! From a configuration to a training, and from a training to a model.

use std::sync::Arc;

use tunefork_export::Model;
use tunefork_nn::Norm;
use tunefork_report::counted;
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

/// Steps that the running averages of a batch norm need to follow: each moves them by a tenth, so after 20 an eighth of
/// where they began is left (Ioffe and Szegedy, arXiv 1502.03167; momentum 0.1 as in PyTorch).
const SETTLED: u64 = 20;

/// What of a configuration comes to nothing with so many images, as sentences.
pub(crate) fn shortfalls(config: &Config, division: &Division) -> Vec<String> {
    let Task { network, spec, split, .. } = task(config, division, Key::study(0));
    let of_epoch = spec.steps_per_epoch(split.train.len());
    let steps = of_epoch * u64::from(spec.epochs);
    let mut told = Vec::new();
    if steps < SETTLED && network.blocks.iter().any(|block| block.norm == Some(Norm::Batch)) {
        told.push(format!(
            "batch norm measures with averages that need about {SETTLED} steps to settle, and the training has {steps}: \
             train longer, use smaller batches, or another norm"
        ));
    }
    if let Some(most) = spec.train_steps.filter(|most| *most > of_epoch) {
        told.push(format!("`train_steps` is {most}, but an epoch has only {}", counted(of_epoch as usize, "step")));
    }
    told
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
