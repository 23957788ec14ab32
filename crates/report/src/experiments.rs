//! Which trials are runs of which experiments.

use std::cmp::Ordering;

use tunefork_study::TrialRecord;

use crate::Report;
use crate::report::attribute;

/// Runs that belong together: they differ in what they try.
pub(crate) struct Experiment<'a> {
    /// The experiment's name.
    pub name: &'a str,
    /// Its runs by name, in the order of what they try.
    pub runs: Vec<(&'a str, &'a TrialRecord)>,
}

/// The experiments that a trial belongs to, one for each of its runs.
pub fn experiments_of(trial: &TrialRecord) -> Vec<&str> {
    names(trial, "experiment")
}

fn names<'a>(trial: &'a TrialRecord, of: &str) -> Vec<&'a str> {
    let names = attribute(trial, of).and_then(|names| names.as_array());
    names.into_iter().flatten().filter_map(|name| name.as_str()).collect()
}

/// The experiments whose runs the trials are; none in a search.
pub(crate) fn experiments<'a>(report: &Report<'a>) -> Vec<Experiment<'a>> {
    let mut experiments: Vec<Experiment<'a>> = Vec::new();
    for trial in &report.study.trials {
        for (name, run) in experiments_of(trial).into_iter().zip(names(trial, "run")) {
            match experiments.iter_mut().find(|experiment| experiment.name == name) {
                Some(experiment) => experiment.runs.push((run, trial)),
                None => experiments.push(Experiment { name, runs: vec![(run, trial)] }),
            }
        }
    }
    // A trial that is a run of several experiments has the place of the first of them among the trials.
    for experiment in &mut experiments {
        experiment.runs.sort_by(|(_, one), (_, other)| by_what_they_try(one, other));
    }
    experiments
}

/// By the first parameter that differs, in the order of its domain.
fn by_what_they_try(one: &TrialRecord, other: &TrialRecord) -> Ordering {
    let pairs = one.params.iter().zip(&other.params);
    let differs = pairs.map(|(a, b)| a.internal.total_cmp(&b.internal)).find(|order| order.is_ne());
    differs.unwrap_or_else(|| one.number.cmp(&other.number))
}
