//! Whole configurations, as lines across the axes of their parameters.

use tunefork_charts::{Figure, Parallel, Polyline};
use tunefork_study::TrialRecord;

use super::{MOST_PARAMETERS, drawn_parameters, internal, parameter_axis, value_axis, value_colour};
use crate::Report;

/// Nothing where fewer than two parameters vary.
pub(crate) fn parallel(report: &Report<'_>) -> Option<Figure> {
    let complete = report.complete();
    let parameters = drawn_parameters(report);
    if complete.len() < 4 || parameters.len() < 2 {
        return None;
    }
    let drawn = &parameters[..parameters.len().min(MOST_PARAMETERS - 1)];
    let values: Vec<f64> = complete.iter().map(|(_, value)| *value).collect();
    let axes = drawn.iter().map(|(name, domain)| parameter_axis(name, domain));
    let axes: Vec<_> = axes.chain([value_axis(report, &values)]).collect();
    let lines = complete.iter().map(|(trial, value)| {
        let places = drawn.iter().map(|(name, domain)| internal(trial, name, domain).unwrap_or(f64::NAN));
        Polyline::new(places.chain([*value]).collect::<Vec<f64>>()).value(*value).key(trial.number.0)
    });
    let (axis, palette) = value_colour(report, &values);
    let lacks =
        |(trial, _): &(&TrialRecord, f64)| drawn.iter().any(|(name, domain)| internal(trial, name, domain).is_none());
    let over = match complete.iter().any(lacks) {
        true => " It passes over the axis of a parameter that the trial does not have.",
        false => "",
    };
    let told = format!("A line for each completed trial, coloured by its {}.{over}", report.objective());
    let panel = Parallel::new(axes).colour(axis, palette).lines(lines);
    Some(Figure::new("parallel", "Whole configurations").description(told).panel(panel))
}
