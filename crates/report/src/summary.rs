//! A study as plain values.

use tunefork_space::Params;
use tunefork_trial::{Direction, TrialState};

use crate::ExperimentSummary;

/// What a report says of a study.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The study's name, the title of the report.
    pub name: String,
    /// What the value of a trial is: `accuracy`, `loss`.
    pub objective: String,
    /// Whether more or less of it is better.
    pub direction: Direction,
    /// A row for each trial, in the order of their numbers.
    pub trials: Vec<Row>,
    /// The experiments whose runs the trials are; none in a search.
    pub experiments: Vec<ExperimentSummary>,
    /// The trial that experiments are compared with, if it is one of theirs.
    pub baseline: Option<u32>,
    /// The settings worth telling, each with its name.
    pub settings: Vec<(String, String)>,
    /// How often the test images were looked at, each time for the trial that was the best then.
    pub test_looks: u32,
    /// Figures of the best trial on the test images, if they were looked at.
    pub test: Vec<(String, f64)>,
    /// The standard deviations of these figures, in the same order, if they are means over trainings.
    pub test_deviations: Vec<f64>,
    /// What each parameter has to do with a trial being among the best, as a share of all of them, the most important
    /// first; empty where that is not known.
    pub importances: Vec<(String, f64)>,
    /// Sentences about what a reader should know: warnings, outside events.
    pub notes: Vec<String>,
}

/// A trial as the tables show it.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The trial's number, counted from 0.
    pub number: u32,
    /// Whether another program ran it, or asked for what cannot be run: its weights are nowhere here.
    pub is_outside: bool,
    /// Where it is in its life.
    pub state: TrialState,
    /// The active parameters with their values.
    pub params: Params,
    /// What it is judged by; none before its end, or if it failed.
    pub value: Option<f64>,
    /// The value of each of its trainings by name, where it is several: its own is their mean.
    pub members: Vec<(String, f64)>,
    /// The standard deviation of these values.
    pub deviation: Option<f64>,
    /// Epochs it was trained.
    pub epochs: u32,
    /// The figures of its last epoch.
    pub metrics: Vec<(String, f64)>,
    /// Why it ended, where that is worth a word.
    pub reason: String,
    /// Seconds of training and validation; not reproducible.
    pub seconds: Option<f64>,
}

impl Summary {
    /// A summary of these trials with nothing else to tell.
    pub fn new(name: impl Into<String>, objective: impl Into<String>, direction: Direction, trials: Vec<Row>) -> Self {
        Self {
            name: name.into(),
            objective: objective.into(),
            direction,
            trials,
            experiments: Vec::new(),
            baseline: None,
            settings: Vec::new(),
            test_looks: 1,
            test: Vec::new(),
            test_deviations: Vec::new(),
            importances: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The completed trial with the best value, of those that were run here; the first of equals.
    pub fn best(&self) -> Option<&Row> {
        let completed = self.trials.iter().filter(|row| row.state == TrialState::Complete && !row.is_outside);
        let values = completed.filter_map(|row| Some((row, row.value?)));
        let best = values.reduce(|best, new| if self.direction.better(new.1, best.1) { new } else { best });
        best.map(|(row, _)| row)
    }

    /// Names of all parameters, in the order of their first appearance.
    pub(crate) fn parameters(&self) -> Vec<&str> {
        in_order(self.trials.iter().flat_map(|row| row.params.iter().map(|(name, _)| name)))
    }

    /// Names of the trainings that trials consist of, in the order of their first appearance.
    pub(crate) fn members(&self) -> Vec<&str> {
        in_order(self.trials.iter().flat_map(|row| row.members.iter().map(|(name, _)| name.as_str())))
    }

    /// Names of all metrics, in the order of their first appearance.
    pub(crate) fn metrics(&self) -> Vec<&str> {
        in_order(self.trials.iter().flat_map(|row| row.metrics.iter().map(|(name, _)| name.as_str())))
    }
}

impl Row {
    /// A trial that has not reported anything.
    pub fn new(number: u32, state: TrialState, params: Params) -> Self {
        Self {
            number,
            is_outside: false,
            state,
            params,
            value: None,
            members: Vec::new(),
            deviation: None,
            epochs: 0,
            metrics: Vec::new(),
            reason: String::new(),
            seconds: None,
        }
    }
}

fn in_order<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut ordered = Vec::new();
    for name in names {
        if !ordered.contains(&name) {
            ordered.push(name);
        }
    }
    ordered
}
