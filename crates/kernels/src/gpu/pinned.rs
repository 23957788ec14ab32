//! Memory of the host that the device reads and writes by itself.

use std::sync::Arc;

use cudarc::driver::result::{self, DriverError};
use cudarc::driver::{CudaContext, CudaStream, sys};

use super::event::Event;

/// Page-locked memory, and when the copies from it or to it are done.
pub(super) struct Pinned {
    memory: *mut u8,
    bytes: usize,
    copied: Event,
}

// SAFETY: the memory is this value's alone and belongs to no thread.
unsafe impl Send for Pinned {}

impl Pinned {
    /// So many zeros, of the current context, on their way to the device: reading them is slow.
    pub(super) fn to_device(context: &Arc<CudaContext>, bytes: usize) -> Result<Self, DriverError> {
        // Only written by the host, so it need not be cached there.
        Self::new(context, bytes, sys::CU_MEMHOSTALLOC_WRITECOMBINED)
    }

    /// The same for what the host reads.
    pub(super) fn from_device(context: &Arc<CudaContext>, bytes: usize) -> Result<Self, DriverError> {
        Self::new(context, bytes, 0)
    }

    fn new(context: &Arc<CudaContext>, bytes: usize, flags: u32) -> Result<Self, DriverError> {
        let copied = Event::new(context)?;
        // SAFETY: freed when dropped.
        let memory = unsafe { result::malloc_host(bytes, flags) }?;
        let memory: *mut u8 = memory.cast();
        // SAFETY: just allocated.
        unsafe { memory.write_bytes(0, bytes) };
        Ok(Self { memory, bytes, copied })
    }

    /// The memory, when all copies before the last [`mark`](Self::mark) are done.
    pub(super) fn wait(&mut self) -> Result<&mut [u8], DriverError> {
        self.copied.wait()?;
        // SAFETY: so many bytes, which are initialised, and the device is done with them.
        Ok(unsafe { std::slice::from_raw_parts_mut(self.memory, self.bytes) })
    }

    /// The bytes from place `from` on, without waiting.
    ///
    /// # Safety
    /// No copy from or to these bytes is under way.
    pub(super) unsafe fn rest(&mut self, from: usize) -> &mut [u8] {
        assert!(from <= self.bytes, "a part of the memory");
        // SAFETY: inside, initialised, and the device is not at it.
        unsafe { std::slice::from_raw_parts_mut(self.memory.add(from), self.bytes - from) }
    }

    /// Orders a copy of `bytes` bytes from place `from` on. [`mark`](Self::mark) follows the last one.
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

    /// Orders a copy of `bytes` bytes of the device to place `to` on. [`mark`](Self::mark) follows the last one.
    ///
    /// # Safety
    /// `from` is the first of as many bytes on the device.
    pub(super) unsafe fn fetch(
        &mut self,
        stream: &CudaStream,
        from: u64,
        to: usize,
        bytes: usize,
    ) -> Result<(), DriverError> {
        assert!(to + bytes <= self.bytes, "a part of the memory");
        // SAFETY: inside. It is not read before the event that follows.
        let part = unsafe { std::slice::from_raw_parts_mut(self.memory.add(to), bytes) };
        // SAFETY: the caller's.
        unsafe { result::memcpy_dtoh_async(part, from, stream.cu_stream()) }
    }

    /// From here on the memory is used when all copies ordered so far are done.
    pub(super) fn mark(&self, stream: &CudaStream) -> Result<(), DriverError> {
        self.copied.record(stream)
    }

    /// When they are done.
    pub(super) fn copied(&self) -> &Event {
        &self.copied
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // A copy that was ordered is waited for. An error says that the context is gone.
        let _ = self.copied.wait();
        // SAFETY: from `malloc_host`, freed once.
        let _ = unsafe { result::free_host(self.memory.cast()) };
    }
}
