//! The state of an experiment, by which Ray's readers find its trials.
//!
//! Ray keeps three things in it as pickles, which are read by running them. Those here are texts of a few words: a number of
//! CPUs, a folder's name, and that there are no checkpoints.

use serde_json::{Value as Json, json};
use tunefork_trial::TrialState;

use super::results::Results;
use super::{ERROR, config, id};

/// The resources of a trial: one CPU. A reader wants some, and does nothing with them.
const RESOURCES: &str = "(dVCPU\nI1\ns.";

/// No checkpoints.
const CHECKPOINTS: &str = "cray.train._internal.checkpoint_manager\n_CheckpointManager\n(NtR.";

/// The content of `experiment_state-*.json`, of an experiment that was begun so many seconds after 1970.
pub(super) fn experiment(trials: &[Results<'_>], started: f64) -> Json {
    // Ray has texts of JSON within its JSON.
    let trials = trials.iter().map(|results| [trial(results).to_string(), metadata(results).to_string()]);
    json!({
        "trial_data": trials.collect::<Vec<_>>(),
        "runner_data": {},
        "stats": { "start_time": started },
    })
}

fn trial(results: &Results<'_>) -> Json {
    let trial = results.trial;
    json!({
        "trainable_name": "tunefork",
        "trial_id": id(trial),
        "config": config(trial),
        "evaluated_params": config(trial),
        "experiment_tag": trial.number.0.to_string(),
        "status": status(trial.state),
        "relative_logdir": id(trial),
        "stub": true,
        "storage": pickled(&storage(&id(trial))),
        "placement_group_factory": hexadecimal(RESOURCES),
    })
}

fn metadata(results: &Results<'_>) -> Json {
    let failed = results.trial.state == TrialState::Failed;
    let error = failed && results.trial.end.is_some();
    json!({
        "start_time": results.started,
        "num_failures": u8::from(failed),
        "error_filename": error.then_some(ERROR),
        "last_result": results.last(),
        "metric_analysis": results.analysis(),
        "metric_n_steps": {},
        "checkpoint_manager": pickled(CHECKPOINTS),
    })
}

/// Ray's word for a state.
fn status(state: TrialState) -> &'static str {
    match state {
        TrialState::Waiting => "PENDING",
        TrialState::Running => "RUNNING",
        TrialState::Paused => "PAUSED",
        TrialState::Complete | TrialState::Pruned => "TERMINATED",
        TrialState::Failed => "ERROR",
    }
}

/// Where the files of a trial are; a reader adds the folder of the experiment.
fn storage(folder: &str) -> String {
    let class = "ccopy_reg\n_reconstructor\n(cray.train._internal.storage\nStorageContext\nc__builtin__\nobject\nNtR";
    format!("{class}(dVtrial_dir_name\nV{folder}\nsb.")
}

/// A pickle within JSON.
fn pickled(text: &str) -> Json {
    json!({ "_type": "CLOUDPICKLE_FALLBACK", "value": hexadecimal(text) })
}

fn hexadecimal(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}
