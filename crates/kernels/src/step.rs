//! What changes from step to step: a row of numbers that every kernel of a step reads from device
//! memory, so that one captured graph serves all steps.

use bytemuck::{Pod, Zeroable};

/// The numbers of one step; the same fields as `StepRow` in `kernels/numbers.cuh`.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Debug, Pod, Zeroable)]
pub struct StepRow {
    /// Real images in the batch.
    pub rows: u32,
    /// Where the batch starts in the list of image numbers.
    pub first: u32,
    /// Where the step's results go.
    pub record: u32,
    /// Number of the step over the whole run, low and high word.
    pub step: [u32; 2],
    /// Key of the dropout masks.
    pub dropout_key: [u32; 2],
    /// The code of an [`OptimizerKind`](tunefork_graph::OptimizerKind).
    pub optimizer: u32,
    /// SGD with Nesterov's momentum: 1.
    pub nesterov: u32,
    /// 1 in the first step.
    pub first_update: u32,
    /// 1 if the images of the batch have transforms.
    pub changed: u32,
    /// Share of the next image, and of its label, in each image of the batch.
    pub mixing: f32,
    /// Learning rate.
    pub learning_rate: f32,
    /// Weight decay.
    pub weight_decay: f32,
    /// Label smoothing.
    pub label_smoothing: f32,
    /// Largest global norm of the gradients; 0: as they are.
    pub clip_norm: f32,
    /// Momentum of SGD and RMSprop, beta1 of Adam.
    pub decay1: f32,
    /// alpha of RMSprop, beta2 of Adam.
    pub decay2: f32,
    /// Added to a root.
    pub epsilon: f32,
    /// 1 - beta1^t.
    pub correction1: f32,
    /// 1 - beta2^t.
    pub correction2: f32,
    /// 1 - decay1, rounded once: 1 - 0.999 in f32 would be wrong in the fifth digit.
    pub rest1: f32,
    /// 1 - decay2, rounded once.
    pub rest2: f32,
}

/// The dropout of one layer in one step: elements with a random number below `threshold` become 0,
/// the others are multiplied by `scale`.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Debug, Pod, Zeroable)]
pub struct DropoutRow {
    /// p in units of 2^-32.
    pub threshold: u32,
    /// 1 / (1 - p), and 0 for p = 1.
    pub scale: f32,
}

impl DropoutRow {
    /// Dropout with probability `p`, in [0, 1].
    pub fn new(p: f64) -> Self {
        let threshold = (p.clamp(0.0, 1.0) * 4_294_967_296.0).min(f64::from(u32::MAX));
        Self { threshold: threshold as u32, scale: if p < 1.0 { (1.0 / (1.0 - p)) as f32 } else { 0.0 } }
    }
}
