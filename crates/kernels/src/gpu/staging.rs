//! The way of bytes to the device: through page-locked memory of our own.
//!
//! The device may fetch bytes long after a copy was ordered. From the caller's memory that would only
//! be safe after waiting for all work before; from a ring of our own, the caller goes on at once.

use std::sync::Arc;

use cudarc::driver::result::{self, DriverError};
use cudarc::driver::{CudaContext, CudaEvent, CudaStream, sys};

/// Bytes of a slot: large enough that a copy's fixed cost (some microseconds) does not count.
const SLOT: usize = 2 << 20;
const SLOTS: usize = 4;

/// Slots that are filled in turn; each is used again when the device has fetched what was in it.
pub(super) struct Staging {
    slots: Vec<Slot>,
    next: usize,
}

struct Slot {
    /// `SLOT` bytes of page-locked memory.
    memory: *mut u8,
    fetched: CudaEvent,
}

// SAFETY: the memory is this value's alone and belongs to no thread.
unsafe impl Send for Slot {}

impl Staging {
    /// The current context's.
    pub(super) fn new(context: &Arc<CudaContext>) -> Result<Self, DriverError> {
        let mut staging = Self {
            slots: Vec::new(),
            next: 0,
        };
        for _ in 0..SLOTS {
            let fetched = context.new_event(Some(sys::CUevent_flags::CU_EVENT_DISABLE_TIMING))?;
            // SAFETY: freed when dropped. Only written by the host, so it need not be cached there.
            let memory = unsafe { result::malloc_host(SLOT, sys::CU_MEMHOSTALLOC_WRITECOMBINED) }?;
            staging.slots.push(Slot {
                memory: memory.cast(),
                fetched,
            });
        }
        Ok(staging)
    }

    /// Orders a copy; `from` may be reused when this returns.
    ///
    /// # Safety
    /// `to` is the first of as many bytes on the device.
    pub(super) unsafe fn upload(
        &mut self,
        stream: &CudaStream,
        to: u64,
        from: &[u8],
    ) -> Result<(), DriverError> {
        for (number, bytes) in from.chunks(SLOT).enumerate() {
            let slot = &self.slots[self.next];
            self.next = (self.next + 1) % SLOTS;
            slot.fetched.synchronize()?;
            // SAFETY: a chunk is no longer than a slot, and the device has fetched what was in it.
            let staged = unsafe {
                std::ptr::copy_nonoverlapping(bytes.as_ptr(), slot.memory, bytes.len());
                std::slice::from_raw_parts(slot.memory, bytes.len())
            };
            // SAFETY: the caller's; the slot is not written before its event.
            unsafe {
                result::memcpy_htod_async(to + (number * SLOT) as u64, staged, stream.cu_stream())
            }?;
            slot.fetched.record(stream)?;
        }
        Ok(())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // A copy that was ordered is waited for. An error says that the context is gone.
        let _ = self.fetched.synchronize();
        // SAFETY: from `malloc_host`, freed once.
        let _ = unsafe { result::free_host(self.memory.cast()) };
    }
}
