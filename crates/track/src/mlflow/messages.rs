//! What MLflow is told of a study: a run for the study, and one below it for each trial.

use std::collections::BTreeMap;

use tunefork_study::{Event, StudyRecord};
#[cfg(feature = "mlflow")]
use tunefork_study::{TrialProgress, TrialRecord};
use tunefork_trial::TrialState;

use super::names::{key, shortened, text};
use crate::Subject;
use crate::figures::{VALUE, figures};
use crate::times::Times;

/// A run of MLflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Whose {
    Study,
    Trial(u32),
}

/// Something to tell of a run. What is told of one comes in its order, and of the study first of all.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Told {
    pub(super) whose: Whose,
    pub(super) what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    Begin(Begin),
    /// Figures of one step; steps grow.
    Figures {
        step: i64,
        time: i64,
        values: Vec<(String, f64)>,
    },
    End {
        status: Status,
        time: i64,
        tags: Vec<(String, String)>,
    },
}

/// All times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Begin {
    pub(super) name: String,
    pub(super) params: Vec<(String, String)>,
    pub(super) tags: Vec<(String, String)>,
    pub(super) time: i64,
}

/// How far a run is, with MLflow's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Running = 1,
    Finished = 3,
    Failed = 4,
    Killed = 5,
}

impl Status {
    #[cfg(feature = "mlflow")]
    pub(super) fn name(self) -> &'static str {
        match self {
            Status::Running => "RUNNING",
            Status::Finished => "FINISHED",
            Status::Failed => "FAILED",
            Status::Killed => "KILLED",
        }
    }
}

/// Puts events into MLflow's terms.
#[derive(Debug)]
pub(super) struct Teller {
    study: Begin,
    /// Tags of the trials that were asked for, by their place.
    given: Vec<Vec<(String, String)>>,
    times: Times,
    /// The last step of each trial that has not ended.
    steps: BTreeMap<u32, u32>,
    /// Trials that have ended.
    ended: i64,
}

impl Teller {
    pub(super) fn new(subject: &Subject<'_>) -> Self {
        let header = subject.header;
        let tags = [("direction", header.direction.name()), ("metric", subject.metric())];
        let study = Begin {
            name: header.name.clone(),
            params: header.attributes.iter().map(entry).collect(),
            tags: source_tags().chain(tags.map(owned)).collect(),
            time: 0,
        };
        let given = subject.attributes.iter().map(|tags| tags.iter().map(entry).collect()).collect();
        Self { study, given, times: Times::new(subject.known), steps: BTreeMap::new(), ended: 0 }
    }

    pub(super) fn told(&mut self, event: &Event<'_>) -> Vec<Told> {
        let time = (self.times.of(event) * 1000.0) as i64;
        match event {
            Event::StudyStarted { .. } => vec![of_study(What::Begin(Begin { time, ..self.study.clone() }))],
            Event::TrialStarted { number, params, given, .. } => {
                let tags = given.and_then(|place| self.given.get(place)).into_iter().flatten().cloned();
                let begin = Begin {
                    name: run_name(number.0),
                    params: params.iter().map(|(name, value)| (key(name), shortened(value.to_string()))).collect(),
                    tags: source_tags().chain([("trial".to_owned(), number.0.to_string())]).chain(tags).collect(),
                    time,
                };
                vec![Told { whose: Whose::Trial(number.0), what: What::Begin(begin) }]
            }
            Event::Reported { number, epoch, .. } => {
                self.steps.insert(number.0, epoch.step);
                let mut values: Vec<(String, f64)> = Vec::new();
                for (name, value) in figures(&epoch.report) {
                    values.push((free(key(&name), &values), value));
                }
                vec![Told {
                    whose: Whose::Trial(number.0),
                    what: What::Figures { step: epoch.step.into(), time, values },
                }]
            }
            Event::TrialFinished { number, state, value, end, best, .. } => {
                self.ended += 1;
                let step = self.steps.remove(&number.0).unwrap_or(0).into();
                let of_trial = |what| Told { whose: Whose::Trial(number.0), what };
                let figure = |name: &str, step| {
                    value.map(|value| What::Figures { step, time, values: vec![(name.to_owned(), value)] })
                };
                let tags = [("state", state.name()), ("reason", end.reason.name()), ("message", &end.message)];
                let tags = tags.into_iter().filter(|(_, text)| !text.is_empty()).map(owned).collect();
                let status = if *state == TrialState::Failed { Status::Failed } else { Status::Finished };
                let value = figure(VALUE, step).map(of_trial);
                let best = figure("best_value", self.ended).filter(|_| *best).map(of_study);
                value.into_iter().chain([of_trial(What::End { status, time, tags })]).chain(best).collect()
            }
            _ => Vec::new(),
        }
    }

    /// All of a trial once more.
    #[cfg(feature = "mlflow")]
    pub(super) fn again(&mut self, trial: &TrialRecord) -> Vec<Told> {
        let (number, known, params) = (trial.number, true, trial.params());
        let progress = &TrialProgress::default();
        let (blueprint, enqueued, given) = (None, false, None);
        let start = Event::TrialStarted { number, params: &params, blueprint, progress, enqueued, given, known };
        let mut told = self.told(&start);
        if let Some(What::Begin(begin)) = told.first_mut().map(|told| &mut told.what) {
            begin.tags.extend(trial.attributes.iter().map(entry));
        }
        for epoch in &trial.epochs {
            told.extend(self.told(&Event::Reported { number, epoch, known }));
        }
        if let Some(end) = &trial.end {
            let (state, value, best) = (trial.state, trial.value, false);
            told.extend(self.told(&Event::TrialFinished { number, state, value, end, best, known }));
        }
        told
    }

    /// The end of a run of the study, with the best trial and its attributes that are numbers, as what was measured on test images. A
    /// study that was stopped is begun again by the next run.
    pub(super) fn end(&self, study: &StudyRecord, done: bool) -> Vec<Told> {
        let time = (crate::times::now() * 1000.0) as i64;
        let best = study.best();
        let attributes = best.iter().flat_map(|best| &best.attributes);
        let values = attributes.filter_map(|(name, value)| Some((key(&format!("best_{name}")), value.as_f64()?)));
        let figures = What::Figures { step: self.ended, time, values: values.collect() };
        let status = if done { Status::Finished } else { Status::Killed };
        let tags = best.iter().map(|best| ("best_trial".to_owned(), run_name(best.number.0))).collect();
        [figures, What::End { status, time, tags }].map(of_study).into()
    }
}

/// A name that no other figure has: some differ by what MLflow does not take.
fn free(name: String, taken: &[(String, f64)]) -> String {
    let is_free = |name: &String| !taken.iter().any(|(other, _)| other == name);
    let more = (2..).map(|number| format!("{name}_{number}"));
    std::iter::once(name.clone()).chain(more).find(is_free).unwrap_or(name)
}

fn run_name(trial: u32) -> String {
    format!("trial-{trial:04}")
}

fn of_study(what: What) -> Told {
    Told { whose: Whose::Study, what }
}

fn owned((name, text): (&str, &str)) -> (String, String) {
    (name.to_owned(), text.to_owned())
}

fn entry((name, value): &(String, serde_json::Value)) -> (String, String) {
    (key(name), text(value))
}

fn source_tags() -> impl Iterator<Item = (String, String)> {
    [("mlflow.source.name", "tunefork"), ("mlflow.source.type", "LOCAL")].into_iter().map(owned)
}
