//! Copies that go on while kernels run: on a stream of their own, with events between it and the other.

use std::ops::Range;
use std::sync::Arc;

use cudarc::driver::CudaStream;
use cudarc::driver::result::DriverError;

use super::event::Event;
use super::pinned::Pinned;
use super::stream::GpuStream;
use crate::{DeviceError, Feed, Span};

/// Two page-locked buffers and the stream on which they are copied.
pub(super) struct GpuFeed {
    buffers: [Pinned; 2],
    next: usize,
    copies: Arc<CudaStream>,
    /// Where the work's stream was at the last `send`: the next one's copies wait for it.
    mark: Event,
    stream: Arc<GpuStream>,
}

impl GpuFeed {
    /// The stream's context is the current one.
    pub(super) fn new(stream: Arc<GpuStream>, bytes: usize) -> Result<Self, DriverError> {
        let context = stream.context();
        let mark = Event::new(context)?;
        Ok(Self {
            buffers: [Pinned::to_device(context, bytes)?, Pinned::to_device(context, bytes)?],
            next: 0,
            copies: context.new_stream()?,
            mark,
            stream,
        })
    }

    fn order(&self, parts: &[(Span<'_, u8>, Range<usize>)]) -> Result<(), DriverError> {
        let (buffer, work) = (&self.buffers[self.next], self.stream.stream());
        // A mark that was never made is no reason to wait.
        self.mark.hold(&self.copies)?;
        for (to, from) in parts {
            assert_eq!(to.len(), from.len(), "one place for each byte");
            // SAFETY: a span lies in memory that lives, and is freed after the work, which waits for this.
            unsafe { buffer.copy(&self.copies, to.address(), from.start, from.len()) }?;
        }
        buffer.mark(&self.copies)?;
        self.mark.record(work)?;
        buffer.copied().hold(work)
    }
}

impl Feed for GpuFeed {
    fn buffer(&mut self) -> Result<&mut [u8], DeviceError> {
        self.stream.usable()?;
        let fetched = self.buffers[self.next].wait();
        fetched.map_err(|error| self.stream.failed("waiting for a copy", error))
    }

    fn send(&mut self, parts: &[(Span<'_, u8>, Range<usize>)]) -> Result<(), DeviceError> {
        self.stream.not_capturing("feeding")?;
        let ordered = self.order(parts);
        ordered.map_err(|error| self.stream.failed("feeding", error))?;
        self.next = 1 - self.next;
        Ok(())
    }
}

impl Drop for GpuFeed {
    fn drop(&mut self) {
        // What belongs to a lost context goes with it; the calls that follow then fail without harm.
        let _ = self.stream.context().bind_to_thread();
        let _ = self.copies.synchronize();
    }
}
