//! The lines of `tunefork run --json`. Their JSON schema follows from the types here, descriptions and all.

use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tunefork::names::Named;
use tunefork::study::{EndReason, Ended};
use tunefork::trial::{Direction, TrialState};

/// An event of a study that runs: one line of `tunefork run --json`.
///
/// The first one is `study_started`, after warnings of what was seen before; the last one is `study_finished`. A run that cannot
/// begin or go on has no last event: its reason stands on standard error, and the exit code is 1 or 2.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "An event of a study of Tunefork")]
pub(crate) struct Line {
    #[serde(flatten)]
    pub event: RunEvent,
    #[serde(flatten)]
    pub given: Given,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).expect("all its keys are texts"))
    }
}

/// In a study of experiments: what the trial of an event is a run of.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Given {
    /// The experiments to which the trial belongs
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiment: Option<Vec<String>>,
    /// The runs that it is there, in the same order
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Vec<String>>,
    /// Whether it is the baseline
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<bool>,
}

/// What happened. `known` marks what a study that goes on tells of earlier runs.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum RunEvent {
    /// The study begins, or goes on.
    StudyStarted {
        /// Trials that were begun before
        known_trials: usize,
        /// Trials asked for in all
        trials: u32,
    },
    /// A trial is begun.
    TrialStarted {
        /// Its number, from 0
        trial: u32,
        /// Its parameters
        #[schemars(schema_with = "params")]
        params: Value,
        /// Whether its values were asked for
        enqueued: bool,
        /// Whether it was begun before
        known: bool,
    },
    /// A trial begins again after a fault of the machine.
    TrialRetried {
        /// Its number
        trial: u32,
        /// What went wrong
        message: String,
    },
    /// A trial has been trained for an epoch more.
    Epoch(Epoch),
    /// A trial is set aside by the scheduler, and another may take its slot.
    TrialPaused {
        /// Its number
        trial: u32,
        /// Epochs that it has done
        epochs: u32,
        /// Whether it had been paused before
        known: bool,
    },
    /// A trial that was paused goes on.
    TrialResumed {
        /// Its number
        trial: u32,
        /// Epochs that it has done
        epochs: u32,
        /// Whether it had gone on before
        known: bool,
    },
    /// A trial has ended.
    TrialFinished {
        /// Its number
        trial: u32,
        /// How it ended
        #[schemars(schema_with = "names::<TrialState>")]
        state: TrialState,
        /// The value of the objective; null if it failed
        value: Option<f64>,
        /// Why it ended
        #[schemars(schema_with = "names::<EndReason>")]
        reason: EndReason,
        /// The reason in words; empty where the reason says all
        message: String,
        /// Whether it is the best so far
        best: bool,
        /// Whether it had ended before
        known: bool,
    },
    /// Another program has begun or ended a trial of the study.
    OutsideTrial {
        /// Its number
        trial: u32,
        /// Where it stands
        #[schemars(schema_with = "names::<TrialState>")]
        state: TrialState,
        /// Its value, if it has one that is finite
        value: Option<f64>,
        /// Its parameters
        #[schemars(schema_with = "params")]
        params: Value,
    },
    /// Something that a reader should know.
    Warning {
        /// A sentence
        message: String,
    },
    /// Another program holds the database; training goes on as far as it may.
    Waiting {
        /// The database
        path: String,
    },
    /// The study has ended, or was stopped: always the last event.
    StudyFinished(Box<StudyFinished>),
}

/// Figures by name; null is a number that is not finite.
type Figures = Map<String, Value>;

/// An epoch.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Epoch {
    /// The trial; none in `tunefork train`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trial: Option<u32>,
    /// The epoch, from 1
    pub epoch: u32,
    /// The value of the objective; null if it is not finite
    pub value: Option<f64>,
    /// Figures of the validation images, equal in equal runs
    #[schemars(with = "BTreeMap<String, Option<f64>>")]
    pub metrics: Figures,
    /// Times, which differ from run to run
    #[schemars(with = "BTreeMap<String, Option<f64>>")]
    pub observed: Figures,
    /// The trainings of the trial, where it is several
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub members: Vec<Training>,
    /// Whether the epoch was known before; none in `tunefork train`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known: Option<bool>,
}

/// One of the trainings that a trial consists of.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Training {
    /// Repetition of the same configuration, from 0
    pub replicate: u32,
    /// Fold of a cross-validation, from 0
    pub fold: u32,
    /// What counts of it so far
    pub value: Option<f64>,
    /// Its figures
    #[schemars(with = "BTreeMap<String, Option<f64>>")]
    pub metrics: Figures,
}

/// All that came out of a study.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StudyFinished {
    /// The name of the study
    pub study: String,
    /// Why it ended
    pub ended: EndedBy,
    /// What is optimised: a figure of the validation images
    pub objective: String,
    /// Whether small or large values are good
    #[schemars(schema_with = "names::<Direction>")]
    pub direction: Direction,
    /// How many trials there are in each state
    pub trials: BTreeMap<&'static str, usize>,
    /// The best trial; null if none is complete
    pub best: Option<Best>,
    /// While no trial is complete: the best of those under way, whose model was kept
    pub under_way: Option<UnderWay>,
    /// The best trial on the test images; null where there are none, or the study was stopped
    pub test: Option<Test>,
    /// The files of the best trial's weights, one for each of its trainings
    pub models: Vec<String>,
    /// The page of the report
    pub report: String,
    /// The database of the study
    pub database: String,
    /// For each reason for which trials failed: how many, and the first of them
    pub failures: Vec<Failures>,
    /// What a reader should know beside the best trial, as sentences
    pub notes: Vec<String>,
    /// Trials that other programs have run or asked for: the study is reproducible given these
    pub outside_trials: usize,
    /// Other events from outside: the study is reproducible given these
    pub outside_events: usize,
    /// Seconds that this run of the study has taken
    pub seconds: f64,
    /// Seconds that all its runs have taken
    pub study_seconds: f64,
}

/// Why a run of a study ended.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EndedBy {
    /// All trials asked for have ended
    Done,
    /// All configurations that can be trained were tried
    Exhausted,
    /// A target, trials in a row without a better one, or a number of epochs was reached
    Reached,
    /// It has taken the time that `time_limit` allows
    TimeLimit,
    /// It was stopped; the same command goes on
    Interrupted,
}

impl From<Ended> for EndedBy {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Done => Self::Done,
            Ended::Exhausted => Self::Exhausted,
            Ended::Reached(_) => Self::Reached,
            Ended::TimeLimit => Self::TimeLimit,
            Ended::Interrupted => Self::Interrupted,
        }
    }
}

/// The best trial.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Best {
    /// Its number
    pub trial: u32,
    /// Its value
    pub value: Option<f64>,
    /// The standard deviation of the value over its trainings; null where it is one
    pub deviation: Option<f64>,
    /// Its parameters
    #[schemars(schema_with = "params")]
    pub params: Value,
}

/// A trial that was under way when the run ended.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct UnderWay {
    /// Its number
    pub trial: u32,
    /// Epochs that it was trained
    pub epochs: u32,
    /// Its value, as if it had ended there
    pub value: Option<f64>,
}

/// The best trial on the test images.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Test {
    /// How many images
    pub images: u64,
    /// How often they were looked at, each time for the best trial then
    pub looks: u32,
    /// Its figures
    #[schemars(with = "BTreeMap<String, Option<f64>>")]
    pub figures: Figures,
    /// Their standard deviations over its trainings; empty where it is one
    #[schemars(with = "BTreeMap<String, Option<f64>>")]
    pub deviations: Figures,
}

/// Trials that failed for one reason.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Failures {
    /// The reason
    #[schemars(schema_with = "names::<EndReason>")]
    pub reason: EndReason,
    /// How many trials
    pub trials: usize,
    /// The number of the first of them
    pub first: u32,
    /// What was said of it
    pub message: String,
}

/// The JSON schema of a line. The text of `docs/events.schema.json`.
pub(crate) fn schema() -> Value {
    schemars::schema_for!(Line).to_value()
}

/// Figures as JSON has them.
pub(crate) fn figures(named: &[(String, f64)]) -> Figures {
    named.iter().map(|(name, value)| (name.clone(), Value::from(*value))).collect()
}

fn names<T: Named>(_: &mut schemars::SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": T::NAMES })
}

fn params(_: &mut schemars::SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "additionalProperties": { "type": ["number", "string", "boolean", "null"] } })
}
