//! One JSON object per event.

use serde_json::{Map, Value, json};
use tunefork::study::{EpochRecord, Event, MemberReport, Observer, Timing};
use tunefork::{Listener, StudySpec};

use crate::output::say;

/// Prints an object for each event; what was known before has `"known": true`, and what belongs to a trial
/// of experiments says of which.
pub(super) struct Json {
    spec: StudySpec,
}

impl Json {
    pub(super) fn new(spec: &StudySpec) -> Self {
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
            "reason": end.reason,
            "message": end.message,
            "best": best,
            "known": known,
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
