//! What a good value costs.

use tunefork_charts::{Axis, Chart, Colour, Figure, Layer, Point, Unit};
use tunefork_study::TrialRecord;
use tunefork_trial::Direction;

use super::value_axis;
use crate::Report;

/// What a trial may be measured by.
type Cost<'a> = (Axis, Vec<(&'a TrialRecord, f64, f64)>);

/// The value over parameters, time and memory of training, with the trials that nothing cheaper is better than.
pub(crate) fn cost(report: &Report<'_>) -> Option<Figure> {
    let complete = report.complete();
    let values: Vec<f64> = complete.iter().map(|(_, value)| *value).collect();
    let mib = |trial: &TrialRecord| Some(trial.schedule.as_ref()?.blueprint.plan_bytes as f64 / (1u64 << 20) as f64);
    let measured = |of: &dyn Fn(&TrialRecord) -> Option<f64>| -> Vec<(&TrialRecord, f64, f64)> {
        complete.iter().filter_map(|(trial, value)| Some((*trial, of(trial)?, *value))).collect()
    };
    let parameters = |trial: &TrialRecord| Some(crate::report::parameters(trial)? as f64);
    let costs: [Cost<'_>; 3] = [
        (Axis::log10("parameters"), measured(&parameters)),
        (Axis::log10("time of a trial").seconds(), measured(&|trial| trial.seconds())),
        (Axis::log10("memory of a trial").unit(Unit::Named("MiB".to_string())), measured(&mib)),
    ];
    let panels: Vec<Chart> = costs
        .into_iter()
        .filter(|(_, points)| points.len() >= 4 && points.iter().any(|(_, cost, _)| *cost != points[0].1))
        .map(|(axis, points)| {
            let dots = points.iter().map(|(trial, cost, value)| Point::new(*cost, *value).key(trial.number.0));
            Chart::new(axis, value_axis(report, &values)).layer(Layer::points(dots.collect::<Vec<_>>()).thin()).layer(
                Layer::steps(front(&points, report.study.header.direction))
                    .colour(Colour::Series(2))
                    .name("best for less"),
            )
        })
        .collect();
    if panels.is_empty() {
        return None;
    }
    let told = "The line joins the trials that no cheaper one is better than.";
    let figure = Figure::new("cost", "What it costs").description(told).columns(panels.len()).height(200);
    Some(figure.panels(panels))
}

/// The points that nothing cheaper is as good as, the cheapest first.
fn front(points: &[(&TrialRecord, f64, f64)], direction: Direction) -> Vec<Point> {
    let mut sorted: Vec<&(&TrialRecord, f64, f64)> = points.iter().collect();
    sorted.sort_by(|(_, a, v), (_, b, w)| a.total_cmp(b).then(direction.loss(*v).total_cmp(&direction.loss(*w))));
    let mut best = None;
    let mut front = Vec::new();
    for (trial, cost, value) in sorted {
        if best.is_none_or(|best| direction.better(*value, best)) {
            best = Some(*value);
            front.push(Point::new(*cost, *value).key(trial.number.0));
        }
    }
    front
}
