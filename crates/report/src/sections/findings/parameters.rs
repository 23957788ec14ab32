//! Which parameters mattered, and with which values trials are good.

use tunefork_names::counted;
use tunefork_space::Domain;
use tunefork_study::TrialRecord;
use tunefork_trial::TrialState;

use super::LEAST;
use crate::Report;
use crate::domains::internal;
use crate::experiments::experiments;
use crate::importances::{Mattered, importances, mattered};
use crate::numbers::{figure, figure_beside, percent, value_text};
use crate::sections::experiments::least_difference;
use crate::statistics::quantile;

/// What each experiment says of what it varies.
pub(super) fn effects(report: &Report<'_>) -> Vec<String> {
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

pub(super) fn most_important(report: &Report<'_>) -> Option<String> {
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

/// Whether what one parameter does depends on another one.
pub(super) fn interactions(report: &Report<'_>) -> Option<String> {
    let Mattered { effects, .. } = mattered(report);
    let most = effects.interactions.first()?;
    let alone: f64 = effects.main.iter().map(|of| of.explained).sum();
    let together = 1.0 - alone;
    let [one, other] = &most.parameters;
    let head = format!("Parameters explain {} of the variance each by itself", percent(alone));
    // Less than the trees of the forest differ by is nothing.
    Some(match most.explained > most.deviation && most.explained >= 0.02 {
        true => format!(
            "{head}; the pair that explains most beside that is {one} with {other} ({}).",
            percent(most.explained)
        ),
        false => format!("{head}; no pair stands out among what makes up the other {}.", percent(together)),
    })
}

/// Where the best quarter of the completed trials lie in the parameters that mattered most, against all of them.
pub(super) fn where_the_best_lie(report: &Report<'_>) -> Vec<String> {
    let (best, all) = (best_quarter(report), all_complete(report));
    if all.len() < 2 * LEAST {
        return Vec::new();
    }
    let important = importances(report).iter().take(3).filter(|of| of.share >= 0.1);
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
pub(super) fn best_quarter<'a>(report: &Report<'a>) -> Vec<&'a TrialRecord> {
    let mut complete = report.complete();
    let direction = report.study.header.direction;
    complete.sort_by(|(_, a), (_, b)| direction.loss(*a).total_cmp(&direction.loss(*b)));
    complete.truncate(complete.len().div_ceil(4));
    complete.into_iter().map(|(trial, _)| trial).collect()
}

fn internals(trials: &[&TrialRecord], name: &str, domain: &Domain) -> Vec<f64> {
    trials.iter().filter_map(|trial| internal(trial, name, domain)).collect()
}

/// Parameters of which the best quarter lies at an end of what was allowed.
pub(super) fn at_a_bound(report: &Report<'_>) -> Vec<String> {
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
