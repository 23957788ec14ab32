//! The way of bytes to the device: through page-locked memory of our own.
//!
//! The device may fetch bytes long after a copy was ordered. From the caller's memory that would only
//! be safe after waiting for all work before; from a ring of our own, the caller goes on at once.

use std::sync::Arc;

use cudarc::driver::result::DriverError;
use cudarc::driver::{CudaContext, CudaStream};

use super::pinned::Pinned;

/// Bytes of a slot: large enough that a copy's fixed cost (some microseconds) does not count.
const SLOT: usize = 2 << 20;
const SLOTS: usize = 4;

/// Slots that are filled in turn; each is used again when the device has fetched what was in it.
pub(super) struct Staging {
    slots: Vec<Pinned>,
    next: usize,
}

impl Staging {
    pub(super) fn new(context: &Arc<CudaContext>) -> Result<Self, DriverError> {
        let slots = (0..SLOTS).map(|_| Pinned::new(context, SLOT));
        Ok(Self { slots: slots.collect::<Result<_, _>>()?, next: 0 })
    }

    /// Orders a copy; `from` may be reused when this returns.
    ///
    /// # Safety
    /// `to` is the first of as many bytes on the device.
    pub(super) unsafe fn upload(&mut self, stream: &CudaStream, to: u64, from: &[u8]) -> Result<(), DriverError> {
        for (number, bytes) in from.chunks(SLOT).enumerate() {
            let slot = &mut self.slots[self.next];
            self.next = (self.next + 1) % SLOTS;
            slot.wait()?[..bytes.len()].copy_from_slice(bytes);
            // SAFETY: the caller's.
            unsafe { slot.copy(stream, to + (number * SLOT) as u64, 0, bytes.len()) }?;
            slot.sent(stream)?;
        }
        Ok(())
    }
}
