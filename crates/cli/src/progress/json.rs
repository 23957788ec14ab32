//! One JSON object per event.

use serde_json::{Map, Value, json};
use tunefork::study::{EpochRecord, Event, MemberReport, Observer};
use tunefork::{Listener, StudySpec};

use crate::output::say;

/// Prints an object for each event; what was known before has `"known": true`, and what belongs to a trial
/// of experiments says of which.
pub struct Json {
    spec: StudySpec,
}

impl Json {
    pub fn new(spec: &StudySpec) -> Self {
        Self { spec: spec.clone() }
    }
}

impl Listener for Json {}

impl Observer for Json {
    fn event(&mut self, event: &Event<'_>) {
        let Some(mut object) = object(event) else {
            return;
        };
        let trial = object["trial"].as_u64().map(|trial| trial as u32);
        for (name, value) in trial.into_iter().flat_map(|trial| self.spec.attributes(trial)) {
            object[name] = value;
        }
        say(object);
    }
}

fn object(event: &Event<'_>) -> Option<Value> {
    Some(match event {
        Event::StudyStarted { known_trials, budget } => {
            json!({ "event": "study_started", "known_trials": known_trials, "trials": budget })
        }
        Event::TrialStarted { number, params, enqueued, known, .. } => json!({
            "event": "trial_started",
            "trial": number.0,
            "params": params,
            "enqueued": enqueued,
            "known": known,
        }),
        Event::TrialRetried { number, failure } => json!({
            "event": "trial_retried",
            "trial": number.0,
            "message": failure.message,
        }),
        Event::Reported { number, epoch, known } => {
            let mut object = epoch_json(epoch);
            object["trial"] = number.0.into();
            object["known"] = (*known).into();
            object
        }
        Event::TrialFinished { number, state, value, end, best, known } => json!({
            "event": "trial_finished",
            "trial": number.0,
            "state": state,
            "value": value,
            "reason": end.reason.as_str(),
            "message": end.message,
            "best": best,
            "known": known,
        }),
        Event::Warning { message } => json!({ "event": "warning", "message": message }),
        _ => return None,
    })
}

/// An epoch, and what each training has brought by then where there are several; figures of single classes are left to the files of the run folder.
pub fn epoch_json(epoch: &EpochRecord) -> Value {
    let figures = |figures: &[(String, f64)]| {
        let whole = figures.iter().filter(|(name, _)| !name.contains('/'));
        whole.map(|(name, value)| (name.clone(), json!(value))).collect::<Map<_, _>>()
    };
    let mut object = json!({
        "event": "epoch",
        "epoch": epoch.step,
        "value": epoch.value,
        "metrics": figures(&epoch.metrics),
        "observed": figures(&epoch.observed),
    });
    if !epoch.members.is_empty() {
        let member = |report: &MemberReport| {
            json!({
                "replicate": report.member.replicate,
                "fold": report.member.fold,
                "value": report.value,
                "metrics": figures(&report.metrics),
            })
        };
        object["members"] = epoch.members.iter().map(member).collect();
    }
    object
}
