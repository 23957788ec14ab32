//! How the search went: each trial's value, and the best so far.

use tunefork_charts::{Axis, Chart, Colour, Figure, Layer, Point, Shape};
use tunefork_study::TrialRecord;
use tunefork_trial::TrialState;

use super::value_axis;
use crate::Report;
use crate::numbers::figure;

/// Nothing of fewer than two values.
pub(crate) fn history(report: &Report<'_>) -> Option<Figure> {
    let complete = report.complete();
    let stopped: Vec<(&TrialRecord, f64)> = report
        .own()
        .filter(|trial| trial.state == TrialState::Pruned)
        .filter_map(|trial| Some((trial, trial.value.filter(|value| value.is_finite())?)))
        .collect();
    if complete.len() + stopped.len() < 2 {
        return None;
    }
    let values: Vec<f64> = complete.iter().chain(&stopped).map(|(_, value)| *value).collect();
    let direction = report.study.header.direction;
    let mut best: Option<f64> = None;
    let mut steps = Vec::new();
    for (trial, value) in &complete {
        if best.is_none_or(|best| direction.better(*value, best)) {
            best = Some(*value);
            steps.push(Point::new(f64::from(trial.number.0), *value));
        }
    }
    let last = report.study.trials.len().saturating_sub(1) as f64;
    steps.extend(best.map(|best| Point::new(last, best)));
    let points = |of: &[(&TrialRecord, f64)]| -> Vec<Point> {
        let objective = report.objective();
        let point = |(trial, value): &(&TrialRecord, f64)| {
            let tip = format!("trial {}: {objective} {}", trial.number, figure(*value));
            Point::new(f64::from(trial.number.0), *value).key(trial.number.0).tip(tip)
        };
        of.iter().map(point).collect()
    };
    let mut chart = Chart::new(Axis::linear("trial").whole(), value_axis(report, &values));
    if !stopped.is_empty() {
        let layer = Layer::points(points(&stopped)).name("stopped early").colour(Colour::Muted).shape(Shape::Ring);
        chart = chart.layer(layer);
    }
    chart = chart.layer(Layer::points(points(&complete)).name("complete"));
    chart = chart.layer(Layer::steps(steps).name("best so far").colour(Colour::Series(2)));
    let told = match report.study.best() {
        Some(best) => format!("The best is trial {} with {}.", best.number, figure(best.value.unwrap_or(f64::NAN))),
        None => "No trial is complete.".to_string(),
    };
    let title = if report.is_designed() { "All runs" } else { "How the search went" };
    Some(Figure::new("history", title).description(told).panel(chart))
}
