//! One JSON object per event.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tunefork::study::{EpochRecord, Event, MemberReport, Observer, Timing};
use tunefork::{Listener, StudySpec};

use crate::output::say;

/// Prints an object for each event; what was known before has `"known": true`, and what belongs to a trial
/// of experiments says of which.
pub(super) struct Json {
    spec: StudySpec,
    /// Places of trials in the study file, by number.
    given: BTreeMap<u64, u32>,
}

impl Json {
    pub(super) fn new(spec: &StudySpec) -> Self {
        Self { spec: spec.clone(), given: BTreeMap::new() }
    }
}

impl Listener for Json {}

impl Observer for Json {
    fn event(&mut self, event: &Event<'_>) {
        if let Event::TrialStarted { number, given: Some(place), .. } = event {
            self.given.insert(number.0.into(), *place as u32);
        }
        let Some(mut object) = object(event) else {
            return;
        };
        let place = object["trial"].as_u64().and_then(|trial| self.given.get(&trial));
        for (name, value) in place.into_iter().flat_map(|place| self.spec.attributes(*place)) {
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
            "reason": end.reason,
            "message": end.message,
            "best": best,
            "known": known,
        }),
        Event::Outside { trial } => json!({
            "event": "outside_trial",
            "trial": trial.number.0,
            "state": trial.state,
            "value": trial.value.filter(|value| value.is_finite()),
            "params": trial.params(),
        }),
        Event::Warning { message } => json!({ "event": "warning", "message": message }),
        Event::Waiting { path } => json!({ "event": "waiting", "path": path.display().to_string() }),
        Event::EpochComputed { .. } => return None,
    })
}

/// An epoch, and what each training has brought by then where there are several; figures of single classes
/// are left to the files of the run folder.
pub(crate) fn epoch_json(EpochRecord { step, report, .. }: &EpochRecord) -> Value {
    let figures =
        |whole: &[(String, f64)]| whole.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<Map<_, _>>();
    let timing = report.timing.iter().flat_map(Timing::named);
    let mut object = json!({
        "event": "epoch",
        "epoch": step,
        "value": report.value,
        "metrics": figures(&report.metrics.whole),
        "observed": timing.map(|(name, value)| (name.to_string(), json!(value))).collect::<Map<_, _>>(),
    });
    if !report.members.is_empty() {
        let member = |report: &MemberReport| {
            json!({
                "replicate": report.member.replicate,
                "fold": report.member.fold,
                "value": report.value,
                "metrics": figures(&report.metrics.whole),
            })
        };
        object["members"] = report.members.iter().map(member).collect();
    }
    object
}
