//! Starting a kernel.

use std::ffi::c_void;

use cudarc::driver::CudaStream;
use cudarc::driver::result::{self, DriverError};
use cudarc::driver::sys::{self, CUfunction, CUlaunchAttributeID as Attribute};

use crate::Launch;

/// First compute capability times ten whose cards can begin a launch while the blocks of the one before end.
const OVERLAPPING_CARD: u32 = 90;
/// First driver that keeps this in a captured graph (CUDA programming guide, "Use of programmatic dependent launch in CUDA
/// graphs"), with a release to spare.
const OVERLAPPING_DRIVER: (u32, u32) = (12, 4);

/// Whether a launch may begin before the one before it has ended. Kernels then wait for its end before they touch memory
/// (`begin` in kernels/device.cuh), so only what it costs to start one goes on meanwhile.
pub(super) fn may_overlap(architecture: u32, driver: (u32, u32)) -> bool {
    architecture >= OVERLAPPING_CARD && driver >= OVERLAPPING_DRIVER
}

/// Starts a kernel on a stream.
///
/// # Safety
/// As [`Stream::launch`](crate::Stream::launch); the function is that of the kernel.
pub(super) unsafe fn start(
    function: CUfunction,
    launch: &Launch<'_>,
    stream: &CudaStream,
    overlaps: bool,
) -> Result<(), DriverError> {
    let mut pointers: Vec<*mut c_void> = launch.arguments.pointers().iter().map(|p| p.cast_mut().cast()).collect();
    let ([gx, gy, gz], [bx, by, bz]) = (launch.grid, launch.block);
    if !overlaps {
        let (grid, block) = ((gx, gy, gz), (bx, by, bz));
        // SAFETY: the caller's; the driver copies the arguments before it returns.
        return unsafe {
            result::launch_kernel(function, grid, block, launch.shared_bytes, stream.cu_stream(), &mut pointers)
        };
    }
    let mut attribute = sys::CUlaunchAttribute {
        id: Attribute::CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION,
        pad: [0; 4],
        value: sys::CUlaunchAttributeValue { programmaticStreamSerializationAllowed: 1 },
    };
    let config = sys::CUlaunchConfig {
        gridDimX: gx,
        gridDimY: gy,
        gridDimZ: gz,
        blockDimX: bx,
        blockDimY: by,
        blockDimZ: bz,
        sharedMemBytes: launch.shared_bytes,
        hStream: stream.cu_stream(),
        attrs: &raw mut attribute,
        numAttrs: 1,
    };
    // SAFETY: the caller's; configuration and arguments live until the driver has copied them.
    unsafe { sys::cuLaunchKernelEx(&raw const config, function, pointers.as_mut_ptr(), std::ptr::null_mut()) }.result()
}

#[cfg(test)]
mod tests {
    use super::may_overlap;

    #[test]
    fn launches_overlap_where_card_and_driver_can() {
        assert!(may_overlap(90, (12, 4)) && may_overlap(100, (13, 0)));
        assert!(!may_overlap(86, (13, 0)) && !may_overlap(90, (12, 3)));
    }
}
