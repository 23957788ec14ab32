//! Memory of the host that the device reads by itself.

use std::sync::Arc;

use cudarc::driver::result::{self, DriverError};
use cudarc::driver::{CudaContext, CudaStream, sys};

use super::event::Event;

/// Page-locked memory, and when the device has fetched what was in it.
pub(super) struct Pinned {
    memory: *mut u8,
    bytes: usize,
    fetched: Event,
}

// SAFETY: the memory is this value's alone and belongs to no thread.
unsafe impl Send for Pinned {}

impl Pinned {
    /// So many zeros, of the current context.
    pub(super) fn new(context: &Arc<CudaContext>, bytes: usize) -> Result<Self, DriverError> {
        let fetched = Event::new(context)?;
        // SAFETY: freed when dropped. Only written by the host, so it need not be cached there.
        let memory = unsafe { result::malloc_host(bytes, sys::CU_MEMHOSTALLOC_WRITECOMBINED) }?;
        let memory: *mut u8 = memory.cast();
        // SAFETY: just allocated.
        unsafe { memory.write_bytes(0, bytes) };
        Ok(Self { memory, bytes, fetched })
    }

    /// The memory, to be written from its beginning on; waits until the device has fetched what was in it.
    /// Reading it is slow.
    pub(super) fn wait(&mut self) -> Result<&mut [u8], DriverError> {
        self.fetched.wait()?;
        // SAFETY: so many bytes, which are initialised, and the device is done with them.
        Ok(unsafe { std::slice::from_raw_parts_mut(self.memory, self.bytes) })
    }

    /// Orders a copy of `bytes` bytes from place `from` on. [`sent`](Self::sent) follows the last one.
    ///
    /// # Safety
    /// `to` is the first of as many bytes on the device.
    pub(super) unsafe fn copy(
        &self,
        stream: &CudaStream,
        to: u64,
        from: usize,
        bytes: usize,
    ) -> Result<(), DriverError> {
        assert!(from + bytes <= self.bytes, "a part of the memory");
        // SAFETY: inside. It is not written again before the event that follows.
        let part = unsafe { std::slice::from_raw_parts(self.memory.add(from), bytes) };
        // SAFETY: the caller's.
        unsafe { result::memcpy_htod_async(to, part, stream.cu_stream()) }
    }

    /// From here on the memory is written when all copies ordered so far are done.
    pub(super) fn sent(&self, stream: &CudaStream) -> Result<(), DriverError> {
        self.fetched.record(stream)
    }

    /// When they are done.
    pub(super) fn fetched(&self) -> &Event {
        &self.fetched
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // A copy that was ordered is waited for. An error says that the context is gone.
        let _ = self.fetched.wait();
        // SAFETY: from `malloc_host`, freed once.
        let _ = unsafe { result::free_host(self.memory.cast()) };
    }
}
