//! What a step is given besides images.

use tunefork_graph::{StepSettings, TrainingStep, Transform};
use tunefork_kernels::{DropoutRow, StepRow};

/// The row of the table of steps: `rows` images, `changed` or not, from place `first` of the indices on,
/// results at `record`.
pub(crate) fn row(settings: &StepSettings<'_>, rows: usize, changed: bool, first: usize, record: usize) -> StepRow {
    StepRow {
        rows: rows as u32,
        first: first as u32,
        record: record as u32,
        step: [settings.step as u32, (settings.step >> 32) as u32],
        dropout_key: settings.dropout_key,
        changed: u32::from(changed),
        mixing: settings.mixing,
        label_smoothing: settings.label_smoothing,
        clip_norm: settings.clip_norm.unwrap_or(0.0),
        spares_norms_and_biases: u32::from(!settings.decay_norms_and_biases),
        ..StepRow::update(settings.optimizer, settings.learning_rate, settings.weight_decay, settings.step + 1)
    }
}

pub(crate) fn dropout_row(settings: &StepSettings<'_>, layer: usize) -> DropoutRow {
    DropoutRow::new(f64::from(settings.dropout.get(layer).copied().unwrap_or(0.0)))
}

/// A training step: its images and everything besides.
#[derive(Clone, Copy, Debug)]
pub struct StepInput<'a> {
    /// The images' numbers in the data set: at least one, at most the plan's batch.
    pub indices: &'a [u32],
    /// What happens to each of them on its way into the batch; empty: nothing.
    pub transforms: &'a [Transform],
    /// Everything besides. The class weights are the same for all steps of a call.
    pub settings: StepSettings<'a>,
}

impl<'a> StepInput<'a> {
    /// A step whose images are as they are.
    pub fn new(indices: &'a [u32], settings: StepSettings<'a>) -> Self {
        Self { indices, transforms: &[], settings }
    }

    pub(crate) fn of(step: &TrainingStep<'a>) -> Self {
        Self { indices: step.batch.indices(), transforms: step.batch.transforms(), settings: step.settings }
    }
}
