//! What a step is given besides images: the same for every engine.

use crate::optimizer::UpdateRule;

/// All that a training step takes besides images and labels: nothing of it is in the plan.
#[derive(Clone, Copy, Debug)]
pub struct StepSettings<'a> {
    /// Number of the step over the whole run, from 0: counter of the dropout masks; the optimizer
    /// counts from 1.
    pub step: u64,
    /// The optimizer with its scalars.
    pub optimizer: UpdateRule,
    /// Learning rate of this step.
    pub learning_rate: f64,
    /// Decoupled from the gradient for AdamW and Lion, added to it otherwise.
    pub weight_decay: f64,
    /// Whether it acts on biases and on the scales and shifts of norms, the parameters of one axis, too.
    pub decay_norms_and_biases: bool,
    /// Largest global norm of the gradients; `None`: as they are.
    pub clip_norm: Option<f32>,
    /// Label smoothing, from 0 to 1.
    pub label_smoothing: f32,
    /// Weight of each class in the loss, not negative; empty: all weigh the same. The mean over the
    /// images is weighted too, as PyTorch does it.
    pub class_weights: &'a [f32],
    /// Mixup: the share, in [0, 0.5], of the next image of the batch (after the last the first) and of
    /// its label in each image (Zhang and others, arXiv 1710.09412).
    pub mixing: f32,
    /// Probability of each dropout layer; a layer without one is not dropped.
    pub dropout: &'a [f32],
    /// Key of the dropout masks.
    pub dropout_key: [u32; 2],
}

impl StepSettings<'_> {
    /// The first step with this optimizer at learning rate 0.001, with everything else off.
    pub fn new(optimizer: UpdateRule) -> Self {
        Self {
            step: 0,
            optimizer,
            learning_rate: 1e-3,
            weight_decay: 0.0,
            decay_norms_and_biases: true,
            clip_norm: None,
            label_smoothing: 0.0,
            class_weights: &[],
            mixing: 0.0,
            dropout: &[],
            dropout_key: [0, 0],
        }
    }
}
