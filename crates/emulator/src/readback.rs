//! The way back from the stand-in.

use std::sync::Arc;

use tunefork_kernels::{DeviceError, Readback, Span};

use crate::{Collecting, Device};

/// Copies at once: all work before has been done.
pub(crate) struct HostReadback {
    device: Arc<Device>,
    collecting: Arc<Collecting>,
    buffer: Vec<u8>,
    ordered: usize,
}

impl HostReadback {
    pub(crate) fn new(device: Arc<Device>, collecting: Arc<Collecting>, bytes: usize) -> Self {
        Self { device, collecting, buffer: vec![0; bytes], ordered: 0 }
    }
}

impl Readback for HostReadback {
    fn order(&mut self, parts: &[Span<'_, u8>]) -> Result<(), DeviceError> {
        self.collecting.refuse("nothing can be read back")?;
        self.ordered = 0;
        for part in parts {
            let to = &mut self.buffer[self.ordered..self.ordered + part.len()];
            self.device.memory.expect(part.address(), part.len())?;
            // SAFETY: live memory of this device, which the host's buffer cannot overlap.
            unsafe { std::ptr::copy_nonoverlapping(part.address() as *const u8, to.as_mut_ptr(), part.len()) };
            self.ordered += part.len();
        }
        Ok(())
    }

    fn wait(&mut self) -> Result<&[u8], DeviceError> {
        // Also while launches are collected, which may be another trial's: it stands before them.
        Ok(&self.buffer[..self.ordered])
    }
}
