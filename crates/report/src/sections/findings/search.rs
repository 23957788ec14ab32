//! How the search went.

use std::collections::{BTreeMap, BTreeSet};

use tunefork_names::counted;
use tunefork_study::{EndReason, EpochRecord, TrialRecord, mean};
use tunefork_trial::TrialState;

use super::LEAST;
use super::parameters::best_quarter;
use crate::Report;
use crate::numbers::{figure, percent, with_deviation};
use crate::sections::overview::Saved;
use crate::statistics::quantile;

/// The trial by which 95 % of what the search gained over its first complete one was reached: that of convergence. Nothing of few
/// trials, or where none was better than the first.
pub(crate) fn converged<'a>(report: &Report<'a>) -> Option<&'a TrialRecord> {
    let complete = report.complete();
    let (first, last) = (complete.first()?.1, report.study.best()?.value?);
    if complete.len() < LEAST || report.is_designed() || first == last {
        return None;
    }
    let direction = report.study.header.direction;
    let near = last - 0.05 * (last - first);
    let is_near = |value: f64| value == near || direction.better(value, near);
    complete.into_iter().find(|(_, value)| is_near(*value)).map(|(trial, _)| trial)
}

/// With which trial the search had nearly found what it found.
pub(super) fn convergence(report: &Report<'_>) -> Option<String> {
    let (trial, best) = (converged(report)?, report.study.best()?);
    let (first, _) = report.complete().into_iter().next()?;
    let text = format!("Of {} the best is trial {}", counted(report.own().count(), "trial"), best.number);
    let over = format!("95 % of what it gains over trial {}, the first to complete", first.number);
    let when = match trial.number < best.number {
        true => format!("{over}, was reached with trial {}", trial.number),
        false => format!("none before it reached {over}"),
    };
    let is_random = report.study.header.sampler == "random";
    let luck = if is_random { " A random search learns nothing from earlier trials, so this is luck." } else { "" };
    Some(format!("{text}; {when}.{luck}"))
}

/// How the completed trials are spread.
pub(super) fn spread(report: &Report<'_>) -> Option<String> {
    let values: Vec<f64> = report.complete().into_iter().map(|(_, value)| value).collect();
    if values.len() < LEAST {
        return None;
    }
    let (low, high) = (quantile(&values, 0.0), quantile(&values, 1.0));
    let deviation = tunefork_study::deviation(&values);
    Some(format!(
        "The {} have {} {} in the mean (deviation over trials), {} in the median, and lie between {} and {}.",
        counted(values.len(), "completed trial"),
        report.objective(),
        with_deviation(mean(&values), deviation),
        figure(quantile(&values, 0.5)),
        figure(low),
        figure(high)
    ))
}

pub(super) fn stopping(report: &Report<'_>) -> Option<String> {
    let saved = Saved::of(report)?;
    let stopped = report.own().filter(|trial| trial.state == TrialState::Pruned);
    let after: Vec<f64> = stopped.map(|trial| f64::from(crate::report::epochs(trial))).collect();
    Some(format!(
        "{} stopped early, half of them by epoch {:.0}: {} of {} epochs were trained, {} were saved.",
        if saved.stopped == 1 { "1 trial was".to_string() } else { format!("{} trials were", saved.stopped) },
        quantile(&after, 0.5),
        saved.trained,
        saved.planned,
        percent(saved.share())
    ))
}

pub(super) fn failures(report: &Report<'_>) -> Option<String> {
    let failed: Vec<&TrialRecord> = report.own().filter(|trial| trial.state == TrialState::Failed).collect();
    let why = EndReason::ALL.iter().filter_map(|reason| {
        let count = failed.iter().filter(|trial| trial.end.as_ref().is_some_and(|end| end.reason == *reason)).count();
        (count > 0).then(|| format!("{count} {}", reason.name().replace('_', " ")))
    });
    let why: Vec<String> = why.collect();
    (!failed.is_empty()).then(|| match why.is_empty() {
        true => format!("{} failed.", counted(failed.len(), "trial")),
        false => format!("{} failed: {}.", counted(failed.len(), "trial"), why.join(", ")),
    })
}

/// Whether trials that were as far behind as the stopped ones came to be among the best: what the completed trials say of it.
pub(super) fn stopped_too_early(report: &Report<'_>) -> Option<String> {
    let complete = report.complete();
    let stopped: Vec<&TrialRecord> = report.own().filter(|trial| trial.state == TrialState::Pruned).collect();
    if stopped.is_empty() || complete.len() < LEAST {
        return None;
    }
    let direction = report.study.header.direction;
    let loss = |epoch: &EpochRecord| Some(direction.loss(epoch.report.value)).filter(|loss| loss.is_finite());
    // The best that was stopped after each epoch.
    let mut stopped_at: BTreeMap<u32, f64> = BTreeMap::new();
    for last in stopped.iter().filter_map(|trial| trial.epochs.last()) {
        if let Some(loss) = loss(last) {
            stopped_at.entry(last.step).and_modify(|least| *least = least.min(loss)).or_insert(loss);
        }
    }
    // A completed trial that was once no better than one that was stopped then: it was let go on, and is evidence.
    let was_behind = |epoch: &EpochRecord| {
        stopped_at.get(&epoch.step).zip(loss(epoch)).is_some_and(|(stopped, loss)| loss >= *stopped)
    };
    let spared = complete.iter().filter(|(trial, _)| trial.epochs.iter().any(was_behind));
    let spared: BTreeSet<u32> = spared.map(|(trial, _)| trial.number.0).collect();
    let good = best_quarter(report).into_iter().filter(|trial| spared.contains(&trial.number.0)).count();
    Some(match (spared.len(), good) {
        (0, _) => format!(
            "Nobody knows: each of {} was better at every epoch than all that were stopped there.",
            counted(complete.len(), "completed trial")
        ),
        (all, 0) => format!(
            "Nothing speaks for it: {} went on although one was stopped that was no worse at the same epoch, and none of them came \
             into the best quarter.",
            counted(all, "trial")
        ),
        (all, good) => format!(
            "Perhaps: of {} that went on although one was stopped that was no worse at the same epoch, {good} came into the best \
             quarter.",
            counted(all, "trial")
        ),
    })
}
