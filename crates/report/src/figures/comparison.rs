//! Several studies against each other.

use tunefork_charts::{Axis, Chart, Colour, Figure, Layer, Point};
use tunefork_study::StudyRecord;
use tunefork_trial::TrialState;

use super::value_axis;
use crate::Report;

/// The best so far over the epochs that were trained until then, a line for each study.
pub(crate) fn comparison(report: &Report<'_>) -> Option<Figure> {
    let studies: Vec<&StudyRecord> = [report.study].into_iter().chain(report.compared.iter()).collect();
    if studies.len() < 2 {
        return None;
    }
    let lines: Vec<Vec<Point>> = studies.iter().map(|study| best_so_far(study)).collect();
    let values: Vec<f64> = lines.iter().flatten().map(|point| point.y()).collect();
    if values.is_empty() {
        return None;
    }
    let mut chart = Chart::new(Axis::linear("epochs trained").whole(), value_axis(report, &values));
    for (place, (line, study)) in lines.into_iter().zip(&studies).enumerate() {
        let colour = Colour::Series((place % 8) as u8 + 1);
        chart = chart.layer(Layer::steps(line).name(&*study.header.name).colour(colour));
    }
    let told = "The best completed trial so far, over the epochs of all trials that had ended by then.";
    Some(Figure::new("comparison", "Studies against each other").description(told).panel(chart))
}

fn best_so_far(study: &StudyRecord) -> Vec<Point> {
    let mut ended: Vec<_> =
        study.trials.iter().filter(|trial| trial.state.is_finished() && study.is_own(trial)).collect();
    ended.sort_by_key(|trial| (trial.observed.ended.as_deref().unwrap_or_default(), trial.number));
    let (mut epochs, mut best, mut points) = (0, None, Vec::new());
    for trial in ended {
        epochs += trial.epochs.len();
        let value = trial.value.filter(|value| value.is_finite() && trial.state == TrialState::Complete);
        if let Some(value) = value.filter(|value| best.is_none_or(|best| study.header.direction.better(*value, best))) {
            best = Some(value);
            points.push(Point::new(epochs as f64, value));
        }
    }
    points.extend(best.map(|best| Point::new(epochs as f64, best)));
    points
}
