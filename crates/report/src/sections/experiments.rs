//! What each run of an experiment brought, and what that is to the baseline.

use std::collections::BTreeSet;

use tunefork_names::{counted, thousands};
use tunefork_study::{Members, TrialRecord};
use tunefork_trial::TrialState;

use super::{epochs_to, milestone};
use crate::Report;
use crate::document::{Block, Section, Table, TableRow};
use crate::experiments::{Experiment, experiments as of};
use crate::figures;
use crate::numbers::{figure_beside, percent, with_deviation};
use crate::report::{deviation_of, epochs, parameters};

/// A table for each experiment; nothing where there is none.
pub(super) fn experiments(report: &Report<'_>) -> Section {
    let mut section = Section::new("Experiments");
    let experiments = of(report);
    if experiments.is_empty() {
        return section;
    }
    let baseline = report.baseline();
    section.text(match baseline {
        None => "The baseline is none of the runs.".to_string(),
        Some(trial) => match completed(trial) {
            None => format!("The baseline, trial {}, is not complete.", trial.number),
            Some(_) => format!(
                "Differences are to the baseline, trial {}: {} {}.",
                trial.number,
                report.objective(),
                shown(trial)
            ),
        },
    });
    if let Some((least, images)) = least_difference(report) {
        section.text(format!(
            "Of {} alone a difference of less than {} may be chance (95 %); another seed adds to it.",
            counted(images, "validation image"),
            figure_beside(least, 1.0)
        ));
    }
    section.figure(figures::one_factor(report, &experiments));
    section.figure(figures::interactions(report, &experiments));
    for experiment in &experiments {
        section.blocks.push(Block::Title(experiment.name.to_string()));
        section.table(table(report, experiment, baseline));
    }
    section
}

/// How far two accuracies have to lie apart to be told apart by the number of validation images (95 %), and how many these are. What
/// another seed changes comes on top of it.
pub(super) fn least_difference(report: &Report<'_>) -> Option<(f64, usize)> {
    if report.objective() != "accuracy" {
        return None;
    }
    let best = report.study.best()?;
    let (accuracy, metrics) = (best.value?, &best.epochs.last()?.report.metrics);
    // Replicates have all seen the same images, folds others each.
    let replicates = Members::of(best.trainings().iter().map(|report| report.member)).replicates;
    let images = metrics.confusion.iter().map(|(_, count)| count).sum::<f64>() / f64::from(replicates);
    let deviation = (accuracy * (1.0 - accuracy) / images).sqrt();
    let least = 1.96 * std::f64::consts::SQRT_2 * deviation;
    (images > 0.0 && least > 0.0).then_some((least, images as usize))
}

fn table(report: &Report<'_>, experiment: &Experiment<'_>, baseline: Option<&TrialRecord>) -> Table {
    let mut table = Table::new(["run", "trial", "epochs", report.objective(), "difference", "relative"]);
    let runs = || experiment.runs.iter().map(|(_, trial)| *trial);
    let milestone = milestone(report).filter(|_| runs().any(|trial| trial.epochs.len() > 1));
    let sizes = runs().filter_map(parameters).collect::<BTreeSet<u64>>();
    table.header.extend(milestone.map(|value| format!("epochs to {value:.2}")));
    table.header.extend((sizes.len() > 1).then(|| "parameters".to_string()));
    let more = |trial: &TrialRecord| {
        let epochs = milestone.map(|value| epochs_to(report, trial, value));
        let epochs = epochs.map(|epochs| epochs.map_or_else(|| "never".to_string(), |epochs| epochs.to_string()));
        let size = (sizes.len() > 1).then(|| parameters(trial).map(thousands).unwrap_or_default());
        epochs.into_iter().chain(size)
    };
    let values = experiment.runs.iter().filter_map(|(_, trial)| completed(trial));
    let better = |a: f64, b: f64| if report.study.header.direction.better(b, a) { b } else { a };
    let best = values.reduce(better);
    table.rows = experiment
        .runs
        .iter()
        .map(|(name, trial)| TableRow {
            trial: Some(trial.number.0),
            is_marked: best.is_some() && completed(trial) == best,
            cells: run(name, trial, baseline).into_iter().chain(more(trial)).collect(),
        })
        .collect();
    table
}

/// The value of a trial that ran to its end.
fn completed(trial: &TrialRecord) -> Option<f64> {
    trial.value.filter(|_| trial.state == TrialState::Complete)
}

/// The value of a trial with its deviation.
fn shown(trial: &TrialRecord) -> String {
    trial.value.map(|value| with_deviation(value, deviation_of(trial))).unwrap_or_default()
}

fn run(name: &str, trial: &TrialRecord, baseline: Option<&TrialRecord>) -> Vec<String> {
    let is_baseline = baseline.is_some_and(|baseline| baseline.number == trial.number);
    let name = if is_baseline { format!("{name} (baseline)") } else { name.to_string() };
    let value = match trial.state {
        TrialState::Complete => shown(trial),
        state => format!("{} ({state})", shown(trial)).trim_start().to_string(),
    };
    let (mut difference, mut relative) = (String::new(), String::new());
    if let (Some(value), Some(baseline), false) = (completed(trial), baseline.and_then(completed), is_baseline) {
        difference = signed(value - baseline, baseline);
        if baseline != 0.0 {
            let share = (value - baseline) / baseline.abs();
            relative = format!("{}{}", if share < 0.0 { "-" } else { "+" }, percent(share.abs()));
        }
    }
    vec![name, trial.number.to_string(), epochs(trial).to_string(), value, difference, relative]
}

/// A difference to `baseline`, with its sign and no more digits than that has.
fn signed(difference: f64, baseline: f64) -> String {
    match figure_beside(difference, baseline) {
        text if difference >= 0.0 => format!("+{text}"),
        text => text,
    }
}
