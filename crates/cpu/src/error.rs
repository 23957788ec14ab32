//! What can go wrong.

use thiserror::Error;

/// Why an engine cannot be made or a step cannot be taken.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum CpuError {
    /// A batch that the plan has no room for, or none at all.
    #[error(
        "a batch of {rows} images does not fit a plan for 1 to {batch}: plan for a larger batch or pass fewer images"
    )]
    WrongRows {
        /// Labels that were given, one for each image.
        rows: usize,
        /// Most images that the plan has room for.
        batch: usize,
    },
    /// A label that is no class.
    #[error("label {label} is not below the number of classes, {classes}")]
    WrongLabel {
        /// The label that was given.
        label: u16,
        /// Classes of the plan: labels are below it.
        classes: usize,
    },
    /// More values than this engine can address.
    #[error(
        "{elements} values are too many for the cpu engine, which addresses 2^32: choose a smaller batch or network"
    )]
    TooLarge {
        /// Values of the arena or the slab.
        elements: usize,
    },
}
