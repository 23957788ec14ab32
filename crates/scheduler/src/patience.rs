//! Patience with trials that do not get better.

use tunefork_trial::{History, TrialNumber};

use crate::{Decision, FreeSlot, OptionError, Scheduler, SchedulerKind};

/// How long [`Patience`] waits, and for what.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PatienceOptions {
    /// Reports that may bring nothing, beside the last one.
    pub patience: u32,
    /// What is no improvement although it is better, in units of the value; 0 or more.
    pub min_delta: f64,
    /// No trial is stopped before this step.
    pub warmup_steps: u32,
}

impl Default for PatienceOptions {
    /// Five reports, any improvement, no warm-up.
    fn default() -> Self {
        Self { patience: 5, min_delta: 0.0, warmup_steps: 0 }
    }
}

/// Stops a trial whose last reports were no better than those before; with another scheduler inside, only if that would stop
/// it too (Optuna's `PatientPruner`).
///
/// A trial has waited if its best value of the last `patience` + 1 reports is not better than the best of those before by more than
/// `min_delta`. With `patience` + 1 reports or fewer it goes on. What an inner scheduler pauses is paused.
///
/// NaN: reports without a number are no better than any other.
pub struct Patience {
    inner: Option<Box<dyn Scheduler>>,
    options: PatienceOptions,
}

impl Patience {
    /// Checks the options.
    ///
    /// # Errors
    /// A `min_delta` below 0, or NaN.
    pub fn new(inner: Option<Box<dyn Scheduler>>, options: PatienceOptions) -> Result<Self, OptionError> {
        if options.min_delta.is_nan() || options.min_delta < 0.0 {
            return Err(OptionError { option: "min_delta", value: options.min_delta, allowed: "0 or more" });
        }
        Ok(Self { inner, options })
    }

    /// Whether the last reports have brought nothing.
    fn has_waited(&self, history: &History, trial: TrialNumber) -> bool {
        let (direction, reports) = (history.direction(), history.reports(trial));
        if reports.last().is_none_or(|last| last.step < self.options.warmup_steps) {
            return false;
        }
        let losses: Vec<f64> = reports.iter().map(|report| direction.loss(report.value)).collect();
        let (earlier, later) = losses.split_at(losses.len().saturating_sub(self.options.patience as usize + 1));
        let best = |losses: &[f64]| losses.iter().copied().fold(f64::NAN, f64::min);
        match (best(earlier), best(later)) {
            _ if earlier.is_empty() => false,
            (before, _) if before.is_nan() => false,
            (_, since) if since.is_nan() => true,
            (before, since) => before + self.options.min_delta < since,
        }
    }
}

impl Scheduler for Patience {
    fn name(&self) -> &'static str {
        SchedulerKind::Patience.name()
    }

    fn decide(&mut self, history: &History, trial: TrialNumber) -> Decision {
        let waited = self.has_waited(history, trial);
        match (self.inner.as_mut().map(|inner| inner.decide(history, trial)), waited) {
            (Some(Decision::Pause), _) => Decision::Pause,
            (Some(Decision::Stop) | None, true) => Decision::Stop,
            (Some(Decision::Stop) | None, false) | (Some(Decision::Continue), _) => Decision::Continue,
        }
    }

    fn resume(&mut self, history: &History, slot: FreeSlot) -> Option<TrialNumber> {
        self.inner.as_mut()?.resume(history, slot)
    }

    fn rungs(&self, max_steps: u32) -> Vec<u32> {
        match &self.inner {
            Some(inner) => inner.rungs(max_steps),
            None => (self.options.warmup_steps.max(self.options.patience.saturating_add(2))..max_steps).collect(),
        }
    }

    fn pauses(&self) -> bool {
        self.inner.as_ref().is_some_and(|inner| inner.pauses())
    }
}
