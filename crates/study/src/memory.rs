//! A study kept in memory.

use crate::{Change, Ledger, Storage, StorageError, StudyHeader, StudyRecord, TrialRecord};
use tunefork_trial::{TrialNumber, TrialState};

/// Keeps a study in memory, as long as the value lives.
///
/// ```
/// use tunefork_study::{MemoryStorage, Storage, StudyHeader};
/// use tunefork_trial::Direction;
/// let mut storage = MemoryStorage::default();
/// storage.create(&StudyHeader::new("example", Direction::Minimize, 0))?;
/// assert_eq!(storage.load()?.unwrap().header.name, "example");
/// # Ok::<(), tunefork_study::StorageError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryStorage {
    study: Option<StudyRecord>,
    ledger: Ledger,
}

impl Storage for MemoryStorage {
    fn load(&mut self) -> Result<Option<StudyRecord>, StorageError> {
        Ok(self.study.clone())
    }

    fn create(&mut self, header: &StudyHeader) -> Result<(), StorageError> {
        if self.study.is_some() {
            return Err(StorageError::Refused {
                trial: None,
                detail: format!("study `{}` exists already", header.name),
            });
        }
        self.study = Some(StudyRecord::new(header.clone()));
        Ok(())
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), StorageError> {
        let Some(study) = &mut self.study else {
            return Err(StorageError::Refused { trial: None, detail: "the study was not created yet".to_owned() });
        };
        self.ledger.admit(changes)?;
        for change in changes {
            apply(study, change);
        }
        Ok(())
    }
}

fn apply(study: &mut StudyRecord, change: &Change) {
    match change {
        Change::Enqueue { number, fixed } => {
            let mut trial = TrialRecord::new(*number, TrialState::Waiting);
            trial.fixed = Some(fixed.clone());
            study.trials.push(trial);
        }
        Change::Start { number, params, fixed, schedule } => {
            if number.0 as usize == study.trials.len() {
                study.trials.push(TrialRecord::new(*number, TrialState::Running));
            }
            let trial = trial(study, *number);
            trial.state = TrialState::Running;
            trial.params.clone_from(params);
            trial.schedule.clone_from(schedule);
            if fixed.is_some() {
                trial.fixed.clone_from(fixed);
            }
        }
        Change::Parameter { number, parameter } => {
            trial(study, *number).params.push(parameter.clone());
        }
        Change::Report { number, epoch } => trial(study, *number).epochs.push(epoch.clone()),
        Change::State { number, state } => trial(study, *number).state = *state,
        Change::Finish { number, state, value, end } => {
            let trial = trial(study, *number);
            trial.state = *state;
            trial.value = *value;
            trial.end = Some(end.clone());
        }
        Change::Attribute { number, key, value } => {
            set(&mut trial(study, *number).attributes, key, value);
        }
        Change::StudyAttribute { key, value } => set(&mut study.header.attributes, key, value),
        Change::TakeIn { number, at } => trial(study, *number).taken_in = Some(*at),
        Change::Restarted { number } => trial(study, *number).observed.restarts += 1,
        Change::Outside(event) => study.outside_events.push(event.clone()),
        Change::Stages(stages) => study.header.stages.clone_from(stages),
        Change::Elapsed(time) => study.elapsed = *time,
        Change::Fingerprint(facts) => study.header.fingerprint.clone_from(facts),
    }
}

fn set(attributes: &mut Vec<(String, serde_json::Value)>, key: &str, value: &serde_json::Value) {
    match attributes.iter_mut().find(|(other, _)| other == key) {
        Some((_, old)) => *old = value.clone(),
        None => attributes.push((key.to_owned(), value.clone())),
    }
}

fn trial(study: &mut StudyRecord, number: TrialNumber) -> &mut TrialRecord {
    &mut study.trials[number.0 as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::storage_conformance!(MemoryStorage::default, |storage| storage);

    #[test]
    fn restarts_are_counted() -> Result<(), StorageError> {
        let number = TrialNumber(0);
        let mut storage = MemoryStorage::default();
        storage.create(&StudyHeader::new("s", tunefork_trial::Direction::Minimize, 0))?;
        storage.commit(&[Change::Start { number, params: Vec::new(), fixed: None, schedule: None }])?;
        for restarts in 1..4 {
            storage.commit(&[Change::Restarted { number }])?;
            assert_eq!(storage.load()?.unwrap().trials[0].observed.restarts, restarts);
        }
        Ok(())
    }
}
