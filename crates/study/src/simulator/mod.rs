//! A study without training: what a sampler and a scheduler do with given learning curves, in virtual time.
//!
//! For choosing a scheduler, or trying one of your own, in seconds: [`simulate`] plays a study on 1 to 512 slots in one
//! thread, with nothing stored. It knows nothing of the executor, and its tests hold the two against each other: the same seed gives
//! the same trials, epochs and times in both.
//!
//! ```
//! use tunefork_sampler::Random;
//! use tunefork_scheduler::{NoScheduler, Promotion, SuccessiveHalvingOptions};
//! use tunefork_study::simulator::{Setting, Synthetic, simulate};
//!
//! let curves = Synthetic::default();
//! let setting = Setting { slots: 64, trials: 200, ..Setting::new(curves.space()) };
//! let all = simulate(&setting, &curves, &mut Random::new(), &mut NoScheduler);
//! let mut scheduler = Promotion::new(SuccessiveHalvingOptions::default())?;
//! let some = simulate(&setting, &curves, &mut Random::new(), &mut scheduler);
//!
//! assert!(some.epochs() < all.epochs() / 3);
//! assert!(some.makespan < all.makespan / 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod clock;
mod curves;

pub use clock::{Simulated, simulate};
pub use curves::{Curves, Synthetic, Table};

use crate::ValueAt;
use tunefork_space::Space;
use tunefork_trial::Direction;

/// What is simulated, curves, sampler and scheduler excepted.
#[derive(Clone, Debug)]
pub struct Setting {
    /// What may vary.
    pub space: Space,
    /// Which values are good.
    pub direction: Direction,
    /// Seed of every draw.
    pub seed: u64,
    /// Trials that run side by side; at least 1.
    pub slots: u32,
    /// Trials in all.
    pub trials: u32,
    /// Which report gives a completed trial its value.
    pub value_at: ValueAt,
}

impl Setting {
    /// 100 trials on 4 slots, of which large values are good.
    pub fn new(space: Space) -> Self {
        Self { space, direction: Direction::Maximize, seed: 0, slots: 4, trials: 100, value_at: ValueAt::Last }
    }
}
