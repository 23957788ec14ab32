//! The study: asks, tells, and what both share.

use super::Trial;
use crate::{
    Change, Difference, End, EndReason, Storage, StoredParameter, StudyError, StudyHeader, StudyRecord, enqueued,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tunefork_rng::Key;
use tunefork_sampler::{Ask, Proposal, Region, Sampler};
use tunefork_scheduler::Scheduler;
use tunefork_space::{Params, Point, Space};
use tunefork_trial::{Direction, History, TrialNumber, TrialState};

/// A study whose loop is yours: [`ask`](Study::ask) for a trial, evaluate it, [`tell`](Study::tell)
/// its value. The order of your calls is the study's clock: the same calls with the same seed give
/// the same proposals.
///
/// A `Study` is a handle: clones are the same study, and trials may be evaluated on many threads.
///
/// ```
/// use tunefork_sampler::Random;
/// use tunefork_scheduler::NoScheduler;
/// use tunefork_study::{MemoryStorage, Study, StudyHeader};
/// use tunefork_trial::Direction;
///
/// let header = StudyHeader::new("parabola", Direction::Minimize, 0);
/// let study = Study::open(
///     header,
///     Box::new(MemoryStorage::default()),
///     Box::new(Random::new()),
///     Box::new(NoScheduler),
/// )?;
/// for _ in 0..50 {
///     let mut trial = study.ask()?;
///     let x = trial.suggest_float("x", -5.0, 5.0)?;
///     let shift = if trial.suggest_categorical("shifted", &[true, false])? { 2.0 } else { 0.0 };
///     study.tell(trial, (x - shift).powi(2))?;
/// }
/// let (best, value) = study.best().expect("trials have completed");
/// assert!(value < 1.0, "trial {best} is the best");
/// # Ok::<(), tunefork_study::StudyError>(())
/// ```
#[derive(Clone)]
pub struct Study(Arc<Mutex<Shared>>);

/// What a study is told of a trial. A number converts into it.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// Its value. NaN means that it failed.
    Value(f64),
    /// It was stopped; its last report is its value.
    Pruned,
    /// It failed, for this reason.
    Failed(String),
}

impl From<f64> for Told {
    fn from(value: f64) -> Self {
        Told::Value(value)
    }
}

pub(super) struct Shared {
    pub storage: Box<dyn Storage>,
    pub sampler: Box<dyn Sampler>,
    pub scheduler: Box<dyn Scheduler>,
    pub history: History,
    pub key: Key,
    /// Whether the space was given whole; then a trial gets all parameters when it is asked for.
    pub declared: bool,
    pub waiting: VecDeque<(TrialNumber, Params)>,
    /// Changes of trials that could not be told.
    unwritten: BTreeMap<TrialNumber, Vec<Change>>,
    /// Proposals that the sampler has made.
    pub proposed: u32,
}

impl Study {
    /// Creates a study whose parameters appear as trials suggest them (define-by-run), or goes on
    /// with the one that the storage holds.
    ///
    /// # Errors
    /// A storage that fails, or holds a study with the other direction.
    pub fn open(
        header: StudyHeader,
        storage: Box<dyn Storage>,
        sampler: Box<dyn Sampler>,
        scheduler: Box<dyn Scheduler>,
    ) -> Result<Study, StudyError> {
        Self::build(header, None, storage, sampler, scheduler)
    }

    /// Creates a study over a given space, or goes on with it: each trial has all its active
    /// parameters from the start, see [`Trial::params`].
    ///
    /// # Errors
    /// As [`open`](Self::open); also a stored parameter that is not in the space.
    pub fn open_declared(
        header: StudyHeader,
        space: Space,
        storage: Box<dyn Storage>,
        sampler: Box<dyn Sampler>,
        scheduler: Box<dyn Scheduler>,
    ) -> Result<Study, StudyError> {
        Self::build(header, Some(space), storage, sampler, scheduler)
    }

    fn build(
        mut header: StudyHeader,
        space: Option<Space>,
        mut storage: Box<dyn Storage>,
        sampler: Box<dyn Sampler>,
        scheduler: Box<dyn Scheduler>,
    ) -> Result<Study, StudyError> {
        header.sampler = sampler.name().to_owned();
        header.scheduler = scheduler.name().to_owned();
        let record = match storage.load()? {
            Some(record) if record.header.direction != header.direction => {
                let text = |direction: Direction| Some(format!("{direction:?}").to_lowercase());
                let (was, now) = (text(record.header.direction), text(header.direction));
                return Err(StudyError::SettingsChanged {
                    study: record.header.name,
                    differences: vec![Difference { name: "direction".to_owned(), was, now }],
                });
            }
            Some(record) => record,
            None => {
                storage.create(&header)?;
                StudyRecord::new(header)
            }
        };
        let mut shared = Shared {
            key: Key::study(record.header.seed),
            storage,
            sampler,
            scheduler,
            declared: space.is_some(),
            history: History::new(space.unwrap_or_default(), record.header.direction),
            waiting: VecDeque::new(),
            unwritten: BTreeMap::new(),
            proposed: 0,
        };
        for trial in &record.trials {
            shared.recall(trial)?;
        }
        Ok(Study(Arc::new(Mutex::new(shared))))
    }

    /// Starts a trial: the first one that is enqueued, or a new one that the sampler proposes.
    ///
    /// # Errors
    /// [`StudyError::Exhausted`] if every point of a declared, finite space was proposed; a storage
    /// that fails.
    pub fn ask(&self) -> Result<Trial, StudyError> {
        let start = self.lock().ask()?;
        let shared = self.0.clone();
        Ok(Trial::new(shared, start.number, start.proposal, start.fixed))
    }

    /// Ends a trial.
    ///
    /// # Errors
    /// A storage that fails; the trial is then still running, and can be told again by way of
    /// [`trial`](Self::trial).
    pub fn tell(&self, trial: Trial, told: impl Into<Told>) -> Result<(), StudyError> {
        let (number, mut changes) = trial.into_changes();
        let mut shared = self.lock();
        let result = shared.tell(number, &mut changes, told.into());
        if result.is_err() {
            shared.unwritten.insert(number, changes);
        }
        result
    }

    /// Adds a trial with fixed values that comes before all proposals. Parameters without a value
    /// here are proposed; values that no parameter asks for are ignored.
    ///
    /// # Errors
    /// With a declared space: unknown names, values outside their domains. A storage that fails.
    pub fn enqueue(&self, fixed: Params) -> Result<TrialNumber, StudyError> {
        let mut shared = self.lock();
        if shared.declared {
            shared.history.space().partial_point(&fixed)?;
        }
        let number = shared.history.next_number();
        shared.storage.commit(&[Change::Enqueue { number, fixed: fixed.clone() }])?;
        let absent = Point::absent(shared.history.space().len());
        shared.history.enqueue(number, absent).expect("the next number is free");
        shared.waiting.push_back((number, fixed));
        Ok(number)
    }

    /// A handle on a trial that runs, such as one that a former process has left.
    ///
    /// # Errors
    /// [`StudyError::Misuse`] if there is no such trial or it does not run.
    pub fn trial(&self, number: TrialNumber) -> Result<Trial, StudyError> {
        let mut shared = self.lock();
        match shared.history.states().get(number.index()) {
            Some(TrialState::Running) => {
                let proposal = shared.history.point(number);
                let fixed = Params::default();
                let mut trial = Trial::new(self.0.clone(), number, proposal, fixed);
                trial.take_back(shared.unwritten.remove(&number).unwrap_or_default());
                Ok(trial)
            }
            Some(state) => Err(StudyError::Misuse { trial: number, detail: format!("it does not run: it is {state}") }),
            None => Err(StudyError::Misuse { trial: number, detail: "there is no such trial".to_owned() }),
        }
    }

    /// Number and value of the best completed trial.
    pub fn best(&self) -> Option<(TrialNumber, f64)> {
        let shared = self.lock();
        let best = shared.history.best()?;
        Some((best, shared.history.value(best)?))
    }

    /// Trials so far, in every state.
    pub fn trials(&self) -> usize {
        self.lock().history.len()
    }

    /// The whole study as stored.
    ///
    /// # Errors
    /// A storage that fails.
    pub fn record(&self) -> Result<StudyRecord, StudyError> {
        let record = self.lock().storage.load()?;
        Ok(record.expect("the study was created when it was opened"))
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        lock(&self.0)
    }
}

/// A panic elsewhere leaves nothing half done here: storage and history change by single calls.
pub(super) fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Start {
    number: TrialNumber,
    proposal: Point,
    fixed: Params,
}

impl Shared {
    fn ask(&mut self) -> Result<Start, StudyError> {
        let enqueued = self.waiting.front().cloned();
        let next = self.history.next_number();
        let number = enqueued.as_ref().map_or(next, |(number, _)| *number);
        let proposal = match &enqueued {
            Some((_, fixed)) => self.complete(number, fixed)?,
            None => self.propose(number)?,
        };
        let absent = Point::absent(self.history.space().len());
        let (point, params) = match self.declared {
            true => (proposal.clone(), StoredParameter::of(self.history.space(), &proposal)),
            false => (absent, Vec::new()),
        };
        let asked_for = enqueued.as_ref().map(|(_, fixed)| fixed.clone());
        self.storage.commit(&[Change::Start { number, params, fixed: asked_for, schedule: None }])?;
        self.history.start(number, point).expect("the number is the next, or that of a waiting trial");
        let fixed = match enqueued {
            Some((_, fixed)) => {
                self.waiting.pop_front();
                fixed
            }
            None => {
                self.proposed += 1;
                Params::default()
            }
        };
        Ok(Start { number, proposal, fixed })
    }

    fn complete(&mut self, number: TrialNumber, fixed: &Params) -> Result<Point, StudyError> {
        if !self.declared {
            return Ok(Point::absent(self.history.space().len()));
        }
        let ask = Ask { history: &self.history, number, key: self.key, proposed: self.proposed, region: Region::WHOLE };
        Ok(enqueued::complete(fixed, &ask, &mut *self.sampler)?)
    }

    fn propose(&mut self, number: TrialNumber) -> Result<Point, StudyError> {
        let absent = Point::absent(self.history.space().len());
        if self.history.space().is_empty() {
            return Ok(absent);
        }
        let ask = Ask { history: &self.history, number, key: self.key, proposed: self.proposed, region: Region::WHOLE };
        match self.sampler.propose(&ask) {
            Proposal::Point(point) => Ok(point),
            Proposal::Exhausted if self.declared => Err(StudyError::Exhausted { trials: self.history.len() }),
            // Define-by-run: the space may still grow, so its points need not be all there are.
            Proposal::Exhausted => Ok(absent),
        }
    }

    fn tell(&mut self, number: TrialNumber, changes: &mut Vec<Change>, told: Told) -> Result<(), StudyError> {
        let (state, value, reason, message) = match told {
            Told::Value(value) if value.is_nan() => {
                (TrialState::Failed, None, EndReason::Diverged, "the value told is NaN".to_owned())
            }
            Told::Value(value) => (TrialState::Complete, Some(value), EndReason::Finished, String::new()),
            Told::Pruned => {
                let last = self.history.last_report(number).map(|report| report.value);
                let value = last.filter(|value| !value.is_nan());
                (TrialState::Pruned, value, EndReason::Stopped, String::new())
            }
            Told::Failed(message) => (TrialState::Failed, None, EndReason::Told, message),
        };
        changes.push(Change::Finish { number, state, value, end: End { time: 0, reason, message } });
        if let Err(error) = self.storage.commit(changes) {
            changes.pop();
            return Err(error.into());
        }
        let ended = match reason {
            EndReason::Diverged => self.history.diverge(number),
            _ => self.history.finish(number, state, value),
        };
        ended.expect("the storage has checked that the trial runs");
        Ok(())
    }
}
