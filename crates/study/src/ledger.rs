//! The rules of the storage contract, checked in one place for every storage.

use crate::{Change, StorageError, StoredParameter, StudyRecord};
use std::collections::BTreeMap;
use tunefork_space::Domain;
use tunefork_trial::{TrialNumber, TrialState};

/// What must be remembered of a study to tell whether a change is allowed.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    trials: Vec<Entry>,
    /// The first domain of every name: later ones must agree with it.
    domains: BTreeMap<String, Name>,
}

#[derive(Clone, Debug)]
struct Name {
    /// Position in the order of first use.
    id: u32,
    domain: Domain,
}

#[derive(Clone, Debug)]
struct Entry {
    state: TrialState,
    last_step: Option<u32>,
    /// Ids of the names that the trial has a parameter for.
    names: Vec<u32>,
}

/// What an [`Entry`] was before a change.
#[derive(Clone, Copy, Debug)]
struct Before {
    index: usize,
    state: TrialState,
    last_step: Option<u32>,
    names: usize,
}

/// What [`Ledger::admit`] changed, to be given to [`Ledger::revert`] if the write fails.
#[derive(Debug, Default)]
pub struct Admission {
    trials_before: usize,
    changed: Vec<Before>,
    new_names: Vec<String>,
}

/// Longest name that Optuna's schema takes.
const NAME_LIMIT: usize = 512;

impl Ledger {
    /// The ledger of a study as it is.
    pub fn of(study: &StudyRecord) -> Self {
        let mut ledger = Ledger::default();
        for trial in &study.trials {
            // What another program calls by a name of ours binds nobody here.
            let params = trial.params.iter().filter(|_| !study.is_outside(trial));
            let names = params.map(|parameter| ledger.name(parameter).id).collect();
            ledger.trials.push(Entry {
                state: trial.state,
                last_step: trial.epochs.last().map(|epoch| epoch.step),
                names,
            });
        }
        ledger
    }

    /// Checks the changes one after the other and enters them, or enters none.
    ///
    /// # Errors
    /// [`StorageError::Refused`] with the first broken rule.
    pub fn admit(&mut self, changes: &[Change]) -> Result<Admission, StorageError> {
        let mut admission = Admission { trials_before: self.trials.len(), ..Admission::default() };
        for change in changes {
            if let Err(error) = self.enter(change, &mut admission) {
                self.revert(admission);
                return Err(error);
            }
        }
        Ok(admission)
    }

    /// Takes back what was admitted last.
    pub fn revert(&mut self, admission: Admission) {
        for before in admission.changed.into_iter().rev() {
            let entry = &mut self.trials[before.index];
            entry.state = before.state;
            entry.last_step = before.last_step;
            entry.names.truncate(before.names);
        }
        self.trials.truncate(admission.trials_before);
        for name in admission.new_names {
            self.domains.remove(&name);
        }
    }

    fn enter(&mut self, change: &Change, admission: &mut Admission) -> Result<(), StorageError> {
        use TrialState::{Paused, Running, Waiting};
        match change {
            Change::Enqueue { number, .. } => self.add(*number, Waiting),
            Change::Start { number, params, .. } => {
                if number.0 as usize == self.trials.len() {
                    self.add(*number, Running)?;
                } else {
                    self.change(*number, "start", &[Waiting], admission)?.state = Running;
                }
                for parameter in params {
                    self.parameter(*number, parameter, admission)?;
                }
                Ok(())
            }
            Change::Parameter { number, parameter } => self.parameter(*number, parameter, admission),
            Change::Report { number, epoch } => self.report(*number, epoch.step, admission),
            Change::State { number, state } => {
                let (verb, from) = match state {
                    Paused => ("pause", Running),
                    Running => ("go on", Paused),
                    other => {
                        let detail = format!("{other:?} is not a state to change to; start or finish it instead");
                        return Err(StorageError::refused(*number, detail));
                    }
                };
                self.change(*number, verb, &[from], admission)?.state = *state;
                Ok(())
            }
            Change::Finish { number, state, value, .. } => {
                check_value(*number, *state, *value)?;
                self.change(*number, "finish", &UNFINISHED, admission)?.state = *state;
                Ok(())
            }
            Change::Attribute { number, key, .. } => {
                check_name(Some(*number), "attribute", key)?;
                self.entry(*number, "take an attribute", TrialState::ALL).map(|_| ())
            }
            Change::TakeIn { number, .. } => self.entry(*number, "be taken in", &FINISHED).map(|_| ()),
            Change::Restarted { number } => self.entry(*number, "restart", &[Running, Paused]).map(|_| ()),
            Change::StudyAttribute { key, .. } => check_name(None, "attribute", key),
            Change::Outside(_) | Change::Stages(_) | Change::Elapsed(_) | Change::Fingerprint(_) => Ok(()),
        }
    }

    fn add(&mut self, number: TrialNumber, state: TrialState) -> Result<(), StorageError> {
        if number.0 as usize != self.trials.len() {
            let next = self.trials.len();
            return Err(StorageError::refused(number, format!("a new trial must have the next number, {next}")));
        }
        self.trials.push(Entry { state, last_step: None, names: Vec::new() });
        Ok(())
    }

    fn entry(&mut self, number: TrialNumber, verb: &str, allowed: &[TrialState]) -> Result<&mut Entry, StorageError> {
        let detail = match self.trials.get_mut(number.0 as usize) {
            Some(entry) if allowed.contains(&entry.state) => return Ok(entry),
            Some(entry) => format!("it cannot {verb}, since it is {:?}", entry.state),
            None => format!("it cannot {verb}, since it does not exist"),
        };
        Err(StorageError::refused(number, detail))
    }

    /// The entry of a trial in an allowed state, after noting what it was.
    fn change(
        &mut self,
        number: TrialNumber,
        verb: &str,
        allowed: &[TrialState],
        admission: &mut Admission,
    ) -> Result<&mut Entry, StorageError> {
        let entry = self.entry(number, verb, allowed)?;
        admission.changed.push(Before {
            index: number.0 as usize,
            state: entry.state,
            last_step: entry.last_step,
            names: entry.names.len(),
        });
        Ok(entry)
    }

    fn report(&mut self, number: TrialNumber, step: u32, admission: &mut Admission) -> Result<(), StorageError> {
        let entry = self.change(number, "report", &[TrialState::Running], admission)?;
        if let Some(last) = entry.last_step.filter(|last| step <= *last) {
            return Err(StorageError::refused(
                number,
                format!("step {step} was reported after step {last}; steps must grow"),
            ));
        }
        entry.last_step = Some(step);
        Ok(())
    }

    fn parameter(
        &mut self,
        number: TrialNumber,
        parameter: &StoredParameter,
        admission: &mut Admission,
    ) -> Result<(), StorageError> {
        let name = &parameter.name;
        if !self.domains.contains_key(name) {
            check_name(Some(number), "parameter", name)?;
            admission.new_names.push(name.clone());
        }
        let known = self.name(parameter);
        let id = known.id;
        if !compatible(&known.domain, &parameter.domain) {
            let detail = format!(
                "parameter `{name}` was {:?} and is now {:?}; kind, log and choices must stay",
                known.domain, parameter.domain
            );
            return Err(StorageError::refused(number, detail));
        }
        let entry = self.change(number, "take a parameter", &[TrialState::Running], admission)?;
        if entry.names.contains(&id) {
            let detail = format!("parameter `{name}` is given twice");
            return Err(StorageError::refused(number, detail));
        }
        entry.names.push(id);
        Ok(())
    }

    /// What is known of a parameter's name; the first use defines it.
    fn name(&mut self, parameter: &StoredParameter) -> &Name {
        let id = self.domains.len() as u32;
        self.domains.entry(parameter.name.clone()).or_insert_with(|| Name { id, domain: parameter.domain.clone() })
    }
}

const FINISHED: [TrialState; 3] = [TrialState::Complete, TrialState::Pruned, TrialState::Failed];
const UNFINISHED: [TrialState; 3] = [TrialState::Waiting, TrialState::Running, TrialState::Paused];

/// Whether two domains of one name may stand in one study: Optuna's rule.
pub(crate) fn compatible(one: &Domain, other: &Domain) -> bool {
    match (one, other) {
        (Domain::Float { log: a, .. }, Domain::Float { log: b, .. }) => a == b,
        (Domain::Int { log: a, .. }, Domain::Int { log: b, .. }) => a == b,
        (Domain::Categorical { choices: a, .. }, Domain::Categorical { choices: b, .. }) => a == b,
        (Domain::Float { .. } | Domain::Int { .. } | Domain::Categorical { .. }, _) => false,
    }
}

fn check_name(number: Option<TrialNumber>, what: &str, name: &str) -> Result<(), StorageError> {
    let length = name.chars().count();
    if length <= NAME_LIMIT {
        return Ok(());
    }
    Err(StorageError::Refused {
        trial: number,
        detail: format!("the name of an {what} has {length} characters; {NAME_LIMIT} are allowed"),
    })
}

fn check_value(number: TrialNumber, state: TrialState, value: Option<f64>) -> Result<(), StorageError> {
    let detail = match (state, value) {
        (_, Some(value)) if value.is_nan() => "a value must not be NaN".to_owned(),
        (TrialState::Complete, None) => "a completed trial needs a value".to_owned(),
        (TrialState::Failed, Some(value)) => format!("a failed trial has no value, not {value}"),
        (TrialState::Complete | TrialState::Pruned | TrialState::Failed, _) => return Ok(()),
        (other, _) => format!("{other:?} is not an end"),
    };
    Err(StorageError::refused(number, detail))
}
