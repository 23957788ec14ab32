//! A study as the folder of an experiment of Ray Tune.
//!
//! `params.json`, `result.json` and `progress.csv` of each trial are what Ray documents. Its own readers (`ExperimentAnalysis`, `ResultGrid`)
//! also want `experiment_state-*.json`, which is written as Ray 2.60 reads it.

mod moments;
mod results;
mod state;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Map, Value as Json, json};
use tunefork_study::{StudyRecord, TrialRecord};
use tunefork_trial::TrialState;

use moments::dashed;
use results::Results;

/// The files of an experiment of Ray Tune, by their paths in its folder, each with what it holds.
///
/// A trial is a folder `trial_00007`. Its results are one for each epoch: the value as `value`, the figures of the validation images by
/// name, and Ray's own (`training_iteration`, `time_total_s`, `done` …). Figures that are not finite are null. Pruned trials
/// are ended as Ray's schedulers end them; it has no word for them.
pub fn ray_experiment(study: &StudyRecord) -> Vec<(PathBuf, String)> {
    let results: Vec<Results<'_>> = study.trials.iter().map(Results::of).collect();
    let started = results.iter().filter_map(|results| results.started).min_by(f64::total_cmp).unwrap_or(0.0);
    let state = state::experiment(&results, started);
    let name = format!("experiment_state-{}.json", dashed(started));
    let trials = results.iter().flat_map(files);
    trials.chain([(PathBuf::from(name), format!("{state:#}\n"))]).collect()
}

fn files(results: &Results<'_>) -> Vec<(PathBuf, String)> {
    let trial = results.trial;
    let folder = PathBuf::from(id(trial));
    let mut files = vec![
        (folder.join("params.json"), format!("{:#}\n", Json::from(config(trial)))),
        (folder.join("result.json"), results.lines()),
        (folder.join("progress.csv"), results.table()),
    ];
    if let (TrialState::Failed, Some(end)) = (trial.state, &trial.end) {
        files.push((folder.join(ERROR), format!("{}: {}\n", end.reason, end.message)));
    }
    files
}

/// The file that says why a trial failed.
const ERROR: &str = "error.txt";

/// What a trial and its folder are called. Ray counts with five digits.
fn id(trial: &TrialRecord) -> String {
    format!("trial_{:05}", trial.number.0)
}

/// The parameters, in the order of their names as Ray has them.
fn config(trial: &TrialRecord) -> Map<String, Json> {
    let params = trial.params();
    let config: BTreeMap<String, Json> = params.iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    config.into_iter().collect()
}

#[cfg(test)]
mod tests;
