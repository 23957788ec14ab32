//! What can go wrong on a device.

use thiserror::Error;
use tunefork_names::bytes;

/// Why a device cannot be used, or has failed.
#[derive(Clone, PartialEq, Debug, Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The device's memory does not suffice.
    #[error("the device has {} of memory left, {} are wanted", bytes(*free), bytes(*wanted))]
    OutOfMemory {
        /// Bytes that were asked for.
        wanted: u64,
        /// Bytes that were free.
        free: u64,
    },
    /// A kernel that does not compile or does not exist.
    #[error("kernel {kernel} of {file} cannot be used: {detail}")]
    Kernel {
        /// Its name, and what it was compiled for.
        kernel: String,
        /// The file that it stands in, `conv.cu` for example.
        file: &'static str,
        /// What the compiler or the driver said of it.
        detail: String,
    },
    /// Work that failed; the device's context cannot be used any longer.
    #[error("the device failed: {0}")]
    Failed(String),
    /// A device that is not there, or cannot be used.
    #[error("{0}")]
    Unavailable(String),
}
