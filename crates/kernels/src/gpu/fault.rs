//! What an error of the driver means: for the call that got it, or for the whole process.
//!
//! After some errors NVIDIA's driver takes no more work from a process, in no context: "the process must be terminated
//! and relaunched" (CUDA Driver API, `CUresult`). So the loss of the card is kept here for the process, and no second context
//! is ever tried in it.

use std::io;
use std::process::Command;
use std::sync::OnceLock;

use cudarc::driver::result::DriverError;

use super::driver;
use crate::DeviceError;

/// Why the card is lost to this process, once it is.
static LOST: OnceLock<String> = OnceLock::new();

/// `CUDA_ERROR_OUT_OF_MEMORY`.
const OUT_OF_MEMORY: u32 = 2;
/// `CUDA_ERROR_UNSUPPORTED_PTX_VERSION`.
pub(super) const UNSUPPORTED_PTX: u32 = 222;

/// The errors after which the process has to be ended, by number, for there are more than cudarc knows of one version: the
/// driver shut down (4), memory that cannot be corrected (214), NVLink (220), a contained error (226), an illegal address
/// (700), a kernel that ran too long (702), a context that is gone (709), an assertion (710), the hardware's stack (714), an illegal
/// instruction (715), a misaligned address (716), an address space (717), a program counter (718), a failed launch (719), tensor memory
/// (721), a client of MPS that was ended (810), another device (911), and an unknown error (999), as of a card that is not on its bus
/// any more.
const STICKY: [u32; 18] = [4, 214, 220, 226, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719, 721, 810, 911, 999];

/// What a call that failed means. From an error that ends the process' work on, every call gets that answer.
pub(super) fn meaning(doing: &str, error: DriverError) -> DeviceError {
    let reason = format!("{}, while {doing}", driver::name(error));
    match error.0 as u32 {
        OUT_OF_MEMORY => DeviceError::OutOfMemory(reason),
        code if STICKY.contains(&code) => DeviceError::Lost(LOST.get_or_init(|| reason).clone()),
        _ => DeviceError::Failed(reason),
    }
}

/// An error if the card is lost to this process.
pub(super) fn check() -> Result<(), DeviceError> {
    match LOST.get() {
        Some(reason) => Err(DeviceError::Lost(reason.clone())),
        None => Ok(()),
    }
}

/// Puts a new process in the place of this one, as a card that is lost demands: the same one goes on as another program, or,
/// where the system has no such thing, this one waits for it and ends with its code. All that should be stored is stored
/// before; open files are closed, and no destructor runs.
///
/// Returns only if there is no new process, and why.
pub fn relaunch(command: &mut Command) -> io::Error {
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt as _;
        command.exec()
    }
    #[cfg(not(unix))]
    match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cudarc::driver::sys::CUresult;

    /// What the driver's manual says of them is in `cuda.h`.
    #[test]
    fn only_what_ends_a_process_is_sticky() {
        use CUresult::*;
        let sticky = [
            CUDA_ERROR_DEINITIALIZED,
            CUDA_ERROR_ECC_UNCORRECTABLE,
            CUDA_ERROR_NVLINK_UNCORRECTABLE,
            CUDA_ERROR_ILLEGAL_ADDRESS,
            CUDA_ERROR_LAUNCH_TIMEOUT,
            CUDA_ERROR_CONTEXT_IS_DESTROYED,
            CUDA_ERROR_ASSERT,
            CUDA_ERROR_HARDWARE_STACK_ERROR,
            CUDA_ERROR_ILLEGAL_INSTRUCTION,
            CUDA_ERROR_MISALIGNED_ADDRESS,
            CUDA_ERROR_INVALID_ADDRESS_SPACE,
            CUDA_ERROR_INVALID_PC,
            CUDA_ERROR_LAUNCH_FAILED,
            CUDA_ERROR_EXTERNAL_DEVICE,
            CUDA_ERROR_UNKNOWN,
        ];
        assert!(sticky.iter().all(|error| STICKY.contains(&(*error as u32))));
        let harmless = [
            CUDA_ERROR_INVALID_VALUE,
            CUDA_ERROR_OUT_OF_MEMORY,
            CUDA_ERROR_NOT_FOUND,
            CUDA_ERROR_NOT_READY,
            CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES,
            CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
            CUDA_ERROR_STREAM_CAPTURE_INVALIDATED,
            CUDA_ERROR_UNSUPPORTED_PTX_VERSION,
        ];
        assert!(!harmless.iter().any(|error| STICKY.contains(&(*error as u32))));
        assert_eq!(CUDA_ERROR_OUT_OF_MEMORY as u32, OUT_OF_MEMORY);
        assert_eq!(CUDA_ERROR_UNSUPPORTED_PTX_VERSION as u32, UNSUPPORTED_PTX);
    }
}
