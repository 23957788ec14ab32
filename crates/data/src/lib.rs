//! Image data sets for training classifiers.
#![deny(missing_docs, unsafe_code)]

mod dataset;
mod error;
mod generated;
pub mod idx;
#[expect(
    unsafe_code,
    reason = "mapping a file cannot be proven safe; this file says why it is"
)]
mod map;
mod normalise;
mod split;

pub use dataset::{Dataset, ImageShape, Part};
pub use error::DataError;
pub use generated::{CLASS_NAMES, Generated};
pub use normalise::Normalisation;
pub use split::{Order, Share, Split, SplitOptions};

/// The largest number of classes: labels are 16-bit.
pub const MAX_CLASSES: usize = 65_535;
