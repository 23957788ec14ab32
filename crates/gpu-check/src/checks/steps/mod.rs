//! Whole training steps of the engine, beside the reference and the engine of the processor.

mod applied;
mod long;
mod networks;
mod random;
mod repeat;
mod spared;
mod trial;

pub use applied::dense_network;
pub use long::Beside;
pub use networks::{two_smooth_steps, two_steps};
pub use repeat::{check as repeat, network as every_kind};

use crate::Check;

/// Checks that are small enough for every schedule.
pub const CHECKS: &[Check] = &[
    Check { name: "steps/training", run: random::training },
    Check { name: "steps/evaluation", run: random::evaluation },
    Check { name: "steps/repeat", run: repeat::exact },
    Check { name: "steps/spared", run: spared::check },
    Check { name: "steps/applied", run: applied::check },
];
