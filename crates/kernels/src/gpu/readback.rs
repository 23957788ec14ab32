//! Copies to the host that are ordered with the work before them and waited for later.

use std::sync::Arc;

use cudarc::driver::result::DriverError;

use super::pinned::Pinned;
use super::stream::GpuStream;
use crate::{DeviceError, Readback, Span};

/// Page-locked memory and how much of it was ordered.
pub(super) struct GpuReadback {
    // Before the stream, whose work it waits for when it goes.
    memory: Pinned,
    ordered: usize,
    stream: Arc<GpuStream>,
}

impl GpuReadback {
    /// The stream's context is the current one.
    pub(super) fn new(stream: Arc<GpuStream>, bytes: usize) -> Result<Self, DriverError> {
        Ok(Self { memory: Pinned::from_device(stream.context(), bytes)?, ordered: 0, stream })
    }

    fn copy(&mut self, parts: &[Span<'_, u8>]) -> Result<(), DriverError> {
        self.ordered = 0;
        for part in parts.iter().filter(|part| !part.is_empty()) {
            // SAFETY: a span lies in memory that lives, and is freed after the stream's work.
            unsafe { self.memory.fetch(self.stream.stream(), part.address(), self.ordered, part.len()) }?;
            self.ordered += part.len();
        }
        self.memory.mark(self.stream.stream())
    }
}

impl Drop for GpuReadback {
    fn drop(&mut self) {
        // What belongs to a lost context goes with it; the calls that follow then fail without harm.
        let _ = self.stream.context().bind_to_thread();
    }
}

impl Readback for GpuReadback {
    fn order(&mut self, parts: &[Span<'_, u8>]) -> Result<(), DeviceError> {
        self.stream.not_capturing("ordering a readback")?;
        let ordered = self.copy(parts);
        ordered.map_err(|error| self.stream.failed("ordering a readback", error))
    }

    fn wait(&mut self) -> Result<&[u8], DeviceError> {
        self.stream.usable()?;
        let copied = self.memory.wait();
        Ok(&copied.map_err(|error| self.stream.failed("waiting for results", error))?[..self.ordered])
    }
}
