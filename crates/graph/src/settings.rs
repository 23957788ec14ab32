//! What a step is given besides images: the same for every engine.

use crate::optimizer::Kind;

/// All that a training step takes besides images and labels: nothing of it is in the plan.
#[derive(Clone, Copy, Debug)]
pub struct StepSettings<'a> {
    /// Number of the step over the whole run, from 0: counter of the dropout masks; the optimizer
    /// counts from 1.
    pub step: u64,
    /// The optimizer with its scalars.
    pub optimizer: Kind,
    /// Learning rate of this step.
    pub learning_rate: f64,
    /// Weight decay.
    pub weight_decay: f64,
    /// Largest global norm of the gradients; `None`: as they are.
    pub clip_norm: Option<f32>,
    /// Label smoothing, from 0 to 1.
    pub label_smoothing: f32,
    /// Probability of each dropout layer; a layer without one is not dropped.
    pub dropout: &'a [f32],
    /// Key of the dropout masks.
    pub dropout_key: [u32; 2],
}

impl StepSettings<'_> {
    /// The first step with this optimizer at learning rate 0.001, with everything else off.
    pub fn new(optimizer: Kind) -> Self {
        Self {
            step: 0,
            optimizer,
            learning_rate: 1e-3,
            weight_decay: 0.0,
            clip_norm: None,
            label_smoothing: 0.0,
            dropout: &[],
            dropout_key: [0, 0],
        }
    }
}
