//! The tables of experiments: what each run brought, and what that is to the baseline.

use std::cmp::Ordering;
use std::fmt::{self, Write as _};

use tunefork_trial::TrialState;

use crate::figures::{figure_beside, with_deviation};
use crate::markdown::write_table;
use crate::{Row, Summary};

/// Runs that belong together: they differ in what they try.
#[derive(Clone, Debug, PartialEq)]
pub struct ExperimentSummary {
    /// The experiment's name, the title of its table.
    pub name: String,
    /// Whether the runs follow the values of something that was varied, and keep their order in tables;
    /// others are listed by what they brought.
    pub varied: bool,
    /// The runs, each by its name with the number of its trial, which other runs may share.
    pub runs: Vec<(String, u32)>,
}

impl Summary {
    /// The experiments of a trial, each once, and the names of its runs in them.
    pub(crate) fn runs_of(&self, trial: u32) -> (Vec<&str>, Vec<&str>) {
        let (mut experiments, mut names) = (Vec::new(), Vec::new());
        for experiment in &self.experiments {
            let runs = experiment.runs.iter().filter(|(_, other)| *other == trial);
            for (name, _) in runs {
                if experiments.last() != Some(&experiment.name.as_str()) {
                    experiments.push(experiment.name.as_str());
                }
                names.push(name.as_str());
            }
        }
        (experiments, names)
    }

    /// The value of a trial that ran to its end.
    fn completed(&self, trial: u32) -> Option<f64> {
        let row = self.row(trial)?;
        row.value.filter(|_| row.state == TrialState::Complete)
    }

    /// The value of a trial with its deviation, as it stands in tables.
    fn shown(&self, trial: u32) -> Option<String> {
        let row = self.row(trial)?;
        row.value.map(|value| with_deviation(value, row.deviation))
    }

    fn row(&self, trial: u32) -> Option<&Row> {
        self.trials.iter().find(|row| row.number == trial)
    }
}

/// A section with a table for each experiment; nothing where there is none.
pub(crate) fn write_experiments(text: &mut String, summary: &Summary) -> fmt::Result {
    if summary.experiments.is_empty() {
        return Ok(());
    }
    writeln!(text, "\n## Experiments\n")?;
    let baseline = summary.baseline;
    let value = baseline.and_then(|trial| summary.completed(trial));
    match (baseline, value) {
        (Some(trial), Some(_)) => writeln!(
            text,
            "Differences are to the baseline, trial {trial}: {} {}.",
            summary.objective,
            summary.shown(trial).unwrap_or_default()
        )?,
        (Some(trial), None) => writeln!(text, "The baseline, trial {trial}, is not complete.")?,
        (None, _) => writeln!(text, "The baseline is none of the runs.")?,
    }
    for experiment in &summary.experiments {
        writeln!(text, "\n### {}\n", experiment.name)?;
        let objective = summary.objective.as_str();
        let header = ["run", "trial", "epochs", objective, "difference", "relative"];
        let rows = in_order(summary, experiment);
        let rows = rows.map(|(name, trial)| run(summary, value, name, *trial));
        write_table(text, &header, rows)?;
    }
    Ok(())
}

/// The runs as they are listed: in the order of what was varied, else the best first.
fn in_order<'a>(summary: &Summary, experiment: &'a ExperimentSummary) -> impl Iterator<Item = &'a (String, u32)> {
    let mut runs: Vec<&(String, u32)> = experiment.runs.iter().collect();
    if !experiment.varied {
        runs.sort_by(|(_, one), (_, other)| match (summary.completed(*one), summary.completed(*other)) {
            (Some(one), Some(other)) if summary.direction.better(one, other) => Ordering::Less,
            (Some(one), Some(other)) if summary.direction.better(other, one) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            _ => Ordering::Equal,
        });
    }
    runs.into_iter()
}

fn run(summary: &Summary, baseline: Option<f64>, name: &str, trial: u32) -> Vec<String> {
    let name = match summary.baseline == Some(trial) {
        true => format!("{name} (baseline)"),
        false => name.to_string(),
    };
    let row = summary.row(trial);
    let epochs = row.map(|row| row.epochs.to_string()).unwrap_or_default();
    let value = match row {
        None => "not started".to_string(),
        Some(row) => {
            let value = summary.shown(trial).unwrap_or_default();
            match row.state {
                TrialState::Complete => value,
                state => format!("{value} ({state})").trim_start().to_string(),
            }
        }
    };
    let (mut difference, mut relative) = (String::new(), String::new());
    if let (Some(value), Some(baseline)) = (summary.completed(trial), baseline)
        && summary.baseline != Some(trial)
    {
        difference = signed(value - baseline, baseline);
        if baseline != 0.0 {
            let percent = 100.0 * (value - baseline) / baseline.abs();
            relative = format!("{percent:+.2} %");
        }
    }
    vec![name, trial.to_string(), epochs, value, difference, relative]
}

/// A difference to `baseline`, with its sign and no more digits than that has.
fn signed(difference: f64, baseline: f64) -> String {
    match figure_beside(difference, baseline) {
        text if difference >= 0.0 => format!("+{text}"),
        text => text,
    }
}
