//! How fast bytes come.

use std::time::{Duration, Instant};

use crate::options::STALL_BYTES;

/// Whether enough bytes come in every window of time.
pub(crate) struct Pace {
    pub(crate) window: Duration,
    begin: Instant,
    bytes: u64,
}

impl Pace {
    pub(crate) fn new(window: Duration) -> Self {
        Self { window, begin: Instant::now(), bytes: 0 }
    }

    /// Whether it still does, now that so many bytes have come.
    pub(crate) fn keeps(&mut self, bytes: u64) -> bool {
        self.bytes += bytes;
        if self.begin.elapsed() < self.window {
            return true;
        }
        let is_enough = self.bytes >= STALL_BYTES;
        *self = Self::new(self.window);
        is_enough
    }
}
