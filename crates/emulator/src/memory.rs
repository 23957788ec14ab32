//! Memory that stands for a GPU's, with zones around it that nothing may touch.

use std::alloc::{Layout, alloc, dealloc};
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tunefork_kernels::DeviceError;

/// Bytes before and behind each allocation. A sanitizer has zones of its own, that see reads too.
const ZONE: usize = if cfg!(sanitized) { 0 } else { 256 };
/// NaN in every format: what is read before it was written, or from a zone, shows in the result.
const POISON: u8 = 0xff;

/// So many bytes are only reserved: checks of far places touch little of them. What was not written is 0 there.
const LARGE: usize = 1 << 30;

unsafe extern "C" {
    fn emulator_reserve(bytes: usize) -> *mut c_void;
    fn emulator_release(start: *mut c_void, bytes: usize);
}

/// An allocation as `cpp/isolation.h` knows it.
#[repr(C)]
pub(crate) struct Allocation {
    address: u64,
    bytes: usize,
}

/// The allocations of a stand-in: address and bytes of each.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    live: Mutex<BTreeMap<u64, usize>>,
}

impl Memory {
    fn live(&self) -> MutexGuard<'_, BTreeMap<u64, usize>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn allocate(&self, bytes: usize) -> Result<u64, DeviceError> {
        let (layout, large) = (layout(bytes), bytes >= LARGE);
        // SAFETY: at least one byte.
        let start = unsafe { if large { emulator_reserve(layout.size()).cast() } else { alloc(layout) } };
        if start.is_null() {
            return Err(DeviceError::OutOfMemory(format!("allocating {bytes} bytes")));
        }
        // SAFETY: just allocated with that size, of which the zones are a part.
        let address = unsafe {
            if large {
                start.write_bytes(POISON, ZONE);
                start.add(ZONE + bytes).write_bytes(POISON, ZONE);
            } else {
                start.write_bytes(POISON, layout.size());
            }
            start.add(ZONE) as u64
        };
        self.live().insert(address, bytes);
        Ok(address)
    }

    /// # Safety
    /// `address` came from `allocate` with as many bytes and is not used afterwards.
    pub(crate) unsafe fn free(&self, address: u64, bytes: usize) {
        self.live().remove(&address);
        // SAFETY: the caller's; the zone before it was allocated with it.
        unsafe {
            let start = (address as *mut u8).sub(ZONE);
            match bytes {
                LARGE.. => emulator_release(start.cast(), layout(bytes).size()),
                _ => dealloc(start, layout(bytes)),
            }
        }
    }

    /// All that live.
    pub(crate) fn allocations(&self) -> Vec<Allocation> {
        self.live().iter().map(|(&address, &bytes)| Allocation { address, bytes }).collect()
    }

    /// Fails unless all the bytes lie in one allocation.
    pub(crate) fn expect(&self, address: u64, bytes: usize) -> Result<(), DeviceError> {
        let live = self.live();
        let inside = live
            .range(..=address)
            .next_back()
            .is_some_and(|(&start, &len)| address + bytes as u64 <= start + len as u64);
        if inside || bytes == 0 {
            return Ok(());
        }
        Err(DeviceError::Failed(format!("{bytes} bytes at {address:#x} are not of one allocation")))
    }

    /// The first allocation with a zone that was written to: its bytes, and how far from its first one.
    pub(crate) fn overrun(&self) -> Option<(usize, isize)> {
        for (&address, &bytes) in &*self.live() {
            for (zone, offset) in [(address - ZONE as u64, -(ZONE as isize)), (address + bytes as u64, bytes as isize)]
            {
                // SAFETY: the zones are parts of a live allocation, and initialised.
                let zone = unsafe { std::slice::from_raw_parts(zone as *const u8, ZONE) };
                if let Some(byte) = zone.iter().position(|&byte| byte != POISON) {
                    return Some((bytes, offset + byte as isize));
                }
            }
        }
        None
    }
}

fn layout(bytes: usize) -> Layout {
    let size = bytes.max(1) + 2 * ZONE;
    Layout::from_size_align(size, 256).expect("a size that exists")
}
