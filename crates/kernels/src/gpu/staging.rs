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
/// All but one hold what 16 trials that change their images upload for a call, at most 7 MiB, while the device is at the call before.
const SLOTS: usize = 5;

/// Slots that are filled in turn, by as many copies as there is room for; each is used again when the device has fetched what was
/// in it.
pub(super) struct Staging {
    slots: Vec<Pinned>,
    /// The slot that is being filled, and how far.
    slot: usize,
    filled: usize,
}

impl Staging {
    pub(super) fn new(context: &Arc<CudaContext>) -> Result<Self, DriverError> {
        let slots = (0..SLOTS).map(|_| Pinned::to_device(context, SLOT));
        Ok(Self { slots: slots.collect::<Result<_, _>>()?, slot: 0, filled: 0 })
    }

    /// Orders a copy; `from` may be reused when this returns.
    ///
    /// # Safety
    /// `to` is the first of as many bytes on the device.
    pub(super) unsafe fn upload(&mut self, stream: &CudaStream, to: u64, from: &[u8]) -> Result<(), DriverError> {
        let mut done = 0;
        while done < from.len() {
            if self.filled == SLOT {
                (self.slot, self.filled) = ((self.slot + 1) % SLOTS, 0);
            }
            let (slot, place) = (&mut self.slots[self.slot], self.filled);
            let bytes = &from[done..from.len().min(done + SLOT - place)];
            let room = match place {
                0 => slot.wait()?,
                // SAFETY: the slot is filled from its beginning on, and nothing was copied from here since it was waited for.
                _ => unsafe { slot.rest(place) },
            };
            room[..bytes.len()].copy_from_slice(bytes);
            self.filled += bytes.len();
            // SAFETY: the caller's.
            unsafe { slot.copy(stream, to + done as u64, place, bytes.len()) }?;
            slot.mark(stream)?;
            done += bytes.len();
        }
        Ok(())
    }
}
