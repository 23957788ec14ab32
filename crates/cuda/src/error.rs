//! What can go wrong.

use thiserror::Error;
use tunefork_graph::EngineError;
use tunefork_kernels::{DeviceError, Precision};

/// Why an engine cannot be made or a step cannot be taken.
#[derive(Clone, PartialEq, Debug, Error)]
#[non_exhaustive]
pub enum CudaError {
    /// The device. After [`DeviceError::Failed`] what the engine holds is lost.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A plan made for another engine, or for another precision.
    #[error(
        "the plan stores tensors as {planned}, the engine computes in {precision}: plan with CudaWorkspace of this precision"
    )]
    WrongPlan {
        /// What the plan was made for.
        planned: Precision,
        /// What the engine was asked for.
        precision: Precision,
    },
    /// A precision that the device has no instructions for.
    #[error(
        "{precision} needs compute capability 8.0 or later, the device has {}.{}: choose f16 or f32", architecture / 10, architecture % 10
    )]
    WrongPrecision {
        /// What was asked for.
        precision: Precision,
        /// Compute capability times ten.
        architecture: u32,
    },
    /// A tensor whose values cannot be counted in 31 bits.
    #[error(
        "{values} values of one tensor are too many for the cuda engine, which counts them in 31 bits: choose a smaller batch or network"
    )]
    TooLarge {
        /// Values of the tensor.
        values: usize,
    },
    /// A batch that the plan has no room for, or none at all.
    #[error(
        "a batch of {rows} images does not fit a plan for 1 to {batch}: plan for a larger batch or pass fewer images"
    )]
    WrongRows {
        /// Images that the batch names.
        rows: usize,
        /// Most images that the plan has room for.
        batch: usize,
    },
    /// A number of an image that is not there.
    #[error("image {index} is not among the {images} images of the data set")]
    WrongIndex {
        /// The number that was given.
        index: u32,
        /// Images of the data set.
        images: usize,
    },
    /// Settings of a step that do not fit its images, its network or the other steps.
    #[error("a step cannot be taken: {0}")]
    WrongStep(String),
    /// A data set that does not fit the network.
    #[error("the data set does not fit the network: {0}")]
    WrongData(String),
    /// The GPU failed while another engine was at work, and took all memory with it.
    #[error("the GPU failed in other work and its memory is lost")]
    Lost,
    /// After a fault another GPU was found in place of the one that failed.
    #[error("the GPU is another one than before: {found} instead of {expected}")]
    OtherGpu {
        /// Name of the one that was found.
        found: String,
        /// Name of the one before.
        expected: String,
    },
}

impl From<CudaError> for EngineError {
    fn from(error: CudaError) -> Self {
        match error {
            CudaError::Device(DeviceError::Unavailable(_)) => Self::Gone(Box::new(error)),
            _ => Self::failed(error),
        }
    }
}
