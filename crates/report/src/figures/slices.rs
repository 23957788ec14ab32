//! The value over each parameter.

use tunefork_charts::{Chart, Colour, Figure, Layer, Point, Shape};
use tunefork_study::TrialRecord;
use tunefork_trial::TrialState;

use super::{MOST_PARAMETERS, drawn_parameters, internal, parameter_axis, value_axis};
use crate::Report;

/// A panel for each of the most important parameters.
pub(crate) fn slices(report: &Report<'_>) -> Option<Figure> {
    let complete = report.complete();
    let parameters = drawn_parameters(report);
    if complete.len() < 4 || parameters.is_empty() {
        return None;
    }
    let stopped: Vec<(&TrialRecord, f64)> = report
        .own()
        .filter(|trial| trial.state == TrialState::Pruned)
        .filter_map(|trial| Some((trial, trial.value?)))
        .collect();
    let values: Vec<f64> = complete.iter().chain(&stopped).map(|(_, value)| *value).collect();
    let drawn = &parameters[..parameters.len().min(MOST_PARAMETERS)];
    let panels = drawn.iter().map(|(name, domain)| {
        let points = |of: &[(&TrialRecord, f64)]| -> Vec<Point> {
            let place =
                |(trial, value): &(&TrialRecord, f64)| Some((internal(trial, name, domain)?, *value, trial.number.0));
            of.iter().filter_map(place).map(|(x, y, key)| Point::new(x, y).key(key)).collect()
        };
        let layer = |of, shape, colour| Layer::points(points(of)).shape(shape).colour(colour).spread();
        Chart::new(parameter_axis(name, domain), value_axis(report, &values))
            .layer(layer(&stopped, Shape::Ring, Colour::Muted).thin())
            .layer(layer(&complete, Shape::Dot, Colour::Series(1)))
    });
    let told = format!(
        "The {} of each trial over the value of each parameter; those that were stopped early are grey.",
        report.objective()
    );
    let columns = if drawn.len() < 3 { drawn.len() } else { 3 };
    let figure = Figure::new("slices", "Over each parameter").description(told).columns(columns);
    Some(figure.height(if columns == 1 { 240 } else { 150 }).panels(panels))
}
