//! A trial that runs, on the board: what was computed of it, and what is to be computed next.

use super::board::EpochResult;
use crate::{EpochReport, TrialContext};
use std::sync::Arc;
use std::time::Instant;

pub(super) struct Lane<R> {
    pub context: TrialContext,
    /// Virtual start and duration of an epoch. A trial that was paused counts as begun later, by as long as that took.
    pub start: u64,
    pub epoch_ticks: u64,
    /// Epochs that can be needed.
    pub limit: u32,
    /// Steps after which the scheduler may stop or pause the trial, in order.
    pub rungs: Vec<u32>,
    /// Results of epochs 1, 2, …: stored ones first, then computed ones.
    pub results: Vec<EpochResult>,
    /// Steps that the simulation has decided on.
    pub decided: u32,
    /// The trial in training, while no worker has it.
    pub run: Option<R>,
    /// A worker has the trial.
    pub busy: bool,
    /// The scheduler has set the trial aside.
    pub paused: bool,
    /// Its run was given up meanwhile: it is in its checkpoint.
    pub parked: bool,
    /// Faults since the last new result.
    pub faults: u32,
    /// When the last checkpoint was written, or training began in this process.
    pub saved: Option<Instant>,
}

impl<R> Lane<R> {
    /// What its epochs have brought, up to a failure.
    pub(super) fn reports(&self) -> Vec<Arc<EpochReport>> {
        self.results.iter().flatten().cloned().collect()
    }

    /// Whether epochs of it may still be computed.
    pub(super) fn goes_on(&self) -> bool {
        self.busy || !(self.paused || self.has_failed() || self.results.len() as u32 >= self.limit)
    }

    /// Whether its last epoch has failed, whenever that will count.
    pub(super) fn has_failed(&self) -> bool {
        self.results.last().is_some_and(Result::is_err)
    }

    /// How early the next epoch comes: (may be needless, virtual time, trial). `None`: there is none.
    pub(super) fn urgency(&self) -> Option<(bool, u64, u32)> {
        let step = self.results.len() as u32 + 1;
        if self.busy || !self.goes_on() {
            return None;
        }
        let open_rung = self.rungs.iter().find(|rung| **rung > self.decided);
        let needless = match open_rung {
            // One epoch past a rung is computed ahead by workers who would wait otherwise.
            Some(rung) if step > rung + 1 => return None,
            Some(rung) => step == rung + 1,
            None => false,
        };
        let time = self.start + u64::from(step) * self.epoch_ticks;
        Some((needless, time, self.context.number.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Blueprint, Cost, FailureKind, StopFlag, TrialFailure, TrialProgress};
    use tunefork_rng::Key;
    use tunefork_trial::TrialNumber;

    /// A trial of nine epochs that may be stopped after its second and fourth, with this many results.
    fn lane(results: usize, decided: u32) -> Lane<()> {
        let blueprint = Blueprint { epochs: 9, epoch_cost: Cost::default(), plan_bytes: 0, plan_key: String::new() };
        Lane {
            context: TrialContext {
                number: TrialNumber(3),
                key: Key::study(0),
                params: Arc::default(),
                blueprint: Arc::new(blueprint),
                threads: 1,
                stop: StopFlag::default(),
                progress: TrialProgress::default(),
            },
            start: 100,
            epoch_ticks: 10,
            limit: 9,
            rungs: vec![2, 4],
            results: vec![Ok(Arc::default()); results],
            decided,
            run: None,
            busy: false,
            paused: false,
            parked: false,
            faults: 0,
            saved: None,
        }
    }

    #[test]
    fn epochs_come_by_their_time_and_one_ahead_of_a_decision_last() {
        for (results, decided, expected) in [
            (0, 0, Some((false, 110, 3))),
            (1, 0, Some((false, 120, 3))),
            // The scheduler has not been asked after the second yet.
            (2, 0, Some((true, 130, 3))),
            (2, 1, Some((true, 130, 3))),
            (3, 1, None),
            // It goes on then, and up to the next rung nothing is needless.
            (2, 2, Some((false, 130, 3))),
            (3, 2, Some((false, 140, 3))),
            (4, 2, Some((true, 150, 3))),
            (5, 3, None),
            (5, 4, Some((false, 160, 3))),
            (8, 4, Some((false, 190, 3))),
            (9, 9, None),
        ] {
            assert_eq!(lane(results, decided).urgency(), expected, "{results} epochs, {decided} decided");
        }
    }

    #[test]
    fn a_trial_goes_on_until_its_limit_or_a_failure_and_is_given_to_one_worker() {
        let busy = Lane { busy: true, ..lane(9, 9) };
        assert!(busy.goes_on() && busy.urgency().is_none());
        let limited = Lane { limit: 2, ..lane(2, 0) };
        assert!(!limited.goes_on() && limited.urgency().is_none());
        let paused = Lane { paused: true, ..lane(2, 1) };
        assert!(!paused.goes_on() && paused.urgency().is_none());
        assert!(lane(8, 0).goes_on() && !lane(9, 0).goes_on());
        let mut failed = lane(2, 0);
        assert!(!failed.has_failed());
        failed.results.push(Err(TrialFailure::new(FailureKind::Fault, "it fails")));
        assert!(failed.has_failed() && !failed.goes_on() && failed.urgency().is_none());
        assert_eq!(failed.reports().len(), 2);
    }
}
