//! At which reports a scheduler looks that does not look at all of them.

use tunefork_trial::Report;

use crate::OptionError;

/// Once in so many steps, counted from a warm-up on; of the reports in such a stretch it is the first that counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Interval {
    warmup_steps: u32,
    interval_steps: u32,
}

impl Interval {
    pub(crate) fn new(warmup_steps: u32, interval_steps: u32) -> Result<Self, OptionError> {
        OptionError::at_least_one("interval_steps", interval_steps)?;
        Ok(Self { warmup_steps, interval_steps })
    }

    /// Whether the last of these reports is one to look at.
    pub(crate) fn looks_at(&self, reports: &[Report]) -> bool {
        let Some((last, earlier)) = reports.split_last() else { return false };
        self.is_first(last.step, earlier.last().map(|report| report.step))
    }

    /// Whether the report at `step` is the first in its stretch, `previous` being the step of the report before.
    fn is_first(&self, step: u32, previous: Option<u32>) -> bool {
        step.checked_sub(self.warmup_steps).is_some_and(|since_warmup| {
            let start = step - since_warmup % self.interval_steps;
            previous.is_none_or(|previous| previous < start)
        })
    }

    /// The steps below `max_steps` that are looked at, of a trial that reports after each.
    pub(crate) fn rungs(&self, max_steps: u32) -> Vec<u32> {
        let previous = |step: u32| if step == 1 { None } else { Some(step - 1) };
        (1..max_steps).filter(|&step| self.is_first(step, previous(step))).collect()
    }
}
