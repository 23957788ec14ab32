//! What was tried, in order, and what came of it.

use std::fmt::Write as _;

use tunefork_study::TrialRecord;
use tunefork_trial::TrialState;

use crate::Report;
use crate::experiments::experiments_of;
use crate::markdown::escaped;
use crate::numbers::{value_text, with_deviation};
use crate::report::{attribute, deviation_of, epochs, reason};

/// A line for each trial that has ended, in the order of their ends; what became the best is told where it did.
pub(crate) fn journal(report: &Report<'_>) -> String {
    let study = report.study;
    let mut text = format!("# Journal of {}\n\n", escaped(&study.header.name));
    let mut ended: Vec<&TrialRecord> = study.trials.iter().filter(|trial| trial.state.is_finished()).collect();
    ended.sort_by_key(|trial| (trial.observed.ended.as_deref().unwrap_or_default(), trial.number));
    if ended.is_empty() {
        text.push_str("No trial has ended yet.\n");
    }
    let mut best: Option<f64> = None;
    for trial in ended {
        let mut line = String::new();
        if let Some(time) = &trial.observed.ended {
            line.push_str(&format!("{} ", time.split_once('.').map_or(time.as_str(), |(seconds, _)| seconds)));
        }
        let _ = write!(line, "**trial {}**", trial.number);
        line.push_str(&tried(trial));
        line.push_str(&came_of_it(report, trial, &mut best));
        text.push_str(&format!("- {line}\n"));
    }
    text
}

/// The runs that a trial is, and its configuration.
fn tried(trial: &TrialRecord) -> String {
    let runs = attribute(trial, "run").and_then(|names| names.as_array()).into_iter().flatten();
    let runs: Vec<String> = experiments_of(trial)
        .into_iter()
        .zip(runs)
        .filter_map(|(experiment, run)| Some(format!("{experiment}: {}", run.as_str()?)))
        .collect();
    let runs = if runs.is_empty() { String::new() } else { format!(" ({})", escaped(&runs.join("; "))) };
    let params = trial.params();
    let params: Vec<String> = params.iter().map(|(name, value)| format!("{name}={}", value_text(value))).collect();
    let params = if params.is_empty() { String::new() } else { format!(" {}", escaped(&params.join(" "))) };
    runs + &params
}

fn came_of_it(report: &Report<'_>, trial: &TrialRecord, best: &mut Option<f64>) -> String {
    let after = format!("after {}", tunefork_names::counted(epochs(trial) as usize, "epoch"));
    let value =
        trial.value.map(|value| format!("{} {}", report.objective(), with_deviation(value, deviation_of(trial))));
    let value = value.unwrap_or_else(|| "no value".to_string());
    match trial.state {
        TrialState::Complete => {
            let is_best = trial.value.filter(|value| {
                let is_own = report.study.is_own(trial);
                is_own && best.is_none_or(|best| report.study.header.direction.better(*value, best))
            });
            let told = if is_best.is_some() { ", the best so far" } else { "" };
            *best = is_best.or(*best);
            format!(": {value} {after}{told}")
        }
        TrialState::Pruned => format!(": stopped {after} with {value}"),
        TrialState::Failed | TrialState::Running | TrialState::Paused | TrialState::Waiting => {
            format!(": failed {after}: {}", escaped(&reason(report.study, trial)))
        }
    }
}
