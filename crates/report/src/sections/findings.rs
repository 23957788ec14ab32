//! What the study has found, in sentences that its trials support.

use tunefork_names::counted;
use tunefork_space::Domain;
use tunefork_study::{EndReason, TrialRecord, ValueAt, mean};
use tunefork_trial::{Direction, TrialState};

use super::experiments::least_difference;
use super::overview::Saved;
use crate::Report;
use crate::document::{Block, Section};
use crate::domains::internal;
use crate::experiments::experiments;
use crate::importances::importances;
use crate::numbers::{figure, figure_beside, percent, value_text, with_deviation};
use crate::report::{deviation_of, last_figure};
use crate::statistics::quantile;

/// Fewer completed trials than this are told one by one, not in quarters.
const LEAST: usize = 8;

pub(super) fn findings(report: &Report<'_>) -> Section {
    let mut section = Section::new("Findings");
    let sentences = [known_to(report), gain(report), convergence(report), spread(report), mattered(report)];
    let sentences = sentences.into_iter().flatten().chain(effects(report)).chain(where_the_best_lie(report));
    let more = [stopping(report), gap(report), failures(report)].into_iter().flatten();
    let found: Vec<String> = sentences.chain(more).collect();
    if !found.is_empty() {
        section.blocks.push(Block::List(found));
    }
    let next = advice(report);
    if !next.is_empty() {
        section.blocks.push(Block::Title("What to try next".to_string()));
        section.blocks.push(Block::List(next));
    }
    section
}

/// How far the best value is known, and what lies within that.
fn known_to(report: &Report<'_>) -> Option<String> {
    let (least, images) = least_difference(report)?;
    let best = report.study.best()?;
    let value = best.value?;
    let near = report
        .complete()
        .into_iter()
        .filter(|(trial, other)| trial.number != best.number && (other - value).abs() < least);
    let near = near.count();
    let half = least / std::f64::consts::SQRT_2;
    let others = match near {
        0 => String::new(),
        1 => format!(", and 1 other trial is within {} of it, which may be chance", figure_beside(least, 1.0)),
        near => {
            format!(", and {near} other trials are within {} of it, which may be chance", figure_beside(least, 1.0))
        }
    };
    Some(format!(
        "The best accuracy, {}, is that of {}: alone by their number it is known to ± {} (95 %){others}.",
        figure(value),
        counted(images, "validation image"),
        figure_beside(half, 1.0)
    ))
}

/// What the best is to the trial that it is compared with.
fn gain(report: &Report<'_>) -> Option<String> {
    let (best, named) = (report.study.best()?, report.baseline());
    let from = named.or_else(|| report.first_given())?;
    let (value, before) = (best.value?, from.value.filter(|_| from.state == TrialState::Complete)?);
    let what = if named.is_some() { "the baseline" } else { "the first given trial" };
    if from.number == best.number {
        return Some(format!("Nothing was better than {what}, trial {}.", from.number));
    }
    let objective = report.objective();
    let difference = figure_beside((value - before).abs(), before);
    let relative =
        if before == 0.0 { String::new() } else { format!(", {}", percent((value - before).abs() / before.abs())) };
    let errors = match report.study.header.direction {
        // Of an accuracy that is near 1 the share of errors that are gone says more.
        Direction::Maximize if objective == "accuracy" && before < 1.0 => {
            format!("; {} of its errors are gone", percent((value - before) / (1.0 - before)))
        }
        Direction::Maximize | Direction::Minimize => String::new(),
    };
    Some(format!(
        "The best, trial {}, is {difference}{relative} better than {what}, trial {} ({objective} {}){errors}.",
        best.number,
        from.number,
        with_deviation(before, deviation_of(from))
    ))
}

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
fn convergence(report: &Report<'_>) -> Option<String> {
    let (trial, best) = (converged(report)?, report.study.best()?);
    let (first, _) = report.complete().into_iter().next()?;
    let text = format!("Of {} the best is trial {}", counted(report.own().count(), "trial"), best.number);
    Some(match trial.number < best.number {
        true => format!(
            "{text}; 95 % of what it gains over trial {}, the first to complete, was reached with trial {}.",
            first.number, trial.number
        ),
        false => text + ".",
    })
}

/// What each experiment says of what it varies.
fn effects(report: &Report<'_>) -> Vec<String> {
    let direction = report.study.header.direction;
    let found = experiments(report).into_iter().filter_map(|experiment| {
        let runs = experiment.runs.iter().filter(|(_, trial)| trial.state == TrialState::Complete);
        let mut values: Vec<(&str, f64)> = runs.filter_map(|(name, trial)| Some((*name, trial.value?))).collect();
        values.sort_by(|(_, a), (_, b)| direction.loss(*a).total_cmp(&direction.loss(*b)));
        let [(best, high), .., (worst, low)] = values[..] else { return None };
        let difference = (high - low).abs();
        let of = counted(values.len(), "run");
        let chance = match least_difference(report) {
            Some((least, _)) if difference < least => ", which may be chance",
            _ => "",
        };
        Some(match difference == 0.0 {
            true => format!("{}: all {of} have {}.", experiment.name, figure(high)),
            false => format!(
                "{}: {best} is the best of {of} ({}), {worst} the worst ({}); they are {} apart{chance}.",
                experiment.name,
                figure(high),
                figure(low),
                figure_beside(difference, high)
            ),
        })
    });
    found.collect()
}

/// How the completed trials are spread.
fn spread(report: &Report<'_>) -> Option<String> {
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

fn mattered(report: &Report<'_>) -> Option<String> {
    let importances = importances(report);
    let first = importances.first().filter(|first| first.share > 0.0)?;
    let second = importances.get(1).filter(|second| second.share > 0.0);
    let second = second.map(|second| format!(", then {} ({})", second.parameter, percent(second.share)));
    let rough = if report.complete().len() < 50 { " Of so few trials this is a rough guess." } else { "" };
    Some(format!(
        "What mattered most is {} ({} of the importance){}.{rough}",
        first.parameter,
        percent(first.share),
        second.unwrap_or_default()
    ))
}

/// Where the best quarter of the completed trials lie in the parameters that mattered most, against all of them.
fn where_the_best_lie(report: &Report<'_>) -> Vec<String> {
    let (best, all) = (best_quarter(report), all_complete(report));
    if all.len() < 2 * LEAST {
        return Vec::new();
    }
    let important = importances(report).into_iter().take(3).filter(|of| of.share >= 0.1);
    let parameters = report.parameters();
    important
        .filter_map(|of| {
            let (name, domain) = parameters.iter().find(|(name, _)| *name == of.parameter)?;
            let (of_best, of_all) = (internals(&best, name, domain), internals(&all, name, domain));
            (of_best.len() >= 3).then(|| lies(name, domain, &of_best, &of_all))
        })
        .collect()
}

fn lies(name: &str, domain: &Domain, best: &[f64], all: &[f64]) -> String {
    let text = |internal: f64| value_text(&domain.to_value(internal));
    if let Domain::Categorical { choices, .. } = domain {
        let share = |of: &[f64], choice: usize| {
            of.iter().filter(|value| **value == choice as f64).count() as f64 / of.len() as f64
        };
        let most = (0..choices.len()).max_by(|a, b| share(best, *a).total_cmp(&share(best, *b))).unwrap_or(0);
        let (of_best, of_all) = (percent(share(best, most)), percent(share(all, most)));
        return format!(
            "{name} = {} in {of_best} of the best quarter of trials, and in {of_all} of all.",
            text(most as f64)
        );
    }
    // Where half of the best lie; between two values of a domain with steps there is none.
    let nearest = |values: &[f64], share: f64| {
        let at = quantile(values, share);
        let near = values.iter().copied().min_by(|a, b| (a - at).abs().total_cmp(&(b - at).abs()));
        text(near.unwrap_or(at))
    };
    let (low, high) = (nearest(best, 0.25), nearest(best, 0.75));
    let (lowest, highest) = (nearest(all, 0.0), nearest(all, 1.0));
    let within = if low == high { format!("at {low}") } else { format!("from {low} to {high}") };
    format!("Half of the best quarter of trials have {name} {within}; all trials lie from {lowest} to {highest}.")
}

fn all_complete<'a>(report: &Report<'a>) -> Vec<&'a TrialRecord> {
    report.complete().into_iter().map(|(trial, _)| trial).collect()
}

/// The best quarter of the completed trials.
fn best_quarter<'a>(report: &Report<'a>) -> Vec<&'a TrialRecord> {
    let mut complete = report.complete();
    let direction = report.study.header.direction;
    complete.sort_by(|(_, a), (_, b)| direction.loss(*a).total_cmp(&direction.loss(*b)));
    complete.truncate(complete.len().div_ceil(4));
    complete.into_iter().map(|(trial, _)| trial).collect()
}

fn internals(trials: &[&TrialRecord], name: &str, domain: &Domain) -> Vec<f64> {
    trials.iter().filter_map(|trial| internal(trial, name, domain)).collect()
}

fn stopping(report: &Report<'_>) -> Option<String> {
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

/// How much better the best trial is on the images that it was trained on.
fn gap(report: &Report<'_>) -> Option<String> {
    let best = report.study.best()?;
    let (train, validation) = (last_figure(best, "train_accuracy")?, last_figure(best, "accuracy")?);
    let gap = train - validation;
    // With dropout, and while weights still change, training images are harder: a small gap tells nothing.
    let what = match gap {
        0.1.. => ": it overfits",
        0.03..0.1 => ": it overfits a little",
        _ => "",
    };
    Some(format!(
        "After its last epoch the best trial has accuracy {} on its training images and {} on the validation images{what}.",
        figure(train),
        figure(validation)
    ))
}

fn failures(report: &Report<'_>) -> Option<String> {
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

/// What the trials themselves speak for, and nothing else.
fn advice(report: &Report<'_>) -> Vec<String> {
    at_a_bound(report).into_iter().chain(trains_longer(report)).collect()
}

/// Parameters of which the best quarter lies at an end of what was allowed.
fn at_a_bound(report: &Report<'_>) -> Vec<String> {
    if report.complete().len() < 2 * LEAST {
        return Vec::new();
    }
    let (best, everyone) = (best_quarter(report), all_complete(report));
    let found = report.parameters().into_iter().filter_map(|(name, domain)| {
        let (low, high) = match domain {
            Domain::Float { low, high, .. } if low < high => (low, high),
            Domain::Int { low, high, .. } if low < high => (low as f64, high as f64),
            Domain::Float { .. } | Domain::Int { .. } | Domain::Categorical { .. } => return None,
        };
        let place = |internal: f64| {
            let [low, high, at] = [low, high, internal].map(|value| domain.transform(value));
            (at - low) / (high - low)
        };
        let places: Vec<f64> = internals(&best, name, &domain).into_iter().map(place).collect();
        // Where half of all trials lie there, the best do so by chance.
        let all: Vec<f64> = internals(&everyone, name, &domain).into_iter().map(place).collect();
        if !(0.05..0.95).contains(&quantile(&all, 0.5)) {
            return None;
        }
        let (bound, word) = match quantile(&places, 0.5) {
            // Below such a bound there is mostly nothing: no dropout, one layer.
            ..0.05 if low > 0.0 && low != 1.0 => (low, "lower"),
            0.95.. => (high, "upper"),
            _ => return None,
        };
        let bound = value_text(&domain.to_value(bound));
        Some(format!("Widen {name}: half of the best quarter of trials lie at its {word} bound, {bound}."))
    });
    found.collect()
}

/// A best trial that was still getting better when its epochs were over.
fn trains_longer(report: &Report<'_>) -> Option<String> {
    // A step of another program need not be an epoch.
    let best = report.study.best().filter(|best| best.schedule.is_some())?;
    let value = |epoch: &&tunefork_study::EpochRecord| epoch.report.value;
    let direction = report.study.header.direction;
    let top = ValueAt::Best.pick(direction, &best.epochs, value)?;
    let last = best.epochs.last()?;
    (best.epochs.len() >= 3 && top.step == last.step).then(|| {
        format!("Longer training may help: the best epoch of the best trial is its last, epoch {}.", last.step)
    })
}
