//! Successive halving, asynchronous, with trials that are paused and promoted.

use tunefork_trial::{History, TrialNumber, TrialState};

use crate::rungs::{Rungs, losses_at};
use crate::{Decision, FreeSlot, OptionError, Scheduler, SchedulerKind, SuccessiveHalvingOptions};

/// Pauses every trial at each rung; whenever there is room, the best of those that are among the best 1/η of their rung
/// goes on, from the highest rung that has one. Only if there is none, a new trial starts.
///
/// ASHA as it was published (Li et al., "A system for massively parallel hyperparameter tuning", MLSys 2020, algorithm 2).
/// No trial is given up for having come early: one that was not good enough among three may be among thirty. Rungs stand where those
/// of [`SuccessiveHalving`](crate::SuccessiveHalving) do. With n values at a rung ⌊n/η⌋ are promoted, the earlier of equal ones first.
///
/// When no trials are left to start and nothing runs, a rung that has promoted none promotes its best, so that a small study
/// has a complete trial too; what is paused then was not good enough and ends.
///
/// NaN: a trial that has NaN at a rung is stopped there, and does not count for the others.
#[derive(Clone, Copy, Debug)]
pub struct Promotion {
    rungs: Rungs,
    bootstrap: usize,
}

impl Promotion {
    /// Checks the options.
    ///
    /// # Errors
    /// A `min_resource` of 0 or a `factor` below 2.
    pub fn new(options: SuccessiveHalvingOptions) -> Result<Self, OptionError> {
        Ok(Self { rungs: Rungs::new(&options)?, bootstrap: options.bootstrap as usize })
    }

    /// The best paused trial that may leave this rung.
    fn promotable(&self, history: &History, rung: u32, quota: impl Fn(usize) -> usize) -> Option<TrialNumber> {
        let mut reached: Vec<(f64, TrialNumber)> = losses_at(history, rung).collect();
        let quota = quota(reached.len());
        if quota == 0 {
            return None;
        }
        reached.sort_unstable_by(|(one, first), (other, second)| one.total_cmp(other).then(first.cmp(second)));
        let next = rung.checked_mul(self.rungs.factor());
        let waits = |trial: &TrialNumber| {
            let is_here = |step: u32| step >= rung && next.is_none_or(|next| step < next);
            let last = history.last_report(*trial);
            history.state(*trial) == TrialState::Paused && last.is_some_and(|report| is_here(report.step))
        };
        reached.into_iter().take(quota).map(|(_, trial)| trial).find(waits)
    }
}

impl Scheduler for Promotion {
    fn name(&self) -> &'static str {
        SchedulerKind::AshaPromotion.name()
    }

    fn decide(&mut self, history: &History, trial: TrialNumber) -> Decision {
        let Some(last) = history.last_report(trial) else { return Decision::Continue };
        match self.rungs.reached(history.reports(trial)).next() {
            Some(_) if last.value.is_nan() => Decision::Stop,
            Some(_) => Decision::Pause,
            None => Decision::Continue,
        }
    }

    fn resume(&mut self, history: &History, slot: FreeSlot) -> Option<TrialNumber> {
        let is_last_call = !slot.new_trials && !history.states().contains(&TrialState::Running);
        let quota = |trials: usize| match is_last_call {
            true => self.rungs.quota(trials).max(1),
            false if trials <= self.bootstrap => 0,
            false => self.rungs.quota(trials),
        };
        let paused = history.numbers().filter(|trial| history.state(*trial) == TrialState::Paused);
        let furthest = paused.filter_map(|trial| history.last_report(trial)).map(|report| report.step).max()?;
        let rungs: Vec<u32> = self.rungs.steps().take_while(|&rung| rung <= furthest).collect();
        rungs.into_iter().rev().find_map(|rung| self.promotable(history, rung, quota))
    }

    fn rungs(&self, max_steps: u32) -> Vec<u32> {
        self.rungs.below(max_steps)
    }

    fn pauses(&self) -> bool {
        true
    }
}
