//! Hyperband as it was published: brackets whose rungs are decided when all have come.

use std::ops::Range;

use tunefork_trial::{History, TrialNumber, TrialState};

use crate::brackets::{Bracket, HyperbandOptions, brackets};
use crate::rungs::{Rungs, loss_at};
use crate::{Decision, FreeSlot, OptionError, Scheduler, SchedulerKind, SuccessiveHalvingOptions};

/// Brackets of successive halving, one after the other: all trials of a bracket pause at its rung, and when the last has come, the best
/// 1/η go on.
///
/// Li et al., JMLR 2018, algorithm 1. The first bracket has the most trials and the lowest rung; after the last the first comes again. While
/// a rung waits for its last trial, free slots begin the next bracket, so nobody is idle as long as new trials come. A trial belongs
/// to a bracket by its number. A bracket for which no trials are left is decided with those that it has. Of equal trials the earlier goes on.
///
/// NaN: a trial that has NaN at its rung is stopped there.
#[derive(Clone, Debug)]
pub struct SyncHyperband {
    brackets: Vec<(Bracket, Rungs)>,
    factor: usize,
}

impl SyncHyperband {
    /// Checks the options.
    ///
    /// # Errors
    /// A `min_resource` of 0, a `max_resource` below it, a `factor` below 2.
    pub fn new(options: HyperbandOptions) -> Result<Self, OptionError> {
        let HyperbandOptions { min_resource, factor, .. } = options;
        let with_rungs = brackets(&options)?.into_iter().map(|bracket| {
            let options = SuccessiveHalvingOptions { min_resource, factor, skip: bracket.skip, bootstrap: 0 };
            Ok((bracket, Rungs::new(&options)?))
        });
        Ok(Self { brackets: with_rungs.collect::<Result<_, _>>()?, factor: factor as usize })
    }

    /// All brackets that have trials among the first `trials`, with the numbers of those that each will have.
    fn played(&self, trials: u32) -> impl Iterator<Item = (Range<u32>, Rungs)> + '_ {
        let mut next = 0;
        let rounds = self.brackets.iter().cycle().map(move |(bracket, rungs)| {
            let first = next;
            next += bracket.trials;
            (first..next, *rungs)
        });
        rounds.take_while(move |(numbers, _)| numbers.start < trials)
    }

    fn rungs_of(&self, trial: TrialNumber) -> Rungs {
        let last = self.played(trial.0 + 1).last();
        last.expect("the bracket of the trial is among them").1
    }

    /// Who of a bracket goes on: of each rung that all have reached the best, as long as one of them is paused.
    fn next(&self, history: &History, numbers: Range<u32>, rungs: Rungs) -> Option<TrialNumber> {
        let mut pool: Vec<TrialNumber> = numbers.map(TrialNumber).collect();
        for rung in rungs.steps() {
            let is_before = |trial: &&TrialNumber| history.last_report(**trial).is_none_or(|last| last.step < rung);
            let mut before = pool.iter().filter(is_before);
            let is_paused = |trial: &&TrialNumber| history.state(**trial) == TrialState::Paused;
            if let Some(paused) = before.clone().find(is_paused) {
                return Some(*paused);
            }
            let is_under_way =
                |trial: &TrialNumber| matches!(history.state(*trial), TrialState::Running | TrialState::Paused);
            if before.any(is_under_way) || !pool.iter().any(is_under_way) {
                return None;
            }
            let loss = |trial: &TrialNumber| Some((loss_at(history, *trial, rung)?, *trial));
            let mut reached: Vec<(f64, TrialNumber)> = pool.iter().filter_map(loss).collect();
            reached.sort_unstable_by(|(one, first), (other, second)| one.total_cmp(other).then(first.cmp(second)));
            reached.truncate((pool.len() / self.factor).max(1));
            pool = reached.into_iter().map(|(_, trial)| trial).collect();
        }
        None
    }
}

impl Scheduler for SyncHyperband {
    fn name(&self) -> &'static str {
        SchedulerKind::SyncHyperband.name()
    }

    fn decide(&mut self, history: &History, trial: TrialNumber) -> Decision {
        let Some(last) = history.last_report(trial) else { return Decision::Continue };
        match self.rungs_of(trial).reached(history.reports(trial)).next() {
            Some(_) if last.value.is_nan() => Decision::Stop,
            Some(_) => Decision::Pause,
            None => Decision::Continue,
        }
    }

    fn resume(&mut self, history: &History, slot: FreeSlot) -> Option<TrialNumber> {
        let begun = history.len() as u32;
        self.played(begun).find_map(|(numbers, rungs)| match slot.new_trials && numbers.end > begun {
            // Its trials are still to come.
            true => None,
            false => self.next(history, numbers.start..numbers.end.min(begun), rungs),
        })
    }

    fn rungs(&self, max_steps: u32) -> Vec<u32> {
        self.brackets[0].1.below(max_steps)
    }

    fn pauses(&self) -> bool {
        true
    }
}
