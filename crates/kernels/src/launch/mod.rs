//! A typed launcher for each kernel: checks shapes and lengths, chooses grid and block.
//!
//! Grids, tiles and splits depend on shapes and precision only, never on the device, so that equal
//! work gives equal bits.

mod arrivals;
pub mod average;
pub mod block;
pub mod conv;
pub mod dense;
pub mod dropout;
pub mod gather;
pub mod group_norm;
pub mod loss;
pub mod optimizer;
pub mod plain;
mod slices;
pub mod statistics;
mod vectors;

pub use arrivals::COUNTERS;

use crate::{Arguments, DeviceError, Kernel, Launch, Owner, Stream};

/// The name of a kernel that there is for each way of storing numbers; the last part says which.
macro_rules! stored {
    ($precision:expr, $($part:literal),+) => {
        $precision.pick(
            concat!($($part,)+ "_f32"),
            concat!($($part,)+ "_f16"),
            concat!($($part,)+ "_bf16"),
        )
    };
}
use stored;

/// The arguments of a kernel, which begin with the lanes of the launch.
fn of_lanes() -> Arguments {
    Arguments::new().lanes(Owner::Trial)
}

/// Runs a kernel with a one-dimensional grid and block.
///
/// # Safety
/// As [`Stream::launch`].
pub(crate) unsafe fn run(
    stream: &dyn Stream,
    kernel: Kernel,
    grid: impl Into<Grid>,
    threads: u32,
    shared_bytes: u32,
    arguments: Arguments,
) -> Result<(), DeviceError> {
    let launch = Launch { kernel, grid: grid.into().0, block: [threads, 1, 1], shared_bytes, arguments: &arguments };
    // SAFETY: the caller's.
    unsafe { stream.launch(&launch) }
}

/// Blocks in x, y, z.
pub(crate) struct Grid([u32; 3]);

impl Grid {
    /// Blocks in x.
    fn across(&self) -> usize {
        self.0[0] as usize
    }
}

impl From<usize> for Grid {
    fn from(blocks: usize) -> Self {
        Self([blocks.try_into().expect("fewer than 2^32 blocks"), 1, 1])
    }
}

impl From<[usize; 2]> for Grid {
    fn from([x, y]: [usize; 2]) -> Self {
        Self::from([x, y, 1])
    }
}

impl From<[usize; 3]> for Grid {
    fn from(blocks: [usize; 3]) -> Self {
        Self(blocks.map(|n| n.try_into().expect("fewer than 2^32 blocks")))
    }
}
