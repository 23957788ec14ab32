//! The percentile rule, and with it the median rule.

use tunefork_trial::{Direction, History, TrialNumber, TrialState};

use crate::interval::Interval;
use crate::{Decision, OptionError, Scheduler, SchedulerKind};

/// When [`Percentile`] decides, and what a trial must keep up with.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PercentileOptions {
    /// How many percent of the complete trials a trial must keep up with, 0 to 100. 50 is the median
    /// rule; 25 stops all but the best quarter.
    pub percentile: f64,
    /// No trial is stopped before this many are complete.
    pub startup_trials: u32,
    /// No trial is stopped before this step.
    pub warmup_steps: u32,
    /// Decide once in this many steps, counted from the warm-up on; 1 or more.
    pub interval_steps: u32,
    /// Decide only where at least this many complete trials reported the same step; 1 or more.
    pub min_trials: u32,
}

impl Default for PercentileOptions {
    /// The median rule with Optuna's defaults: 5 start-up trials, no warm-up, interval 1.
    fn default() -> Self {
        Self { percentile: 50.0, startup_trials: 5, warmup_steps: 0, interval_steps: 1, min_trials: 1 }
    }
}

/// Stops a trial whose best value so far is worse than a percentile of what complete trials had at
/// the same step (Golovin et al., "Google Vizier", KDD 2017; in detail Optuna's `PercentilePruner`).
///
/// Pruned, failed and running trials do not count. The percentile interpolates linearly.
///
/// NaN: the trial's own NaN reports are ignored, and if it has no other the trial is stopped; NaN
/// reports of complete trials are left out of the percentile.
#[derive(Clone, Copy, Debug)]
pub struct Percentile {
    options: PercentileOptions,
    interval: Interval,
}

impl Percentile {
    /// Checks the options.
    ///
    /// # Errors
    /// A percentile outside 0 to 100, an interval or a minimum of 0.
    pub fn new(options: PercentileOptions) -> Result<Self, OptionError> {
        if !(0.0..=100.0).contains(&options.percentile) {
            return Err(OptionError { option: "percentile", value: options.percentile, allowed: "from 0 to 100" });
        }
        OptionError::at_least_one("min_trials", options.min_trials)?;
        Ok(Self { interval: Interval::new(options.warmup_steps, options.interval_steps)?, options })
    }

    /// The median rule with its defaults.
    pub fn median() -> Self {
        Self::new(PercentileOptions::default()).expect("the defaults are in their bounds")
    }

    /// The value at the percentile among complete trials that reported `step`; `None` when there
    /// are too few.
    fn threshold(&self, history: &History, step: u32) -> Option<f64> {
        let at_step = |trial| history.value_at(trial, step);
        let mut values: Vec<f64> = complete(history).filter_map(at_step).collect();
        if values.len() < self.options.min_trials as usize {
            return None;
        }
        values.retain(|value| !value.is_nan());
        let percentile = match history.direction() {
            Direction::Minimize => self.options.percentile,
            Direction::Maximize => 100.0 - self.options.percentile,
        };
        interpolated(values, percentile)
    }
}

/// The numbers of the complete trials.
fn complete(history: &History) -> impl Iterator<Item = TrialNumber> {
    let is_complete = |trial: &TrialNumber| history.state(*trial) == TrialState::Complete;
    history.numbers().filter(is_complete)
}

impl Scheduler for Percentile {
    fn name(&self) -> &'static str {
        let median = self.options.percentile == 50.0;
        if median { SchedulerKind::Median.name() } else { SchedulerKind::Percentile.name() }
    }

    fn decide(&mut self, history: &History, trial: TrialNumber) -> Decision {
        let reports = history.reports(trial);
        let Some(last) = reports.last() else { return Decision::Continue };
        let enough = complete(history).count() >= self.options.startup_trials.max(1) as usize;
        if !enough || !self.interval.looks_at(reports) {
            return Decision::Continue;
        }
        let direction = history.direction();
        let better = |best: f64, value: f64| {
            if direction.better(value, best) { value } else { best }
        };
        let own = reports.iter().map(|report| report.value).fold(f64::NAN, better);
        if own.is_nan() {
            return Decision::Stop;
        }
        match self.threshold(history, last.step) {
            Some(threshold) if direction.better(threshold, own) => Decision::Stop,
            _ => Decision::Continue,
        }
    }

    fn rungs(&self, max_steps: u32) -> Vec<u32> {
        self.interval.rungs(max_steps)
    }
}

/// The percentile of values without NaN, linear between neighbours; `None` without values.
fn interpolated(mut values: Vec<f64>, percentile: f64) -> Option<f64> {
    let position = percentile / 100.0 * values.len().checked_sub(1)? as f64;
    let below = position.floor() as usize;
    let (_, &mut low, above) = values.select_nth_unstable_by(below, f64::total_cmp);
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    // Equal neighbours, and a place right on the lower one, need no arithmetic, which could round or
    // make NaN of infinities.
    let share = position - below as f64;
    let between = || low * (1.0 - share) + high * share;
    Some(if low == high || share == 0.0 { low } else { between() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_interpolate_linearly() {
        let values = || vec![4.0, 1.0, 3.0, 2.0];
        for (percentile, expected) in [(0.0, 1.0), (25.0, 1.75), (50.0, 2.5), (100.0, 4.0)] {
            assert_eq!(interpolated(values(), percentile), Some(expected));
        }
        assert_eq!(interpolated(vec![f64::INFINITY; 3], 40.0), Some(f64::INFINITY));
        let infinite = vec![f64::NEG_INFINITY, 0.0, f64::INFINITY];
        assert_eq!(interpolated(infinite.clone(), 25.0), Some(f64::NEG_INFINITY));
        assert_eq!(interpolated(infinite.clone(), 50.0), Some(0.0));
        assert_eq!(interpolated(infinite, 75.0), Some(f64::INFINITY));
        assert_eq!(interpolated(Vec::new(), 50.0), None);
    }
}
