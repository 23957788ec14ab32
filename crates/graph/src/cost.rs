//! How much work a step is, as integers.

use std::ops::Add;

use crate::{Block, Dense, Shortcut, Step};

/// What one run of a program costs; the same numbers on every machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cost {
    /// Floating-point operations of convolutions and dense layers, two per multiply-add. Backward
    /// is twice forward, less the gradient of x where nobody needs it; what an engine computes a
    /// second time to save memory is not counted.
    pub flops: u64,
    /// Bytes of tensors, parameters and optimizer state that are read or written, each tensor once
    /// per step.
    pub bytes: u64,
    /// Steps: passes that an engine starts one after the other.
    pub steps: u64,
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { flops: self.flops + other.flops, bytes: self.bytes + other.bytes, steps: self.steps + other.steps }
    }
}

impl Block {
    fn conv_flops(&self) -> u64 {
        let conv = self.conv.map_or(0, |conv| conv.window.kernel.pow(2) * self.input.channels);
        2 * (self.convolved.elements() * conv) as u64
    }

    fn shortcut_flops(&self) -> u64 {
        match self.shortcut {
            Shortcut::Projected { input, .. } => 2 * (self.convolved.elements() * input.channels) as u64,
            Shortcut::None | Shortcut::Identity => 0,
        }
    }
}

impl Dense {
    fn flops(&self) -> u64 {
        2 * (self.inputs * self.outputs) as u64
    }
}

/// Operations of a step for one image, as all above.
pub(crate) fn flops<B>(step: &Step<B>) -> u64 {
    let passes = |gradient: bool| 1 + u64::from(gradient);
    match step {
        Step::BlockForward(s) => s.block.conv_flops() + s.block.shortcut_flops(),
        Step::BlockBackward(s) => {
            s.block.conv_flops() * passes(s.input_gradient.is_some())
                + s.block.shortcut_flops() * passes(s.shortcut_gradient.is_some())
        }
        Step::DenseForward(s) => s.dense.flops(),
        Step::DenseBackward(s) => s.dense.flops() * passes(s.input_gradient.is_some()),
        Step::GroupNormForward(_)
        | Step::GroupNormBackward(_)
        | Step::GlobalAverageForward(_)
        | Step::GlobalAverageBackward(_)
        | Step::DropoutForward(_)
        | Step::DropoutBackward(_)
        | Step::Loss(_) => 0,
    }
}
