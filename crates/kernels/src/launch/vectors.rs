//! How the kernels that stream tensors share them among threads: a thread owns a vector of
//! neighbouring channels, a block `groups` of them side by side and `thread_rows` positions at once.

use crate::Precision;
use crate::shared::{STREAM_THREADS, VECTOR_BYTES};

/// Most vectors that a block covers along the channels.
const GROUPS: usize = 64;

/// The shape of a block of threads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Threads {
    /// Values of a thread: 16 bytes, or one where the positions do not start at multiples of 16 bytes.
    pub vector: usize,
    /// Threads along the channels.
    pub groups: usize,
    /// Threads along the positions.
    pub thread_rows: usize,
    /// Blocks along the channels.
    pub across: usize,
}

impl Threads {
    pub(super) fn new(channels: usize, precision: Precision) -> Self {
        let vector = match channels * precision.bytes() % VECTOR_BYTES {
            0 => VECTOR_BYTES / precision.bytes(),
            _ => 1,
        };
        let vectors = channels / vector;
        let across = vectors.div_ceil(GROUPS);
        let groups = vectors.div_ceil(across);
        Self { vector, groups, thread_rows: STREAM_THREADS / groups, across }
    }

    /// Threads of a block: all of them have work.
    pub(super) fn count(&self) -> u32 {
        (self.groups * self.thread_rows) as u32
    }

    /// Channels that a block covers.
    pub(super) fn channels(&self) -> usize {
        self.groups * self.vector
    }
}
