//! Waiting for a storage that another program holds.

use crate::{Event, Observer, StorageError};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Between two attempts, for storages that do not wait by themselves.
const PAUSE: Duration = Duration::from_millis(20);

/// Does `work` with a storage, again and again while it is [locked](StorageError::Locked) by another program, which is
/// told once. Workers go on meanwhile, as far as they may without a decision.
///
/// # Errors
/// Those of `work`; the lock itself only when `stop` was raised.
pub fn patiently<T>(
    observer: &mut dyn Observer,
    stop: &AtomicBool,
    mut work: impl FnMut() -> Result<T, StorageError>,
) -> Result<T, StorageError> {
    let mut told = false;
    loop {
        match work() {
            Err(StorageError::Locked { path, .. }) if !stop.load(Ordering::Relaxed) => {
                if !told {
                    observer.event(&Event::Waiting { path: &path });
                    told = true;
                }
                std::thread::sleep(PAUSE);
            }
            result => return result,
        }
    }
}
