//! A study as one JSON object.

use std::path::Path;

use serde_json::{Map, Value, json};
use tunefork_data::shown;
use tunefork_study::{
    EpochRecord, Facts, Member, MemberReport, StorageError, StudyRecord, Timing, TrialRecord, deviation_of,
};

use super::test::is_of_test;
use super::{Mistakes, RunFolder, TestResult, TestedMember};
use crate::Error;
use crate::resolve::told_settings;

/// Reads the study of this name in a run folder or in a database, while it runs too. Without a name it is the only one, or in
/// a run folder the only one that is not Optuna's.
///
/// # Errors
/// When there is none, or it cannot be read.
pub fn read_study(path: &Path, name: Option<&str>) -> Result<(StudyRecord, Option<TestResult>), Error> {
    if !path.is_dir() {
        return Ok((tunefork_storage::read(path, name)?, None));
    }
    let folder = RunFolder::new(path);
    if !folder.database().exists() {
        let path = folder.database();
        return Err(StorageError::Missing { path }.into());
    }
    let own = tunefork_storage::own_names(folder.database())?;
    let only = match own.as_slice() {
        [only] => Some(only.as_str()),
        _ => None,
    };
    let study = tunefork_storage::read(folder.database(), name.or(only))?;
    let best = study.best().map(|best| best.number.0);
    let test = TestResult::read(&folder.test())
        .filter(|test| Some(test.trial) == best && only == Some(study.header.name.as_str()));
    Ok((study, test))
}

/// Files of a run folder that are damaged, so that what they hold is not told, as sentences.
pub fn damaged(path: &Path) -> Vec<String> {
    let folder = RunFolder::new(path);
    let files = [
        (folder.test(), TestResult::read(&folder.test()).is_some(), "figures on test images"),
        (folder.mistakes(), Mistakes::read(&folder.mistakes()).is_some(), "pictures of mistakes"),
    ];
    let damaged = files.into_iter().filter(|(file, is_read, _)| !is_read && file.exists());
    damaged
        .map(|(file, _, what)| {
            format!("`{}` is damaged, so there are no {what}: `tunefork run` of the study makes it anew", shown(&file))
        })
        .collect()
}

/// The study with all its trials. What may differ between two equal runs stands under `observed`.
pub fn show_json(study: &StudyRecord, test: Option<&TestResult>) -> Value {
    let header = &study.header;
    let is_ours = header.is_ours();
    let events = study.outside_events.iter().map(|event| {
        json!({
            "kind": event.kind,
            "trial": event.moment.trial,
            "epoch": event.moment.step,
            "message": event.message,
        })
    });
    let best = study.best().map(|best| {
        let mut entry = json!({
            "trial": best.number.0,
            "value": number(best.value),
            "params": best.params(),
            "test": test.map(|test| figures(&test.figures)),
        });
        let last = best.epochs.last();
        if let Some(deviation) = last.and_then(|last| deviation_of(&last.report.members)) {
            entry["deviation"] = number(Some(deviation));
            entry["test_deviation"] = test.map(|test| figures(&test.deviations)).into();
            entry["test_members"] = test.map(|test| test.members.iter().map(tested).collect::<Value>()).into();
        }
        entry
    });
    json!({
        "study": {
            "name": header.name,
            "direction": header.direction,
            "metric": header.metric,
            // Other programs' studies have none of these.
            "seed": is_ours.then_some(header.seed),
            "slots": is_ours.then_some(header.slots),
            "sampler": header.sampler,
            "scheduler": header.scheduler,
            "value_at": is_ours.then_some(header.value_at),
            "settings": facts(&told_settings(&header.settings)),
            "fingerprint": facts(&header.fingerprint),
        },
        "best": best,
        "trials": study.trials.iter().map(|one| trial(one, study.is_outside(one))).collect::<Vec<_>>(),
        "outside_events": events.collect::<Vec<_>>(),
        "observed": { "seconds": study.elapsed.as_secs_f64(), "trials": study.trials.iter().map(observed).collect::<Vec<_>>() },
    })
}

fn trial(trial: &TrialRecord, outside: bool) -> Value {
    let epochs = trial.epochs.iter().map(|EpochRecord { step, report, .. }| {
        let mut entry = json!({ "epoch": step, "value": number(Some(report.value)) });
        add_figures(&mut entry, &report.metrics.whole);
        if !report.members.is_empty() {
            entry["deviation"] = number(deviation_of(&report.members));
            entry["members"] = report.members.iter().map(member).collect();
        }
        entry
    });
    json!({
        "number": trial.number.0,
        "state": trial.state,
        "value": number(trial.value),
        "params": trial.params(),
        "enqueued": trial.fixed.is_some(),
        "outside": outside,
        "attributes": attributes(trial, false),
        "reason": trial.end.as_ref().map(|end| end.reason),
        "message": trial.end.as_ref().map(|end| end.message.as_str()),
        "planned_bytes": trial.schedule.as_ref().map(|schedule| schedule.blueprint.plan_bytes),
        "epochs": epochs.collect::<Vec<_>>(),
    })
}

/// The attributes that follow from test images, or all others.
fn attributes(trial: &TrialRecord, of_test: bool) -> Value {
    let attributes = trial.attributes.iter().filter(|(name, _)| is_of_test(name) == of_test);
    Value::Object(attributes.cloned().collect())
}

/// Adds figures of all images; those of single classes are left to the files of the run folder.
fn add_figures(entry: &mut Value, whole: &[(String, f64)]) {
    for (name, value) in whole {
        entry[name] = number(Some(*value));
    }
}

/// What one of a trial's trainings has brought.
fn member(report: &MemberReport) -> Value {
    let Member { replicate, fold } = report.member;
    let value = number(Some(report.value));
    let mut entry = json!({ "replicate": replicate, "fold": fold, "value": value });
    add_figures(&mut entry, &report.metrics.whole);
    entry
}

/// How one of the best trial's trainings did on the test images.
fn tested(tested: &TestedMember) -> Value {
    let Member { replicate, fold } = tested.member;
    let mut entry = json!({ "replicate": replicate, "fold": fold });
    add_figures(&mut entry, &tested.figures);
    entry
}

fn observed(trial: &TrialRecord) -> Value {
    let epochs = trial.epochs.iter().map(|epoch| {
        let figures = epoch.report.timing.iter().flat_map(Timing::named);
        figures.map(|(name, value)| (name.to_owned(), number(Some(value)))).collect::<Map<_, _>>()
    });
    json!({
        "number": trial.number.0,
        "started": trial.observed.started,
        "ended": trial.observed.ended,
        "restarts": trial.observed.restarts,
        // Which trials were looked at depends on how often a study had ended.
        "attributes": attributes(trial, true),
        "epochs": epochs.collect::<Vec<_>>(),
    })
}

fn figures(figures: &[(String, f64)]) -> Value {
    let pairs = figures.iter().map(|(name, value)| (name.clone(), number(Some(*value))));
    Value::Object(pairs.collect::<Map<_, _>>())
}

fn facts(facts: &Facts) -> Value {
    let pairs = facts.iter().map(|(name, text)| (name.to_string(), Value::from(text)));
    Value::Object(pairs.collect::<Map<_, _>>())
}

/// JSON has no NaN and no infinities: those become texts.
fn number(value: Option<f64>) -> Value {
    match value {
        Some(value) if value.is_finite() => json!(value),
        Some(value) => json!(value.to_string()),
        None => Value::Null,
    }
}
