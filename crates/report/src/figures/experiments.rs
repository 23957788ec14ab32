//! What each run of an experiment brought.

use tunefork_charts::{Axis, Chart, Figure, Interval, Layer};
use tunefork_trial::TrialState;

use super::value_axis;
use crate::Report;
use crate::experiments::Experiment;
use crate::numbers::with_deviation;
use crate::report::deviation_of;

/// A dot for each run, with the deviation of its trainings as whiskers where these are several, and the baseline as a rule.
pub(crate) fn one_factor(report: &Report<'_>, experiment: &Experiment<'_>, place: usize) -> Option<Figure> {
    let complete: Vec<(usize, f64, f64, u32, &str)> = experiment
        .runs
        .iter()
        .enumerate()
        .filter(|(_, (_, trial))| trial.state == TrialState::Complete)
        .filter_map(|(place, (name, trial))| {
            Some((place, trial.value?, deviation_of(trial).unwrap_or(0.0), trial.number.0, *name))
        })
        .collect();
    if complete.len() < 2 {
        return None;
    }
    let ends: Vec<f64> =
        complete.iter().flat_map(|(_, value, deviation, ..)| [value - deviation, value + deviation]).collect();
    let intervals: Vec<Interval> = complete
        .iter()
        .map(|(place, value, deviation, key, name)| {
            let told = with_deviation(*value, (*deviation > 0.0).then_some(*deviation));
            let interval = Interval::new(*place as f64, value - deviation, *value, value + deviation);
            interval.key(*key).tip(format!("{name}: {told}"))
        })
        .collect();
    // Where each run is named by one setting, the axis tells which; otherwise the runs have names of their own.
    let setting = experiment.runs.iter().map(|(name, _)| name.split_once('=').map(|(setting, _)| setting));
    let settings: Vec<Option<&str>> = setting.collect();
    let common = settings[0].filter(|first| settings.iter().all(|other| *other == Some(*first)));
    let common = common.filter(|_| experiment.runs.iter().all(|(name, _)| name.matches('=').count() == 1));
    let names = experiment.runs.iter().map(|(name, _)| match common {
        Some(_) => name.split_once('=').map_or(*name, |(_, value)| value),
        None => *name,
    });
    let mut chart = Chart::new(Axis::band(common.unwrap_or_default(), names), value_axis(report, &ends));
    if let Some(value) =
        report.baseline().filter(|trial| trial.state == TrialState::Complete).and_then(|trial| trial.value)
    {
        chart = chart.layer(Layer::rule_y(value).name("baseline"));
    }
    let several = complete.iter().any(|(_, _, deviation, ..)| *deviation > 0.0);
    let told = match several {
        true => "Dots are means over the trainings of a run, whiskers a deviation to both sides.",
        false => "A dot is one training: how far another seed would move it is not known.",
    };
    let id = format!("experiment-{place}");
    let figure = Figure::new(id, experiment.name).description(told).height(170);
    Some(figure.panel(chart.layer(Layer::intervals(intervals))))
}
