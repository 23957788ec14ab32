//! Opens a study for a run: creates it, or checks that it is the one that was begun.

use super::{Definition, ExecutorOptions};
use crate::facts::joined;
use crate::{
    Change, Clock, Event, Facts, Moment, Observer, OutsideEvent, OutsideKind, Storage, StudyError, StudyHeader,
    StudyRecord, patiently,
};

/// A study as it was found.
pub(super) struct Resumed {
    /// What is stored, budgets and fingerprint brought up to date.
    pub known: StudyRecord,
    /// Whether what is stored wins over what is computed again.
    pub tolerant: bool,
}

pub(super) fn open(
    definition: &Definition,
    storage: &mut dyn Storage,
    observer: &mut dyn Observer,
    options: &ExecutorOptions,
) -> Result<Resumed, StudyError> {
    let Some(mut known) = patiently(observer, &options.stop, || storage.load())? else {
        let mut header = definition.header.clone();
        header.stages = vec![definition.budget];
        patiently(observer, &options.stop, || storage.create(&header))?;
        return Ok(Resumed { known: StudyRecord::new(header), tolerant: false });
    };
    let is_new = |name: &str| {
        definition.presumed.iter().any(|presumed| presumed == name) && known.header.settings.get(name).is_none()
    };
    let differences =
        compared(&known.header, |_| true).differences(&compared(&definition.header, |name| !is_new(name)));
    if !differences.is_empty() {
        return Err(StudyError::SettingsChanged { study: known.header.name, differences });
    }
    let mut changes = drift(&mut known, definition, observer, options)?;
    changes.extend(grow(&mut known, definition)?);
    changes.extend(told(&mut known, definition));
    if !changes.is_empty() {
        patiently(observer, &options.stop, || storage.commit(&changes))?;
    }
    let tolerant = known.outside_events.iter().any(|event| event.kind == OutsideKind::Drift);
    Ok(Resumed { known, tolerant })
}

/// Everything in a header that must stay, in words, with those of the settings that `counts` says. What the metric is called
/// is for people: Optuna's `set_metric_names` changes it.
fn compared(header: &StudyHeader, counts: impl Fn(&str) -> bool) -> Facts {
    let own = [
        ("direction", format!("{:?}", header.direction).to_lowercase()),
        ("seed", header.seed.to_string()),
        ("slots", header.slots.to_string()),
        // As the command line says it, and the file: `--eager`, `at`.
        ("--eager", if header.clock == Clock::Eager { "given" } else { "not given" }.to_string()),
        ("cost model", format!("{:?}", header.cost_model)),
        ("at", format!("{:?}", header.value_at).to_lowercase()),
        ("sampler", header.sampler.clone()),
        ("scheduler", header.scheduler.clone()),
    ];
    let own = own.iter().map(|(name, text)| (*name, text.as_str()));
    Facts::new(own.chain(header.settings.iter().filter(|(name, _)| counts(name))))
}

/// Another fingerprint is refused, or accepted and put on record.
fn drift(
    known: &mut StudyRecord,
    definition: &Definition,
    observer: &mut dyn Observer,
    options: &ExecutorOptions,
) -> Result<Vec<Change>, StudyError> {
    let now = &definition.header.fingerprint;
    let differences = known.header.fingerprint.differences(now);
    if differences.is_empty() {
        return Ok(Vec::new());
    }
    if !options.accept_drift {
        return Err(StudyError::FingerprintChanged { study: known.header.name.clone(), differences });
    }
    let message = joined(&differences);
    observer.event(&Event::Warning { message: &format!("fingerprint drift accepted: {message}") });
    let event = OutsideEvent { moment: last_moment(known), kind: OutsideKind::Drift, message };
    known.header.fingerprint.clone_from(now);
    known.outside_events.push(event.clone());
    Ok(vec![Change::Outside(event), Change::Fingerprint(now.clone())])
}

/// The latest report stored.
fn last_moment(known: &StudyRecord) -> Moment {
    let reports = known.trials.iter().filter_map(|trial| {
        trial.epochs.last().map(|epoch| Moment { time: epoch.time, trial: trial.number.0, step: epoch.step })
    });
    reports.max().unwrap_or(Moment { time: 0, trial: 0, step: 0 })
}

/// What is told of the study now, where that was told otherwise.
fn told(known: &mut StudyRecord, definition: &Definition) -> Vec<Change> {
    let stored = &mut known.header.attributes;
    let new = definition.header.attributes.iter().filter(|attribute| !stored.contains(attribute));
    let new: Vec<(String, serde_json::Value)> = new.cloned().collect();
    for (key, value) in &new {
        match stored.iter_mut().find(|(other, _)| other == key) {
            Some((_, old)) => old.clone_from(value),
            None => stored.push((key.clone(), value.clone())),
        }
    }
    new.into_iter().map(|(key, value)| Change::StudyAttribute { key, value }).collect()
}

/// A budget may grow. If trials of the stage are still to be asked for, it is simply larger. If all were, slots have gone idle
/// that would not have; where no trial is ever stopped nothing was decided meanwhile, and the new trials are asked for when
/// they would have been. Else they form a stage of their own.
fn grow(known: &mut StudyRecord, definition: &Definition) -> Result<Option<Change>, StudyError> {
    let budget = definition.budget;
    let own = known.own_trials();
    let stages = &mut known.header.stages;
    let stored = stages.last().copied().unwrap_or(0);
    if budget == stored {
        return Ok(None);
    }
    if budget < stored {
        shrink(known, budget)?;
        return Ok(Some(Change::Stages(known.header.stages.clone())));
    }
    match stages.last_mut() {
        Some(last) if own < stored as usize || !definition.scheduler.stops() => *last = budget,
        _ => stages.push(budget),
    }
    Ok(Some(Change::Stages(stages.clone())))
}

/// A budget may shrink to what there is: trials that nobody has asked for yet are as if they had never been wanted.
fn shrink(known: &mut StudyRecord, budget: u32) -> Result<(), StudyError> {
    let begun = known.own_trials() as u32;
    if budget < begun {
        return Err(StudyError::BudgetShrank { study: known.header.name.clone(), stored: begun, now: budget });
    }
    let stages = &mut known.header.stages;
    stages.retain(|stage| *stage < budget);
    stages.push(budget);
    Ok(())
}
