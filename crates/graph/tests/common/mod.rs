//! What a plain engine asks for.

use tunefork_graph::{StepShape, Workspace};

/// Asks for packed weights of a convolution, and backward also the partial sums
/// of its weights' gradient from eight chunks of images.
pub(crate) struct PlainEngine;

impl Workspace for PlainEngine {
    fn len(&self, step: StepShape<'_>) -> usize {
        match step {
            StepShape::BlockForward { block, .. } if block.conv.is_some() => block.parameters(),
            StepShape::BlockBackward { block, .. } if block.conv.is_some() => 9 * block.parameters(),
            _ => 0,
        }
    }
}
