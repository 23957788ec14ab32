//! The way to the stand-in beside its stream.

use std::ops::Range;
use std::sync::Arc;

use tunefork_kernels::{DeviceError, Feed, Span};

use crate::{Collecting, Device};

/// Copies at once, which is as late as a GPU may do it: all work before has been done. What would be wrong
/// if it were done as early as a GPU may, beside the work since the `send` before, is an error.
pub(crate) struct HostFeed {
    device: Arc<Device>,
    collecting: Arc<Collecting>,
    buffers: [Vec<u8>; 2],
    next: usize,
    /// Where the `send` before wrote, which the work since may have read.
    written: Vec<Range<u64>>,
}

impl HostFeed {
    pub(crate) fn new(device: Arc<Device>, collecting: Arc<Collecting>, bytes: usize) -> Self {
        Self { device, collecting, buffers: [vec![0; bytes], vec![0; bytes]], next: 0, written: Vec::new() }
    }
}

impl Feed for HostFeed {
    fn buffer(&mut self) -> Result<&mut [u8], DeviceError> {
        Ok(&mut self.buffers[self.next])
    }

    fn send(&mut self, parts: &[(Span<'_, u8>, Range<usize>)]) -> Result<(), DeviceError> {
        self.collecting.refuse("nothing can be fed")?;
        let mut written = Vec::new();
        for (to, from) in parts {
            let (from, start) = (&self.buffers[self.next][from.clone()], to.address());
            assert_eq!(to.len(), from.len(), "one place for each byte");
            let end = start + from.len() as u64;
            if self.written.iter().any(|w| start < w.end && w.start < end) {
                return Err(DeviceError::Failed(format!(
                    "a feed writes to {start:#x}..{end:#x}, which the work before may still read"
                )));
            }
            self.device.memory.expect(start, from.len())?;
            // SAFETY: live memory of this device, which the host's buffers cannot overlap.
            unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), start as *mut u8, from.len()) };
            written.push(start..end);
        }
        self.written = written;
        self.next = 1 - self.next;
        // What the buffer holds next is not what was filled in last.
        self.buffers[self.next].fill(0xff);
        Ok(())
    }
}
