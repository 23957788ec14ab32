//! The trials of one study.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use tunefork::data::printable;
use tunefork::report::{experiments_of, figure, value_text, with_deviation};
use tunefork::space::Value;
use tunefork::study::{Members, StudyRecord, TrialRecord, deviation_of};
use tunefork::{TestResult, study_notes};

use super::order::{self, Order};
use crate::output::{failure_lines, fitted_table, given, short_params, table, table_width, test_lines};
use crate::screen;

pub(super) fn text(study: &StudyRecord, test: Option<&TestResult>, order: &Order) -> Result<String, std::fmt::Error> {
    let header = &study.header;
    let mut text = String::new();
    let value = printable(header.metric.as_deref().unwrap_or("value"));
    // Other programs' studies have no seed of ours.
    let seed = if header.is_ours() { format!(", seed {}", header.seed) } else { String::new() };
    writeln!(text, "study {}{seed}\n", printable(&header.name))?;
    text.push_str(&trials(study, order));
    if let Some(words) = order.words(study) {
        writeln!(text, "{words}")?;
    }
    let failures = failure_lines(study);
    if !failures.is_empty() {
        write!(text, "\n{failures}")?;
    }
    let notes: String = study_notes(study).iter().map(|note| format!("{note}\n")).collect();
    let Some(best) = study.best() else {
        writeln!(text, "\nno trial is complete")?;
        return Ok(text + &notes);
    };
    writeln!(
        text,
        "\nbest: trial {}, {value} {}",
        best.number,
        with_deviation(best.value.unwrap_or(f64::NAN), deviation(best))
    )?;
    let reports = best.trainings();
    let members = Members::of(reports.iter().map(|report| report.member));
    for report in reports {
        let (member, value) = (members.name(report.member), figure(report.value));
        writeln!(text, "  {member}: {value}")?;
    }
    for (name, value) in given(&best.params()) {
        writeln!(text, "  {} = {}", printable(name), printable(&value.to_string()))?;
    }
    if let Some(test) = test {
        text.push_str(&test_lines(test));
    }
    Ok(text + &notes)
}

/// A table of the trials. Each setting has a column, unless the terminal is too narrow for that: then they stand one after
/// the other in the last one, as far as there is room.
fn trials(study: &StudyRecord, order: &Order) -> String {
    let trials: Vec<&TrialRecord> = order.places(study).into_iter().map(|place| &study.trials[place]).collect();
    let (header, rows) = figures(study, &trials, order);
    let beside = |cells: &dyn Fn(&TrialRecord) -> Vec<String>| -> Vec<Vec<String>> {
        rows.iter().zip(&trials).map(|(row, trial)| [row.clone(), cells(trial)].concat()).collect()
    };
    let settings = settings(study);
    let each = beside(&|trial| {
        let params = trial.params();
        let cell = |name: &String| params.get(name).filter(|value| **value != Value::Null).map(value_text);
        settings.iter().map(|name| cell(name).unwrap_or_default()).collect()
    });
    let wide: Vec<&str> = header.iter().copied().chain(settings.iter().map(String::as_str)).collect();
    match screen::table_width() {
        Some(width) if table_width(&wide, &each) > width => {
            let narrow = [&header[..], &["parameters"]].concat();
            fitted_table(&narrow, &beside(&|trial| vec![short_params(&trial.params()).join(" ")]), width)
        }
        Some(_) | None => table(&wide, &each),
    }
}

/// What is told of each trial beside its settings.
fn figures<'a>(study: &'a StudyRecord, trials: &[&TrialRecord], order: &'a Order) -> (Vec<&'a str>, Vec<Vec<String>>) {
    let grouped = trials.iter().any(|trial| !experiments(trial).is_empty());
    let several = trials.iter().any(|trial| deviation(trial).is_some());
    let timed = trials.iter().any(|trial| trial.seconds().is_some());
    // `accuracy` does for `validation accuracy` where all figures are of the validation images.
    let metric = study.header.metric.as_deref().unwrap_or("value");
    let value = metric.strip_prefix("validation ").unwrap_or(metric);
    let row = |trial: &&TrialRecord| {
        let state = match study.is_outside(trial) {
            true => format!("{} (outside)", trial.state),
            false => trial.state.to_string(),
        };
        let mut row = vec![trial.number.to_string(), state, trial.value.map(figure).unwrap_or_default()];
        let sorted = order.figure().map(|name| order::figure(study, trial, name).map(figure).unwrap_or_default());
        row.extend(sorted);
        row.extend(several.then(|| deviation(trial).map(figure).unwrap_or_default()));
        row.push(trial.epochs.len().to_string());
        row.extend(timed.then(|| trial.seconds().map(|s| format!("{s:.2}")).unwrap_or_default()));
        row.extend(grouped.then(|| experiments(trial).join(", ")));
        row
    };
    let mut header = vec!["trial", "state", value];
    header.extend(order.figure());
    header.extend(several.then_some("deviation"));
    // A setting may have that name, too.
    header.push(if settings(study).iter().any(|name| name == "epochs") { "trained" } else { "epochs" });
    header.extend(timed.then_some("seconds"));
    header.extend(grouped.then_some("experiments"));
    (header, trials.iter().map(row).collect())
}

/// The settings that any trial has, in the order of the first one that has each.
fn settings(study: &StudyRecord) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let params = study.trials.iter().flat_map(|trial| &trial.params);
    params.filter(|param| seen.insert(&param.name)).map(|param| param.name.clone()).collect()
}

/// The standard deviation of a trial's value over its trainings, if these are several.
fn deviation(trial: &TrialRecord) -> Option<f64> {
    deviation_of(trial.trainings())
}

/// The experiments that a trial belongs to, each once.
fn experiments(trial: &TrialRecord) -> Vec<&str> {
    let mut names = experiments_of(trial);
    names.dedup();
    names
}
