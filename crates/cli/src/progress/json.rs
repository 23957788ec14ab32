//! One JSON object per event.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tunefork::study::{EpochRecord, Event, MemberReport, Observer, Timing};
use tunefork::{Listener, StudySpec};

use crate::events::{Epoch, Given, Line, RunEvent, Training, figures};
use crate::output::say;

/// Prints an object for each event; what was known before has `"known": true`, and what belongs to a trial
/// of experiments says of which.
pub(super) struct Json {
    spec: StudySpec,
    /// Places of trials in the study file, by number.
    given: BTreeMap<u32, u32>,
}

impl Json {
    pub(super) fn new(spec: &StudySpec) -> Self {
        Self { spec: spec.clone(), given: BTreeMap::new() }
    }

    /// Of which experiments a trial is.
    fn given(&self, trial: Option<u32>) -> Given {
        let place = trial.and_then(|trial| self.given.get(&trial));
        let attributes = place.map(|place| self.spec.attributes(*place)).unwrap_or_default();
        serde_json::from_value(attributes.into_iter().collect()).expect("`Given` has all attributes of a given trial")
    }
}

impl Listener for Json {}

impl Observer for Json {
    fn event(&mut self, event: &Event<'_>) {
        if let Event::TrialStarted { number, given: Some(place), .. } = event {
            self.given.insert(number.0, *place as u32);
        }
        if let Some((trial, event)) = told(event) {
            say(Line { event, given: self.given(trial) });
        }
    }
}

/// An event and the trial that it is of, as it is told; nothing for what another event tells.
fn told(event: &Event<'_>) -> Option<(Option<u32>, RunEvent)> {
    Some(match event {
        Event::StudyStarted { known_trials, budget } => {
            (None, RunEvent::StudyStarted { known_trials: *known_trials, trials: *budget })
        }
        Event::TrialStarted { number, params, enqueued, known, .. } => (
            Some(number.0),
            RunEvent::TrialStarted { trial: number.0, params: json!(params), enqueued: *enqueued, known: *known },
        ),
        Event::TrialRetried { number, failure } => {
            (Some(number.0), RunEvent::TrialRetried { trial: number.0, message: failure.message.clone() })
        }
        Event::Reported { number, epoch, known } => {
            let epoch = Epoch { trial: Some(number.0), known: Some(*known), ..epoch_of(epoch) };
            (Some(number.0), RunEvent::Epoch(epoch))
        }
        Event::TrialPaused { number, step, known, .. } => {
            (Some(number.0), RunEvent::TrialPaused { trial: number.0, epochs: *step, known: *known })
        }
        Event::TrialResumed { number, step, known, .. } => {
            (Some(number.0), RunEvent::TrialResumed { trial: number.0, epochs: *step, known: *known })
        }
        Event::TrialFinished { number, state, value, end, best, known } => {
            let finished = RunEvent::TrialFinished {
                trial: number.0,
                state: *state,
                value: *value,
                reason: end.reason,
                message: end.message.clone(),
                best: *best,
                known: *known,
            };
            (Some(number.0), finished)
        }
        Event::Outside { trial } => {
            let outside = RunEvent::OutsideTrial {
                trial: trial.number.0,
                state: trial.state,
                value: trial.value.filter(|value| value.is_finite()),
                params: json!(trial.params()),
            };
            (None, outside)
        }
        Event::Warning { message } => (None, RunEvent::Warning { message: message.to_string() }),
        Event::Waiting { path } => (None, RunEvent::Waiting { path: path.display().to_string() }),
        Event::EpochComputed { .. } => return None,
    })
}

/// An epoch of a training that belongs to no study.
pub(crate) fn epoch_json(epoch: &EpochRecord) -> Value {
    json!(RunEvent::Epoch(epoch_of(epoch)))
}

/// An epoch, and what each training has brought by then where there are several; figures of single classes
/// are left to the files of the run folder.
fn epoch_of(EpochRecord { step, report, .. }: &EpochRecord) -> Epoch {
    let timing = report.timing.iter().flat_map(Timing::named);
    let member = |report: &MemberReport| Training {
        replicate: report.member.replicate,
        fold: report.member.fold,
        value: Some(report.value),
        metrics: figures(&report.metrics.whole),
    };
    Epoch {
        trial: None,
        epoch: *step,
        value: Some(report.value),
        metrics: figures(&report.metrics.whole),
        observed: timing.map(|(name, value)| (name.to_string(), json!(value))).collect(),
        members: report.members.iter().map(member).collect(),
        known: None,
    }
}
