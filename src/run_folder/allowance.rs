//! How much of a study's time may go into its files.

use std::time::{Duration, Instant};

/// Of the time that passes, the part that may be spent.
const PART: f64 = 1.0 / 20.0;
/// Seconds that are saved up at most: news of long trials is written at once.
const SAVED: f64 = 0.1;

/// Seconds that may be spent: a part of those that pass. Tables grow with the study, so that writing them with each trial
/// would make each trial dearer than the one before it; within an allowance they are written more seldom instead.
pub(super) struct Allowance {
    saved: f64,
    counted: Instant,
}

impl Allowance {
    pub(super) fn new(now: Instant) -> Self {
        Self { saved: SAVED, counted: now }
    }

    /// Whether there is something left to spend.
    pub(super) fn is_left(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.counted).as_secs_f64();
        self.saved = (self.saved + PART * passed).min(SAVED);
        self.counted = now;
        self.saved > 0.0
    }

    /// What was spent may be more than there was: then the next waits until that is made up for.
    pub(super) fn spend(&mut self, time: Duration) {
        self.saved -= time.as_secs_f64();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_twentieth_is_spent_and_little_is_saved() {
        let begin = Instant::now();
        let at = |millis| begin + Duration::from_millis(millis);
        let mut allowance = Allowance::new(begin);
        assert!(allowance.is_left(at(0)), "the first news is written at once");
        allowance.spend(Duration::from_millis(150));
        assert!(!allowance.is_left(at(999)), "50 ms too many take a second");
        assert!(allowance.is_left(at(1001)));
        // An hour without news is no reason to write for three minutes.
        assert!(allowance.is_left(at(3_600_000)));
        allowance.spend(Duration::from_millis(100));
        assert!(!allowance.is_left(at(3_600_000)));
    }
}
