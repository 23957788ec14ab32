//! What the runs of experiments brought.

use tunefork_charts::{Axis, Cell, Chart, Figure, Interval, Layer, Sharing};
use tunefork_study::TrialRecord;
use tunefork_trial::TrialState;

use super::value_colour;
use crate::Report;
use crate::experiments::Experiment;
use crate::numbers::{figure, with_deviation};
use crate::report::deviation_of;
use crate::statistics::quantile;

/// A run that ran to its end.
struct Run<'a> {
    /// Its place among the runs.
    place: usize,
    name: &'a str,
    trial: &'a TrialRecord,
    value: f64,
}

fn complete<'a>(experiment: &'a Experiment<'a>) -> Vec<Run<'a>> {
    let runs = experiment.runs.iter().enumerate();
    let complete = runs.filter(|(_, (_, trial))| trial.state == TrialState::Complete);
    complete.filter_map(|(place, (name, trial))| Some(Run { place, name, trial, value: trial.value? })).collect()
}

/// A panel for each experiment, with the same values but where one goes much further than the others: a dot for each run, with the
/// deviation of its trainings as whiskers where these are several, and the baseline as a rule.
pub(crate) fn one_factor(report: &Report<'_>, experiments: &[Experiment<'_>]) -> Option<Figure> {
    let drawn: Vec<&Experiment<'_>> = experiments
        .iter()
        .filter(|experiment| complete(experiment).len() >= 2 && two_factors(experiment).is_none())
        .collect();
    if drawn.is_empty() {
        return None;
    }
    let mut runs = drawn.iter().flat_map(|experiment| complete(experiment));
    let told = match runs.any(|run| deviation_of(run.trial).is_some()) {
        true => "Dots are means over the trainings of a run, whiskers a deviation to both sides.",
        false => "A dot is one training: how far another seed would move it is not known.",
    };
    let spans: Vec<(f64, f64)> = drawn.iter().map(|experiment| span(experiment)).collect();
    let lengths: Vec<f64> = spans.iter().map(|(low, high)| high - low).collect();
    let most = MUCH_FURTHER * quantile(&lengths, 0.5);
    let common = spans.iter().filter(|(low, high)| high - low <= most).copied().reduce(join);
    let own: Vec<&str> = drawn
        .iter()
        .zip(&lengths)
        .filter(|(_, length)| **length > most)
        .map(|(experiment, _)| experiment.name)
        .collect();
    let note = match own.is_empty() {
        true => String::new(),
        false => format!(" With an axis of its own, since it goes much further: {}.", own.join(", ")),
    };
    let columns = if drawn.len() == 1 { 1 } else { 2 };
    let told = format!("{told}{note}");
    let figure = Figure::new("experiments", "What each setting brings").description(told).columns(columns);
    let figure = figure.height(160).sharing(Sharing::Nothing);
    let panels = drawn.into_iter().zip(spans).map(|(experiment, (low, high))| {
        let own = high - low > most;
        panel(report, experiment, common.filter(|_| !own).unwrap_or((low, high)))
    });
    Some(figure.panels(panels))
}

/// An experiment that goes so much further than the one in the middle would hide what the others do.
const MUCH_FURTHER: f64 = 4.0;

/// From where to where the runs of an experiment go, with their deviations.
fn span(experiment: &Experiment<'_>) -> (f64, f64) {
    let ends = complete(experiment).into_iter().map(|run| {
        let deviation = deviation_of(run.trial).unwrap_or(0.0);
        (run.value - deviation, run.value + deviation)
    });
    ends.reduce(join).unwrap_or((0.0, 0.0))
}

fn join(one: (f64, f64), other: (f64, f64)) -> (f64, f64) {
    (one.0.min(other.0), one.1.max(other.1))
}

fn panel(report: &Report<'_>, experiment: &Experiment<'_>, (low, high): (f64, f64)) -> Chart {
    let runs = complete(experiment);
    let intervals: Vec<Interval> = runs
        .iter()
        .map(|run| {
            let deviation = deviation_of(run.trial);
            let (low, high) = (run.value - deviation.unwrap_or(0.0), run.value + deviation.unwrap_or(0.0));
            let tip = format!("{}: {}", run.name, with_deviation(run.value, deviation));
            Interval::new(run.place as f64, low, run.value, high).key(run.trial.number.0).tip(tip)
        })
        .collect();
    // Where each run is named by one setting, the axis tells which; otherwise the runs have names of their own.
    let names: Vec<&str> = experiment.runs.iter().map(|(name, _)| *name).collect();
    let (axis, names) = match common_setting(&names) {
        Some(setting) => (setting, names.iter().map(|name| &name[setting.len() + 1..]).collect()),
        None => ("", names),
    };
    let room = 0.06 * (high - low);
    let values = Axis::linear(report.objective());
    let values = if high > low { values.range(low - room, high + room) } else { values };
    let mut chart = Chart::new(Axis::band(axis, names), values).title(experiment.name);
    let baseline = report.baseline().filter(|trial| trial.state == TrialState::Complete);
    if let Some(value) = baseline.and_then(|trial| trial.value) {
        chart = chart.layer(Layer::rule_y(value));
    }
    chart.layer(Layer::intervals(intervals))
}

/// The setting that alone names each run, as `dropout` does `dropout=0.2`.
fn common_setting<'a>(names: &[&'a str]) -> Option<&'a str> {
    let settings = names.iter().map(|name| name.split_once('=').map(|(setting, _)| setting));
    let settings: Vec<Option<&str>> = settings.collect();
    let first = (*settings.first()?)?;
    let is_alone = names.iter().all(|name| name.matches('=').count() == 1);
    (is_alone && settings.iter().all(|other| *other == Some(first))).then_some(first)
}

/// Two settings, and the values that each run has of them.
type TwoFactors<'a> = ([&'a str; 2], Vec<[&'a str; 2]>);

/// Of an experiment whose runs are all named by the same two settings, as `dropout=0.3 batch_norm=true`.
fn two_factors<'a>(experiment: &Experiment<'a>) -> Option<TwoFactors<'a>> {
    let mut settings: Option<[&str; 2]> = None;
    let mut values = Vec::new();
    for (name, _) in &experiment.runs {
        let (first, second) = name.split_once(' ')?;
        let [(a, x), (b, y)] = [first.split_once('=')?, second.split_once('=')?];
        if y.contains('=') || *settings.get_or_insert([a, b]) != [a, b] {
            return None;
        }
        values.push([x, y]);
    }
    Some((settings?, values))
}

/// A heat map of each experiment that varies two settings.
pub(crate) fn interactions(report: &Report<'_>, experiments: &[Experiment<'_>]) -> Option<Figure> {
    let panels: Vec<Chart> = experiments.iter().filter_map(|experiment| heat_map(report, experiment)).collect();
    if panels.is_empty() {
        return None;
    }
    let columns = panels.len().min(2);
    let told = "Each cell is a run; what two settings do together is what the rows do differently in each column.";
    Some(Figure::new("interactions", "Two settings together").description(told).columns(columns).panels(panels))
}

fn heat_map(report: &Report<'_>, experiment: &Experiment<'_>) -> Option<Chart> {
    let ([across, up], values) = two_factors(experiment)?;
    let distinct = |place: usize| {
        let mut found: Vec<&str> = Vec::new();
        for value in values.iter().map(|pair| pair[place]) {
            if !found.contains(&value) {
                found.push(value);
            }
        }
        found
    };
    let (columns, rows) = (distinct(0), distinct(1));
    let runs = complete(experiment);
    let cells: Vec<Cell> = runs
        .iter()
        .filter_map(|run| {
            let [x, y] = values[run.place];
            let column = columns.iter().position(|value| *value == x)?;
            let row = rows.iter().position(|value| *value == y)?;
            let tip = format!("{}: {}", run.name, with_deviation(run.value, deviation_of(run.trial)));
            Some(Cell::new(column, row, run.value).label(figure(run.value)).key(run.trial.number.0).tip(tip))
        })
        .collect();
    let (colour, palette) = value_colour(report, &runs.iter().map(|run| run.value).collect::<Vec<_>>());
    let chart = Chart::new(Axis::band(across, columns), Axis::band(up, rows)).title(experiment.name);
    (cells.len() >= 2).then(|| chart.colour(colour, palette).layer(Layer::cells(cells)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_that_names_runs_is_known() {
        assert_eq!(common_setting(&["dropout=0.0", "dropout=0.2"]), Some("dropout"));
        assert_eq!(common_setting(&["dropout=0.0", "kernel=3"]), None);
        assert_eq!(common_setting(&["dropout=0.0 kernel=3", "dropout=0.2 kernel=3"]), None);
        assert_eq!(common_setting(&["deep", "dropout=0.2"]), None);
        assert_eq!(common_setting(&[]), None);
    }
}
