//! What trials take: time, memory, parameters.

use tunefork_names::{bytes, counted, thousands};
use tunefork_study::TrialRecord;

use super::LEAST;
use crate::Report;
use crate::numbers::{duration, figure, figure_beside, percent};
use crate::report::{epochs, parameters as parameters_of};
use crate::sections::experiments::least_difference;
use crate::statistics::quantile;

/// Time of a trial and of an epoch, and the most memory that one was planned to take.
pub(super) fn time_and_memory(report: &Report<'_>) -> Option<String> {
    let trained: Vec<(&TrialRecord, f64)> = report.own().filter_map(|trial| Some((trial, trial.seconds()?))).collect();
    let all: Vec<f64> = trained.iter().map(|(_, seconds)| *seconds).collect();
    if all.is_empty() {
        return None;
    }
    let an_epoch: Vec<f64> = trained.iter().map(|(trial, seconds)| seconds / f64::from(epochs(trial).max(1))).collect();
    let time = format!(
        "A trial took {} in the median, and an epoch {}",
        duration(quantile(&all, 0.5)),
        duration(quantile(&an_epoch, 0.5))
    );
    let planned = report.own().filter_map(|trial| Some((trial, trial.schedule.as_ref()?.blueprint.plan_bytes)));
    Some(match planned.filter(|(_, bytes)| *bytes > 0).max_by_key(|(_, bytes)| *bytes) {
        None => format!("{time}."),
        Some((trial, most)) => {
            format!("{time}; the largest, trial {}, was planned to take {} of memory.", trial.number, bytes(most))
        }
    })
}

/// The share of parameters from which a network is smaller in a way that anybody would care for.
const NOTICEABLY: f64 = 0.85;

/// The smallest network that is about as good as the best.
pub(super) fn parameters(report: &Report<'_>) -> Option<String> {
    let sized: Vec<(&TrialRecord, f64, u64)> = report
        .complete()
        .into_iter()
        .filter_map(|(trial, value)| Some((trial, value, parameters_of(trial)?)))
        .collect();
    let best = report.study.best()?;
    let (of_best, value) = (parameters_of(best)?, best.value?);
    // Of stopped ones, too.
    let all: Vec<u64> = report.own().filter_map(parameters_of).collect();
    let (least, most) = (*all.iter().min()?, *all.iter().max()?);
    if least == most {
        return Some(format!("Every network has {} parameters.", thousands(of_best)));
    }
    let head = format!(
        "Networks have from {} to {} parameters; the best trial's has {}",
        thousands(least),
        thousands(most),
        thousands(of_best)
    );
    // What may be chance is no price; where that is not known, the best tenth of what the trials differ by.
    let within = match least_difference(report) {
        Some((least, _)) => least,
        None => {
            let values: Vec<f64> = sized.iter().map(|of| of.1).collect();
            0.1 * (quantile(&values, 0.9) - quantile(&values, 0.1)).abs()
        }
    };
    let is_smaller = |size: u64| size as f64 <= NOTICEABLY * of_best as f64;
    let near = sized.iter().filter(|(_, other, size)| (other - value).abs() <= within && is_smaller(*size));
    Some(match near.min_by_key(|(_, _, size)| *size) {
        Some((trial, other, size)) if sized.len() >= LEAST.min(4) => format!(
            "{head}. The smallest that comes within {} of it is trial {}'s: {} with {} of them ({}).",
            figure_beside(within, value),
            trial.number,
            figure(*other),
            percent(*size as f64 / of_best as f64),
            thousands(*size)
        ),
        Some(_) | None if of_best == least => format!("{head}, the fewest."),
        Some(_) | None => {
            format!("{head}, and no much smaller one of {} comes near it.", counted(sized.len(), "completed trial"))
        }
    })
}
