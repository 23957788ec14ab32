//! Learning curves.

use tunefork_charts::{Axis, Chart, Colour, Figure, Layer, Point, Shape};
use tunefork_study::TrialRecord;
use tunefork_trial::TrialState;

use super::value_axis;
use crate::Report;

/// Of more trials than this a part is drawn: more lines are a surface.
const MOST: usize = 150;

/// Each trial's value after each epoch, and where trials were stopped. Nothing where none has two epochs.
pub(crate) fn curves(report: &Report<'_>) -> Option<Figure> {
    let trials: Vec<&TrialRecord> = report.own().filter(|trial| !trial.epochs.is_empty()).collect();
    if !trials.iter().any(|trial| trial.epochs.len() > 1) {
        return None;
    }
    let best = report.study.best().map(|best| best.number);
    // Evenly over the study, so that what a search learned can be seen, too.
    let every = trials.len().div_ceil(MOST);
    let is_drawn = |place: usize, trial: &TrialRecord| place.is_multiple_of(every) || Some(trial.number) == best;
    let drawn: Vec<&TrialRecord> =
        trials.iter().enumerate().filter(|(place, trial)| is_drawn(*place, trial)).map(|(_, trial)| *trial).collect();
    let last = |trial: &&TrialRecord| trial.epochs.last().map(|epoch| epoch.report.value);
    let values: Vec<f64> = drawn.iter().filter_map(last).collect();
    let mut chart = Chart::new(Axis::linear("epoch").whole(), value_axis(report, &values));
    let lines =
        |state: TrialState| drawn.iter().filter(move |trial| trial.state == state && Some(trial.number) != best);
    for trial in lines(TrialState::Pruned) {
        chart = chart.layer(line(trial).thin().colour(Colour::Muted).end(Shape::Cross));
    }
    for trial in lines(TrialState::Failed) {
        chart = chart.layer(line(trial).thin().colour(Colour::Series(6)).end(Shape::Cross));
    }
    for state in [TrialState::Running, TrialState::Paused, TrialState::Complete] {
        for trial in lines(state) {
            chart = chart.layer(line(trial).thin());
        }
    }
    if let Some(trial) = drawn.iter().find(|trial| Some(trial.number) == best) {
        chart = chart.layer(line(trial).colour(Colour::Series(2)).name(format!("best: trial {}", trial.number)));
    }
    let stopped = trials.iter().filter(|trial| trial.state == TrialState::Pruned).count();
    let part =
        if every > 1 { format!(" Of {} trials {} are drawn.", trials.len(), drawn.len()) } else { String::new() };
    let crosses = match stopped {
        0 => String::new(),
        stopped => format!("; a cross is where a trial was stopped: {stopped} were"),
    };
    let told = format!("The {} after each epoch{crosses}.{part}", report.objective());
    Some(Figure::new("curves", "Learning curves").description(told).panel(chart))
}

fn line(trial: &TrialRecord) -> Layer {
    let points: Vec<Point> =
        trial.epochs.iter().map(|epoch| Point::new(f64::from(epoch.step), epoch.report.value)).collect();
    // A single epoch is no line, but an end.
    let layer = Layer::line(points).key(trial.number.0);
    if trial.epochs.len() == 1 { layer.end(Shape::Dot) } else { layer }
}
