//! The rungs of successive halving, and who has reached them.

use tunefork_trial::{History, Report, TrialNumber};

use crate::{OptionError, SuccessiveHalvingOptions};

/// Where rungs stand, and which share of the trials gets past one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rungs {
    /// The step of the lowest; `None` where `u32` cannot count it.
    lowest: Option<u32>,
    factor: u32,
}

impl Rungs {
    pub(crate) fn new(options: &SuccessiveHalvingOptions) -> Result<Self, OptionError> {
        let &SuccessiveHalvingOptions { min_resource, factor, skip, .. } = options;
        OptionError::at_least_one("min_resource", min_resource)?;
        if factor < 2 {
            return Err(OptionError { option: "factor", value: factor.into(), allowed: "2 or more" });
        }
        let lowest = factor.checked_pow(skip).and_then(|scale| min_resource.checked_mul(scale));
        Ok(Self { lowest, factor })
    }

    /// The steps of all rungs that `u32` can count.
    pub(crate) fn steps(&self) -> impl Iterator<Item = u32> + use<> {
        let factor = self.factor;
        std::iter::successors(self.lowest, move |step| step.checked_mul(factor))
    }

    /// Those below `max_steps`.
    pub(crate) fn below(&self, max_steps: u32) -> Vec<u32> {
        self.steps().take_while(|&step| step < max_steps).collect()
    }

    /// Those that the last of these reports has reached, and none before it.
    pub(crate) fn reached(&self, reports: &[Report]) -> impl Iterator<Item = u32> + use<> {
        let (last, before) = match reports {
            [] => (0, 0),
            [last] => (last.step, 0),
            [.., before, last] => (last.step, before.step),
        };
        self.steps().skip_while(move |&rung| rung <= before).take_while(move |&rung| rung <= last)
    }

    /// η: the next rung is so many times higher.
    pub(crate) fn factor(&self) -> u32 {
        self.factor
    }

    /// How many of the trials at a rung get past it.
    pub(crate) fn quota(&self, trials: usize) -> usize {
        trials / self.factor as usize
    }
}

/// The trials that have come to a rung, each with its loss there; those without a number do not count.
pub(crate) fn losses_at(history: &History, rung: u32) -> impl Iterator<Item = (f64, TrialNumber)> {
    history.numbers().filter_map(move |trial| Some((loss_at(history, trial, rung)?, trial)))
}

/// The loss of a trial at a rung, if it has come to it with a number.
pub(crate) fn loss_at(history: &History, trial: TrialNumber, rung: u32) -> Option<f64> {
    let value = value_at(history.reports(trial), rung).filter(|value| !value.is_nan())?;
    Some(history.direction().loss(value))
}

/// Whether a loss is among the so many best of these, or equal to the last of them.
pub(crate) fn is_among_best(mut losses: Vec<f64>, quota: usize, own: f64) -> bool {
    let (_, &mut last, _) = losses.select_nth_unstable_by(quota - 1, f64::total_cmp);
    own <= last
}

/// The first value reported at or after the step of a rung.
fn value_at(reports: &[Report], rung: u32) -> Option<f64> {
    let reached = reports.partition_point(|report| report.step < rung);
    reports.get(reached).map(|report| report.value)
}
