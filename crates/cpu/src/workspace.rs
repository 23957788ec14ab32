//! How much of the arena the engine needs for itself.

use tunefork_graph::{StepShape, Workspace};

use crate::block::{BackwardSizes, ForwardSizes};
use crate::dense;
use crate::group_norm;

/// The CPU engine's workspace: packed weights, statistics of strips, partial sums of chunks.
///
/// A function of the step's shape alone: neither the instruction set nor the number of threads
/// changes a plan.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuWorkspace;

impl Workspace for CpuWorkspace {
    fn len(&self, step: StepShape<'_>) -> usize {
        match step {
            StepShape::BlockForward { block, batch, training } => ForwardSizes::new(block, batch, training).workspace,
            StepShape::BlockBackward { block, batch, input_gradient, shortcut_gradient } => {
                BackwardSizes::new(block, batch, input_gradient, shortcut_gradient).workspace
            }
            StepShape::DenseBackward { dense, batch, input_gradient } => {
                dense::backward_workspace(dense.outputs, batch, input_gradient)
            }
            StepShape::GroupNormBackward { norm, batch } => group_norm::backward_workspace(norm, batch),
            StepShape::DenseForward { .. } => 0,
        }
    }
}
