//! What can go wrong on a device.

use thiserror::Error;

/// Why a device cannot be used, or has failed.
#[derive(Clone, PartialEq, Debug, Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// Memory does not suffice: the device's, or the host's that the device reads by itself. All else is as it was, and goes on once
    /// there is more.
    #[error("there is too little memory: {0}")]
    OutOfMemory(String),
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
    /// The intermediate code of this NVRTC is newer than the driver.
    #[error("{0}")]
    NewPtx(String),
    /// A call that failed. The device goes on.
    #[error("the device failed: {0}")]
    Failed(String),
    /// After this fault the driver takes no more work from the process: it has to be ended, and another one started.
    #[error("the GPU is lost to this process ({0}): end it and start it again")]
    Lost(String),
    /// A device that is not there, or cannot be used.
    #[error("{0}")]
    Unavailable(String),
}
