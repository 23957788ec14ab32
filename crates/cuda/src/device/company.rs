//! How often trials have met on a GPU.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Whose calls of a GPU were taken together so far, of trials whose images lie there.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Company {
    /// Calls of all trials, each of some steps or batches.
    pub calls: u64,
    /// Those of them that were taken together with calls of others.
    pub together: u64,
    /// Rounds in which all of them were taken.
    pub rounds: u64,
}

/// The same while it is counted.
#[derive(Default)]
pub(super) struct Counts {
    calls: AtomicU64,
    together: AtomicU64,
    rounds: AtomicU64,
}

impl Counts {
    /// A round of so many trials.
    pub(super) fn add(&self, trials: usize) {
        let trials = trials as u64;
        self.calls.fetch_add(trials, Relaxed);
        self.together.fetch_add(if trials > 1 { trials } else { 0 }, Relaxed);
        self.rounds.fetch_add(1, Relaxed);
    }

    pub(super) fn now(&self) -> Company {
        Company {
            calls: self.calls.load(Relaxed),
            together: self.together.load(Relaxed),
            rounds: self.rounds.load(Relaxed),
        }
    }
}
