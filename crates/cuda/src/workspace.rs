//! How much of the arena the engine needs for itself.

use tunefork_graph::{StepShape, Workspace};
use tunefork_kernels::Precision;

use crate::block::{BackwardParts, ForwardParts};
use crate::{launches, stored_len};

/// The CUDA engine's workspace: tensors within a block, statistics of tiles, partial sums of slices.
///
/// A function of the step's shape and the precision alone: the device changes nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct CudaWorkspace {
    /// How numbers are stored and multiplied.
    pub precision: Precision,
}

impl Workspace for CudaWorkspace {
    fn len(&self, step: StepShape<'_>) -> usize {
        let precision = self.precision;
        match step {
            StepShape::BlockForward { block, batch, training } => {
                ForwardParts::new(block, batch, training, precision).len
            }
            StepShape::BlockBackward { block, batch, input_gradient, shortcut_gradient } => {
                BackwardParts::new(block, batch, input_gradient, shortcut_gradient, precision).len
            }
            StepShape::DenseForward { dense, batch, .. } => {
                launches::dense_launcher(dense, batch, precision).workspace_len()
            }
            StepShape::GroupNormBackward { norm, batch } => {
                launches::group_norm_launcher(norm, batch, precision).sums_len()
            }
            StepShape::DenseBackward { .. } => 0,
        }
    }

    fn tensor_len(&self, values: usize) -> usize {
        stored_len(values, self.precision)
    }

    fn precision(&self) -> Precision {
        self.precision
    }
}
