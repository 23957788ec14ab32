//! How trials learned.

use tunefork_names::counted;
use tunefork_study::{EpochRecord, TrialRecord, ValueAt};

use super::result::guessing;
use crate::Report;
use crate::numbers::figure;
use crate::report::last_figure;
use crate::sections::experiments::least_difference;
use crate::statistics::quantile;

/// How much better the best trial is on the images that it was trained on.
pub(super) fn gap(report: &Report<'_>) -> Option<String> {
    let best = report.study.best()?;
    let (train, validation) = (last_figure(best, "train_accuracy")?, last_figure(best, "accuracy")?);
    let gap = train - validation;
    let known_to = least_difference(report).map_or(0.0, |(least, _)| least / std::f64::consts::SQRT_2);
    let answer = match gap {
        0.1.. if gap > known_to => "Yes",
        0.03.. if gap > known_to => "A little",
        ..=0.0 => "No",
        _ => "Hardly, if at all",
    };
    // With dropout, and while weights still change, training images are harder.
    Some(format!(
        "{answer}: in its last epoch the best trial has accuracy {} on its training images, as it learns from them, and then {} on the \
         validation images.",
        figure(train),
        figure(validation)
    ))
}

/// A best trial that was still getting better when its epochs were over.
pub(super) fn trains_longer(report: &Report<'_>) -> Option<String> {
    // A step of another program need not be an epoch.
    let best = report.study.best().filter(|best| best.schedule.is_some())?;
    let value = |epoch: &&EpochRecord| epoch.report.value;
    let direction = report.study.header.direction;
    let top = ValueAt::Best.pick(direction, &best.epochs, value)?;
    let last = best.epochs.last()?;
    (best.epochs.len() >= 3 && top.step == last.step).then(|| {
        format!("Longer training may help: the best epoch of the best trial is its last, epoch {}.", last.step)
    })
}

/// The classes that the best trial finds least well, and what it takes most often for something else.
pub(super) fn hard_classes(report: &Report<'_>) -> Option<String> {
    let metrics = &report.study.best()?.epochs.last()?.report.metrics;
    let mut f1: Vec<(&str, f64)> = metrics
        .per_class
        .iter()
        .filter(|((_, name), value)| name == "f1" && value.is_finite())
        .map(|((class, _), value)| (class.as_str(), *value))
        .collect();
    if f1.len() < 2 {
        return None;
    }
    f1.sort_by(|(_, a), (_, b)| a.total_cmp(b));
    let named: Vec<String> =
        f1.iter().take(if f1.len() < 6 { 1 } else { 3 }).map(|(class, f1)| format!("{class} ({f1:.3})")).collect();
    let taken = metrics.confusion.iter().filter(|((actual, taken), count)| actual != taken && *count > 0.0);
    let most = taken.max_by(|(_, a), (_, b)| a.total_cmp(b));
    let most = most.map(|((actual, taken), count)| {
        let all: f64 = metrics.confusion.iter().filter(|((other, _), _)| other == actual).map(|(_, count)| count).sum();
        format!("; most often {actual} is taken for {taken} ({count} of {all})")
    });
    Some(format!("By F1 the best trial is weakest at {}{}.", named.join(", "), most.unwrap_or_default()))
}

/// A share of images that was found, as accuracy is, goes in such steps.
const STEP: f64 = 0.05;

/// A round value above what guessing reaches, if possible one that more than half of the completed trials reached, for which it is told
/// when they did.
pub(crate) fn milestone(report: &Report<'_>) -> Option<f64> {
    let mut values: Vec<f64> = report.complete().into_iter().map(|(_, value)| value).collect();
    if values.is_empty() || report.objective() != "accuracy" {
        return None;
    }
    values.sort_by(|a, b| b.total_cmp(a));
    let steps = (values[values.len() / 2] / STEP + 1e-9).floor();
    // Not 0.8500000000000001.
    let rounded = |steps: f64| (steps * STEP * 100.0).round() / 100.0;
    // What guessing reaches is none.
    let above_guessing = guessing(report).map_or(1.0, |guess| (guess / STEP + 1e-9).floor() + 1.0);
    Some(rounded(steps.max(above_guessing)))
}

/// The first epoch after which a trial is at least as good as this.
pub(crate) fn epochs_to(report: &Report<'_>, trial: &TrialRecord, value: f64) -> Option<u32> {
    let direction = report.study.header.direction;
    let reached = |epoch: &&EpochRecord| epoch.report.value == value || direction.better(epoch.report.value, value);
    trial.epochs.iter().find(reached).map(|epoch| epoch.step)
}

/// How long the trials took to become good.
pub(super) fn epochs_until(report: &Report<'_>) -> Option<String> {
    let milestone = milestone(report)?;
    let complete = report.complete();
    let reached: Vec<(&TrialRecord, f64)> = complete
        .iter()
        .filter_map(|(trial, _)| Some((*trial, f64::from(epochs_to(report, trial, milestone)?))))
        .collect();
    if !complete.iter().any(|(trial, _)| trial.epochs.len() > 1) {
        return None;
    }
    if reached.is_empty() {
        let all = counted(complete.len(), "completed trial");
        return Some(format!("None of {all} reached {} {milestone:.2}.", report.objective()));
    }
    let (fastest, first) = reached.iter().min_by(|(_, a), (_, b)| a.total_cmp(b))?;
    let epochs: Vec<f64> = reached.iter().map(|(_, epochs)| *epochs).collect();
    let all = if reached.len() == complete.len() { "All".to_string() } else { reached.len().to_string() };
    Some(format!(
        "{all} of {} reached {} {milestone:.2}: after {} in the median, trial {} as the first after {}.",
        counted(complete.len(), "completed trial"),
        report.objective(),
        counted(quantile(&epochs, 0.5).round() as usize, "epoch"),
        fastest.number,
        counted(*first as usize, "epoch")
    ))
}
