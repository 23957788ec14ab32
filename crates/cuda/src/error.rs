//! What can go wrong.

use thiserror::Error;
use tunefork_graph::EngineError;
use tunefork_kernels::{DeviceError, Precision};

/// Why an engine cannot be made or a step cannot be taken.
#[derive(Clone, PartialEq, Debug, Error)]
#[non_exhaustive]
pub enum CudaError {
    /// The device. After [`DeviceError::Lost`] it takes no more work from this process.
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
}

impl From<CudaError> for EngineError {
    fn from(error: CudaError) -> Self {
        match error {
            CudaError::Device(DeviceError::Lost(_)) => Self::Lost(Box::new(error)),
            CudaError::Device(DeviceError::OutOfMemory(_)) => Self::OutOfMemory(Box::new(error)),
            _ => Self::failed(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_loss_is_told_as_one() {
        let told = |error: DeviceError| EngineError::from(CudaError::from(error));
        assert!(matches!(told(DeviceError::Lost("x".into())), EngineError::Lost(_)));
        assert!(matches!(told(DeviceError::OutOfMemory("x".into())), EngineError::OutOfMemory(_)));
        for error in [DeviceError::Failed("x".into()), DeviceError::Unavailable("x".into())] {
            assert!(matches!(told(error), EngineError::Failed(_)));
        }
    }
}
