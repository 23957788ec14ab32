//! A trial that is being evaluated.

use super::study::{Shared, lock};
use crate::enqueued::draw;
use crate::ledger::compatible;
use crate::{Change, EpochRecord, EpochReport, StoredParameter, StudyError};
use std::sync::{Arc, Mutex};
use tunefork_sampler::{Ask, Region};
use tunefork_scheduler::Decision;
use tunefork_space::{Domain, DomainError, Parameter, Params, Point, Value};
use tunefork_trial::{Report, TrialNumber};

/// A trial that runs, from [`Study::ask`](super::Study::ask) to [`Study::tell`](super::Study::tell).
///
/// Suggestions and attributes are written together with the next report or the end, so a loop
/// without reports writes twice per trial. A trial that is dropped untold stays running.
pub struct Trial {
    shared: Arc<Mutex<Shared>>,
    number: TrialNumber,
    /// The joint proposal made at the ask.
    proposal: Point,
    fixed: Params,
    /// Not written yet.
    changes: Vec<Change>,
}

impl Trial {
    pub(super) fn new(shared: Arc<Mutex<Shared>>, number: TrialNumber, proposal: Point, fixed: Params) -> Self {
        Trial { shared, number, proposal, fixed, changes: Vec::new() }
    }

    pub(super) fn into_changes(self) -> (TrialNumber, Vec<Change>) {
        (self.number, self.changes)
    }

    /// Changes of this trial that were not written when it was told.
    pub(super) fn take_back(&mut self, changes: Vec<Change>) {
        self.changes = changes;
    }

    /// The number under which the study and its storage know it, counted from 0.
    pub fn number(&self) -> TrialNumber {
        self.number
    }

    /// The values it has so far: with a declared space all active parameters, else those suggested.
    pub fn params(&self) -> Params {
        lock(&self.shared).history.params(self.number)
    }

    /// A real number in [`low`, `high`].
    ///
    /// # Errors
    /// As [`suggest`](Self::suggest).
    pub fn suggest_float(&mut self, name: &str, low: f64, high: f64) -> Result<f64, StudyError> {
        self.suggest_domain(name, Domain::uniform(low, high))
    }

    /// A real number in [`low`, `high`], in which each factor of ten is equally likely.
    ///
    /// # Errors
    /// As [`suggest`](Self::suggest).
    pub fn suggest_log(&mut self, name: &str, low: f64, high: f64) -> Result<f64, StudyError> {
        self.suggest_domain(name, Domain::log(low, high))
    }

    /// A whole number from `low` to `high`, both included.
    ///
    /// # Errors
    /// As [`suggest`](Self::suggest).
    pub fn suggest_int(&mut self, name: &str, low: i64, high: i64) -> Result<i64, StudyError> {
        let internal = self.suggest_domain(name, Domain::int(low, high))?;
        Ok(internal as i64)
    }

    /// A whole number from `low` on by `step`, at most `high`.
    ///
    /// # Errors
    /// As [`suggest`](Self::suggest).
    pub fn suggest_int_step(&mut self, name: &str, low: i64, high: i64, step: u32) -> Result<i64, StudyError> {
        let domain = Domain::int(low, high).and_then(|domain| domain.with_step(step.into()));
        let internal = self.suggest_domain(name, domain)?;
        Ok(internal as i64)
    }

    /// One of the choices.
    ///
    /// # Errors
    /// As [`suggest`](Self::suggest).
    pub fn suggest_categorical<T: Clone + Into<Value>>(&mut self, name: &str, choices: &[T]) -> Result<T, StudyError> {
        let index = self.suggest_domain(name, Domain::choice(choices.iter().cloned()))?;
        Ok(choices[index as usize].clone())
    }

    /// A value of any domain.
    ///
    /// It is, in this order: the value that this trial has under this name already; the value with
    /// which it was enqueued, even outside of the bounds; the only value of the domain; the one that
    /// the sampler proposed at the ask, if it is in the domain; a proposal for this parameter alone
    /// (a uniform draw if the domain is not the one that the study knows under this name).
    ///
    /// # Errors
    /// A domain of another kind than the study knows under this name; an enqueued value that is not
    /// one of the choices.
    pub fn suggest(&mut self, name: &str, domain: Domain) -> Result<Value, StudyError> {
        let internal = self.suggest_domain(name, Ok(domain.clone()))?;
        Ok(domain.to_value(internal))
    }

    fn suggest_domain(&mut self, name: &str, domain: Result<Domain, DomainError>) -> Result<f64, StudyError> {
        let domain = domain.map_err(|error| error.of(name))?;
        let shared = self.shared.clone();
        let shared = &mut *lock(&shared);
        let index = self.index_of(shared, name, &domain)?;
        let before = shared.history.column(index)[self.number.index()];
        if !before.is_nan() {
            return Ok(before);
        }
        let internal = match self.fixed.get(name) {
            Some(value) => fixed_value(name, &domain, value)?,
            None if domain.is_single() => domain.nth(0),
            None if domain.contains_internal(self.proposal.get(index)) => self.proposal.get(index),
            None => self.propose_alone(shared, index, &domain),
        };
        shared.history.set(self.number, index, internal).map_err(|error| self.misuse(error.to_string()))?;
        self.changes.push(Change::Parameter {
            number: self.number,
            parameter: StoredParameter { name: name.to_owned(), domain, internal },
        });
        Ok(internal)
    }

    /// The index of a name, which is new or was used with a domain of the same kind.
    fn index_of(&self, shared: &mut Shared, name: &str, domain: &Domain) -> Result<usize, StudyError> {
        let Some(index) = shared.history.space().index_of(name) else {
            let parameter = Parameter::new(name, domain.clone());
            return shared.history.add_parameter(parameter).map_err(|error| self.misuse(error.to_string()));
        };
        let known = shared.history.space().domain(index);
        if compatible(known, domain) {
            return Ok(index);
        }
        Err(self.misuse(format!(
            "parameter `{name}` is {known} in this study, and was asked for as {domain}; kind, log and choices must stay"
        )))
    }

    fn propose_alone(&self, shared: &mut Shared, index: usize, domain: &Domain) -> f64 {
        let ask = Ask {
            history: &shared.history,
            number: self.number,
            key: shared.key,
            proposed: shared.proposed,
            region: Region::WHOLE,
        };
        if shared.history.space().domain(index) == domain {
            return shared.sampler.propose_one(&ask, index);
        }
        // The sampler only knows the domain of the study: other bounds are drawn from by themselves.
        draw(domain.clone(), &ask, index)
    }

    /// Reports a value after a step, and asks the scheduler whether to go on. On
    /// [`Decision::Stop`] the trial should be told as [`Told::Pruned`](super::Told::Pruned).
    ///
    /// The report is written before the scheduler is asked. NaN is allowed.
    ///
    /// # Errors
    /// A step that is not larger than the one before; a storage that fails (the trial goes on as if
    /// it had not reported).
    pub fn report(&mut self, step: u32, value: f64) -> Result<Decision, StudyError> {
        let shared = self.shared.clone();
        let shared = &mut *lock(&shared);
        self.changes.push(Change::Report {
            number: self.number,
            epoch: EpochRecord { step, time: 0, report: EpochReport { value, ..EpochReport::default() }.into() },
        });
        if let Err(error) = shared.storage.commit(&self.changes) {
            self.changes.pop();
            return Err(error.into());
        }
        self.changes.clear();
        shared.history.report(self.number, Report { step, value }).map_err(|error| self.misuse(error.to_string()))?;
        Ok(shared.scheduler.decide(&shared.history, self.number))
    }

    /// Sets an attribute, which Optuna's tools show beside the trial.
    pub fn set_attribute(&mut self, key: impl Into<String>, value: impl Into<serde_json::Value>) {
        self.changes.push(Change::Attribute { number: self.number, key: key.into(), value: value.into() });
    }

    fn misuse(&self, detail: String) -> StudyError {
        StudyError::Misuse { trial: self.number, detail }
    }
}

/// An enqueued value, which need not lie within the bounds.
fn fixed_value(name: &str, domain: &Domain, value: &Value) -> Result<f64, StudyError> {
    match (domain.to_internal(value), value.as_f64()) {
        (Ok(internal), _) => Ok(internal),
        (Err(_), Some(number)) if !domain.is_categorical() && !number.is_nan() => Ok(number),
        (Err(error), _) => Err(error.of(name).into()),
    }
}
