//! Which kernels some work takes, before it is done.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{CapturedGraph, DeviceError, Feed, Kernel, Launch, Readback, Stream};

/// Makes ready all kernels that `work` launches, several at a time where they have to be compiled.
///
/// The work is called with a stream that launches, fills and copies nothing and only notes what is asked of
/// it; whatever else it asks for is refused.
///
/// # Errors
/// The work's; a kernel that cannot be compiled.
pub fn prepare(
    stream: &dyn Stream,
    work: impl FnOnce(&dyn Stream) -> Result<(), DeviceError>,
) -> Result<(), DeviceError> {
    let rehearsal = Rehearsal { architecture: stream.architecture(), kernels: Mutex::default() };
    work(&rehearsal)?;
    let kernels = rehearsal.kernels.into_inner();
    stream.prepare(&kernels.unwrap_or_else(PoisonError::into_inner))
}

struct Rehearsal {
    architecture: u32,
    /// In the order of their first launches.
    kernels: Mutex<Vec<Kernel>>,
}

fn refused<T>(what: &str) -> Result<T, DeviceError> {
    Err(DeviceError::Failed(format!("{what} is not possible while kernels are prepared")))
}

impl Stream for Rehearsal {
    fn architecture(&self) -> u32 {
        self.architecture
    }

    fn beside(&self) -> Result<Arc<dyn Stream>, DeviceError> {
        refused("making a stream")
    }

    fn allocate(&self, _bytes: usize) -> Result<u64, DeviceError> {
        refused("allocating")
    }

    unsafe fn free(&self, _address: u64, _bytes: usize) {}

    unsafe fn upload(&self, _to: u64, _from: &[u8]) -> Result<(), DeviceError> {
        refused("uploading")
    }

    unsafe fn download(&self, _to: &mut [u8], _from: u64) -> Result<(), DeviceError> {
        refused("downloading")
    }

    unsafe fn fill(&self, _to: u64, _byte: u8, _bytes: usize) -> Result<(), DeviceError> {
        Ok(())
    }

    unsafe fn copy(&self, _to: u64, _from: u64, _bytes: usize) -> Result<(), DeviceError> {
        Ok(())
    }

    fn feed(&self, _bytes: usize) -> Result<Box<dyn Feed>, DeviceError> {
        refused("making a feed")
    }

    fn readback(&self, _bytes: usize) -> Result<Box<dyn Readback>, DeviceError> {
        refused("making a readback")
    }

    unsafe fn launch(&self, launch: &Launch<'_>) -> Result<(), DeviceError> {
        let mut kernels = self.kernels.lock().unwrap_or_else(PoisonError::into_inner);
        if !kernels.contains(&launch.kernel) {
            kernels.push(launch.kernel);
        }
        Ok(())
    }

    fn synchronize(&self) -> Result<(), DeviceError> {
        refused("waiting")
    }

    fn begin_capture(&self) -> Result<(), DeviceError> {
        refused("collecting launches")
    }

    fn end_capture(&self) -> Result<Box<dyn CapturedGraph>, DeviceError> {
        refused("collecting launches")
    }
}
