//! Successive halving, asynchronous, in its stopping form.

use tunefork_trial::{History, TrialNumber};

use crate::rungs::{Rungs, is_among_best, losses_at};
use crate::{Decision, OptionError, Scheduler, SchedulerKind};

/// Where the rungs of [`SuccessiveHalving`] stand, and who gets past them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SuccessiveHalvingOptions {
    /// The step of the lowest rung (before `skip`); 1 or more.
    pub min_resource: u32,
    /// η: one in so many trials gets past a rung, and the next rung is so many times higher; 2 or
    /// more.
    pub factor: u32,
    /// How many of the lowest rungs to leave out. (Optuna: `min_early_stopping_rate`.)
    pub skip: u32,
    /// How many trials must have reached a rung before any gets past it. (Optuna: `bootstrap_count`.)
    pub bootstrap: u32,
}

impl Default for SuccessiveHalvingOptions {
    /// Rungs at 1, 4, 16, …: Optuna's defaults with a lowest rung at step 1.
    fn default() -> Self {
        Self { min_resource: 1, factor: 4, skip: 0, bootstrap: 0 }
    }
}

/// Lets a trial past a rung only if it is among the best 1/η of those that have reached it so far.
///
/// Li et al., "A system for massively parallel hyperparameter tuning", MLSys 2020, in the form that
/// stops trials instead of pausing them (Optuna's `SuccessiveHalvingPruner`). Rung k stands at step
/// `min_resource · η^(skip + k)`. A trial's value at a rung is its first report at or after the
/// rung's step. With n values at a rung the best ⌊n/η⌋ get past it, and always the best one; ties
/// get past together.
///
/// NaN: a trial that has NaN at a rung is stopped there, and does not count for the others.
#[derive(Clone, Copy, Debug)]
pub struct SuccessiveHalving {
    rungs: Rungs,
    bootstrap: u32,
}

impl SuccessiveHalving {
    /// Checks the options.
    ///
    /// # Errors
    /// A `min_resource` of 0 or a `factor` below 2.
    pub fn new(options: SuccessiveHalvingOptions) -> Result<Self, OptionError> {
        Ok(Self { rungs: Rungs::new(&options)?, bootstrap: options.bootstrap })
    }
}

impl Scheduler for SuccessiveHalving {
    fn name(&self) -> &'static str {
        SchedulerKind::Asha.name()
    }

    fn decide(&mut self, history: &History, trial: TrialNumber) -> Decision {
        let Some(last) = history.last_report(trial) else { return Decision::Continue };
        for rung in self.rungs.reached(history.reports(trial)) {
            let losses: Vec<f64> = losses_at(history, rung).map(|(loss, _)| loss).collect();
            let quota = self.rungs.quota(losses.len()).max(1);
            let is_early = losses.len() <= self.bootstrap as usize;
            if last.value.is_nan() || is_early || !is_among_best(losses, quota, history.direction().loss(last.value)) {
                return Decision::Stop;
            }
        }
        Decision::Continue
    }

    fn rungs(&self, max_steps: u32) -> Vec<u32> {
        self.rungs.below(max_steps)
    }
}
