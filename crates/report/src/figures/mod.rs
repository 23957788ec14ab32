//! The figures of a report: what is drawn. How, is up to `tunefork-charts`.
//!
//! Marks of a trial carry its number, by which the page finds them all.

mod classes;
mod comparison;
mod contour;
mod correlation;
mod cost;
mod curves;
mod distribution;
mod experiments;
mod history;
mod importances;
mod interaction;
mod parallel;
mod quartiles;
mod ranges;
mod scatter;
mod slices;
mod stopping;
mod timeline;
mod tried;

pub(crate) use classes::{classes, confusion};
pub(crate) use comparison::comparison;
pub(crate) use contour::contour;
pub(crate) use correlation::correlation;
pub(crate) use cost::cost;
pub(crate) use curves::curves;
pub(crate) use distribution::distribution;
pub(crate) use experiments::{interactions, one_factor};
pub(crate) use history::history;
pub(crate) use importances::importances;
pub(crate) use interaction::interaction;
pub(crate) use parallel::parallel;
pub(crate) use quartiles::quartiles;
pub(crate) use scatter::scatter;
pub(crate) use slices::slices;
pub(crate) use stopping::stopping;
pub(crate) use timeline::timeline;
pub(crate) use tried::tried;

use tunefork_charts::{Axis, Palette};
use tunefork_space::Domain;
use tunefork_trial::Direction;

use crate::Report;
use crate::domains::internal;
use crate::numbers::value_text;
use crate::statistics::quantile;

/// Figures with a place for each parameter have one for no more than these, the most important first.
const MOST_PARAMETERS: usize = 9;

/// The axis of a parameter. Choices are categories, and stand at their places.
fn parameter_axis(name: &str, domain: &Domain) -> Axis {
    if let Some((low, high)) = ranges::has_few_numbers(domain) {
        return Axis::linear(name).whole().range(low as f64 - 0.5, high as f64 + 0.5);
    }
    match domain {
        Domain::Categorical { choices, .. } => Axis::band(name, choices.iter().map(value_text)),
        Domain::Float { low, high, log: true, .. } => Axis::log10(name).range(*low, *high),
        Domain::Float { low, high, .. } => Axis::linear(name).range(*low, *high),
        Domain::Int { low, high, log: true, .. } => Axis::log10(name).whole().range(*low as f64, *high as f64),
        Domain::Int { low, high, .. } => Axis::linear(name).whole().range(*low as f64, *high as f64),
    }
}

/// The axis of the value. Where less is better a few trials can be worse than all others by far: it ends where these can still be
/// told apart.
fn value_axis(report: &Report<'_>, values: &[f64]) -> Axis {
    let axis = Axis::linear(report.objective());
    let loss = |value: f64| report.study.header.direction.loss(value);
    let losses: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).map(loss).collect();
    let [best, most, worst] = [0.0, 0.8, 1.0].map(|share| quantile(&losses, share));
    let end = most + 2.0 * (most - best);
    if losses.len() < 5 || worst <= end || most == best {
        return axis;
    }
    let room = 0.04 * (end - best);
    match report.study.header.direction {
        Direction::Minimize => axis.range(best - room, end),
        Direction::Maximize => axis.range(-end, -best + room),
    }
}

/// The colours of values: the better, the stronger.
fn value_colour(report: &Report<'_>, values: &[f64]) -> (Axis, Palette) {
    let axis = value_axis(report, values);
    match report.study.header.direction {
        Direction::Maximize => (axis, Palette::Sequential),
        Direction::Minimize => (axis.reversed(), Palette::Sequential),
    }
}

/// The parameters that are drawn: the most important first, where that is known, then in their own order; none that is the
/// same everywhere.
fn drawn_parameters<'a>(report: &Report<'a>) -> Vec<(&'a str, Domain)> {
    let importances = crate::importances::importances(report);
    let place = |name: &str| importances.iter().position(|of| of.parameter == name).unwrap_or(usize::MAX);
    let mut parameters: Vec<_> =
        report.parameters().into_iter().filter(|(name, domain)| varies(report, name, domain)).collect();
    parameters.sort_by_key(|(name, _)| place(name));
    parameters
}

/// Among the completed trials, which are what is drawn.
fn varies(report: &Report<'_>, name: &str, domain: &Domain) -> bool {
    let complete = report.complete().into_iter();
    let mut values = complete.filter_map(|(trial, _)| internal(trial, name, domain)).map(f64::to_bits);
    let first = values.next();
    first.is_some_and(|first| values.any(|value| value != first))
}
