//! Bounds that a trial must keep within.

use tunefork_trial::{History, TrialNumber};

use crate::interval::Interval;
use crate::{Decision, OptionError, Scheduler, SchedulerKind};

/// What [`Threshold`] lets pass, and when it looks.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ThresholdOptions {
    /// Values below this are stopped, whatever the direction.
    pub lower: f64,
    /// Values above this are stopped, whatever the direction.
    pub upper: f64,
    /// No trial is stopped before this step.
    pub warmup_steps: u32,
    /// Decide once in this many steps, counted from the warm-up on; 1 or more.
    pub interval_steps: u32,
}

impl Default for ThresholdOptions {
    /// No bounds: only what is no number is stopped, at any step.
    fn default() -> Self {
        Self { lower: f64::NEG_INFINITY, upper: f64::INFINITY, warmup_steps: 0, interval_steps: 1 }
    }
}

/// Stops a trial whose last value is outside bounds that are given: one that cannot be right (Optuna's `ThresholdPruner`).
///
/// NaN: such a trial is stopped.
#[derive(Clone, Copy, Debug)]
pub struct Threshold {
    options: ThresholdOptions,
    interval: Interval,
}

impl Threshold {
    /// Checks the options.
    ///
    /// # Errors
    /// An `upper` that is not above `lower`, a bound that is NaN, an interval of 0.
    pub fn new(options: ThresholdOptions) -> Result<Self, OptionError> {
        let ThresholdOptions { lower, upper, warmup_steps, interval_steps } = options;
        if lower.is_nan() {
            return Err(OptionError { option: "lower", value: lower, allowed: "a number" });
        }
        if upper.is_nan() || upper <= lower {
            return Err(OptionError { option: "upper", value: upper, allowed: "above `lower`" });
        }
        Ok(Self { options, interval: Interval::new(warmup_steps, interval_steps)? })
    }
}

impl Scheduler for Threshold {
    fn name(&self) -> &'static str {
        SchedulerKind::Threshold.name()
    }

    fn decide(&mut self, history: &History, trial: TrialNumber) -> Decision {
        let reports = history.reports(trial);
        let bounds = self.options.lower..=self.options.upper;
        let is_outside = reports.last().is_some_and(|last| !bounds.contains(&last.value));
        if is_outside && self.interval.looks_at(reports) { Decision::Stop } else { Decision::Continue }
    }

    fn rungs(&self, max_steps: u32) -> Vec<u32> {
        self.interval.rungs(max_steps)
    }
}
