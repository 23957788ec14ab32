//! How good the best is, and what it is better than.

use std::collections::BTreeMap;

use tunefork_names::counted;
use tunefork_space::Value;
use tunefork_study::{Members, TrialRecord, mean};
use tunefork_trial::{Direction, TrialState};

use crate::Report;
use crate::hypotheses::{Chance, reach};
use crate::numbers::{figure, figure_beside, percent, value_text, with_deviation};
use crate::report::deviation_of;
use crate::sections::experiments::least_difference;

/// How far the best value is known, and what lies within that.
pub(super) fn known_to(report: &Report<'_>) -> Option<String> {
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
        "The best accuracy, {}, is that of {}: alone by their number it is known to ± {} (95 %){others}.{}",
        figure(value),
        counted(images, "validation image"),
        figure_beside(half, 1.0),
        guessing(report).filter(|guess| value - half <= *guess).map(no_better_than_guessing).unwrap_or_default()
    ))
}

fn no_better_than_guessing(guess: f64) -> String {
    format!(" Naming the most frequent class for every image is right for {}, too.", percent(guess))
}

/// The accuracy of naming the most frequent class of the validation images for each.
pub(super) fn guessing(report: &Report<'_>) -> Option<f64> {
    let mut images: BTreeMap<&str, f64> = BTreeMap::new();
    for ((actual, _), count) in &report.study.best()?.epochs.last()?.report.metrics.confusion {
        *images.entry(actual.as_str()).or_default() += count;
    }
    let all: f64 = images.values().sum();
    let most = images.into_values().reduce(f64::max)?;
    (report.objective() == "accuracy" && all > 0.0).then(|| most / all)
}

/// What the best is to the trial that it is compared with.
pub(super) fn gain(report: &Report<'_>) -> Option<String> {
    let (best, named) = (report.study.best()?, report.baseline());
    let from = named.or_else(|| report.first_given())?;
    let (value, before) = (best.value?, from.value.filter(|_| from.state == TrialState::Complete)?);
    let what = if named.is_some() { "the baseline" } else { "the first given trial" };
    if from.number == best.number {
        return Some(format!("Nothing was better than {what}, trial {}.", from.number));
    }
    let objective = report.objective();
    let gain = (value - before).abs();
    let difference = figure_beside(gain, before);
    let relative = if before == 0.0 { String::new() } else { format!(", {}", percent(gain / before.abs())) };
    let errors = match report.study.header.direction {
        // Of an accuracy that is near 1 the share of errors that are gone says more.
        Direction::Maximize if objective == "accuracy" && before < 1.0 => {
            format!("; {} of its errors are gone", percent((value - before) / (1.0 - before)))
        }
        Direction::Maximize | Direction::Minimize => String::new(),
    };
    let chance = match chance_between(report, best, from) {
        Some(chance) if gain <= chance => {
            format!(
                ". That may be chance: two equal trials are up to {} apart (95 %), and the best of many is lucky",
                figure_beside(chance, 1.0)
            )
        }
        Some(_) | None => errors,
    };
    Some(format!(
        "The best, trial {}, is {difference}{relative} better than {what}, trial {} ({objective} {}){chance}.",
        best.number,
        from.number,
        with_deviation(before, deviation_of(from))
    ))
}

/// How far two trials that are equally good lie apart (95 %): by the number of images, or by how far their trainings lie apart, whichever
/// is more.
fn chance_between(report: &Report<'_>, one: &TrialRecord, other: &TrialRecord) -> Option<f64> {
    let of_images = least_difference(report).map(|(least, _)| least);
    let of_seeds = Chance::of([(one, 1.0), (other, 1.0)].into_iter());
    let of_seeds = of_seeds.map(|chance| reach(chance.freedom, 1) * chance.error);
    of_images.into_iter().chain(of_seeds).reduce(f64::max)
}

/// What another seed, or another division of the images, does to the best.
pub(super) fn stability(report: &Report<'_>) -> Option<String> {
    let best = report.study.best()?;
    let values: Vec<f64> = best.trainings().iter().map(|training| training.value).collect();
    let deviation = deviation_of(best)?;
    let of = Members::of(best.trainings().iter().map(|training| training.member));
    let what = match (of.replicates, of.folds) {
        (replicates, 1) => counted(replicates as usize, "seed"),
        (1, folds) => counted(folds as usize, "fold"),
        (replicates, folds) => {
            format!("{} on {}", counted(replicates as usize, "seed"), counted(folds as usize, "fold"))
        }
    };
    let [low, high] = [f64::min, f64::max].map(|pick| values.iter().copied().fold(values[0], pick));
    Some(format!(
        "Trained with {what} the best trial has {} {} (deviation), from {} to {}.",
        report.objective(),
        with_deviation(mean(&values), Some(deviation)),
        figure(low),
        figure(high)
    ))
}

/// Where several trials are about as good, only several trainings of each can tell them apart.
pub(super) fn replicates(report: &Report<'_>) -> Option<String> {
    let best = report.study.best()?;
    let (least, _) = least_difference(report)?;
    let value = best.value?;
    let near = report.complete().into_iter().filter(|(_, other)| (other - value).abs() < least).count();
    (deviation_of(best).is_none() && near > 1).then(|| {
        format!(
            "Train the best {near} again with several seeds (replicates = 3, or folds): one training of each cannot tell them apart."
        )
    })
}

/// What the study came to, for those who read no further: the best configuration, its value, and how sure that is.
pub(in crate::sections) fn in_a_sentence(report: &Report<'_>) -> Option<String> {
    let best = report.study.best()?;
    let value = best.value?;
    let sure = match (deviation_of(best), least_difference(report)) {
        (Some(_), _) => {
            let trainings = counted(best.trainings().len(), "training");
            format!("{} (deviation of {trainings})", with_deviation(value, deviation_of(best)))
        }
        (None, Some((least, _))) => {
            format!("{} ± {} (95 %)", figure(value), figure_beside(least / std::f64::consts::SQRT_2, 1.0))
        }
        (None, None) => figure(value),
    };
    let ended = report.study.ended_trials();
    let mut text = format!("The best of {} has {} {sure}", counted(ended, "trial"), metric(report));
    if let Some((name, value, deviation)) = report.test.as_ref().and_then(|test| test.main(report.objective())) {
        text.push_str(&format!(", and {name} {} on the test images", with_deviation(value, deviation)));
    }
    let params = best.params();
    let given = params.iter().filter(|(_, value)| **value != Value::Null);
    let shown: Vec<String> = given.take(NAMED).map(|(name, value)| format!("{name} {}", value_text(value))).collect();
    let more = if params.iter().count() > NAMED { ", …" } else { "" };
    let with = if shown.is_empty() { String::new() } else { format!(": {}{more}", shown.join(", ")) };
    let yet = match report.study.own_trials() - ended {
        0 => String::new(),
        1 => " 1 has not ended yet.".to_owned(),
        count => format!(" {count} have not ended yet."),
    };
    Some(format!("{text}. It is trial {}{with}.{yet}", best.number))
}

/// Parameters that a sentence names.
const NAMED: usize = 6;

fn metric<'a>(report: &Report<'a>) -> &'a str {
    report.study.header.metric.as_deref().unwrap_or("the value")
}
