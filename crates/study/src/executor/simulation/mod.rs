//! The study in virtual time: asks, reports and ends in their order, each decided with everything
//! before it known.

mod asks;
mod ends;
mod order;
mod outside;
mod reports;
mod stored;

use self::order::{Next, Order};
use self::reports::Waited;
use super::blueprints::Blueprints;
use super::board::Board;
use super::resume::Resumed;
use super::workers::Workers;
use super::{Definition, Ended, ExecutorOptions, Outcome};
use crate::{
    Change, Event, Observer, Schedule, Storage, StorageError, StudyError, StudyRecord, TrialContext, TrialFailure,
    Workload, patiently,
};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Instant;
use tunefork_trial::{History, TrialNumber};

pub(super) struct Simulation<'a, W: Workload> {
    definition: Definition,
    /// What was stored before this run.
    known: StudyRecord,
    tolerant: bool,
    workers: &'a Workers<'a, W>,
    board: &'a Board<W::Run>,
    options: &'a ExecutorOptions,
    storage: &'a mut dyn Storage,
    observer: &'a mut dyn Observer,
    history: History,
    order: Order,
    running: BTreeMap<u32, Running>,
    blueprints: Blueprints<'a, W>,
    /// Budgets, one after the other, and which one counts now.
    stages: Vec<u32>,
    stage: usize,
    now: u64,
    /// Proposals that the sampler has made.
    proposed: u32,
    exhausted: bool,
    limit_passed: bool,
    /// The stop flag was noticed in the middle of an event.
    interrupted: bool,
    deadline: Option<Instant>,
}

/// A trial that runs in virtual time.
struct Running {
    context: TrialContext,
    schedule: Schedule,
}

impl<'a, W: Workload> Simulation<'a, W> {
    pub(super) fn new(
        definition: Definition,
        resumed: Resumed,
        workers: &'a Workers<'a, W>,
        board: &'a Board<W::Run>,
        options: &'a ExecutorOptions,
        storage: &'a mut dyn Storage,
        observer: &'a mut dyn Observer,
    ) -> Self {
        let history = History::new(definition.space.clone(), definition.header.direction);
        let order = Order::of(&resumed.known);
        Simulation {
            stages: resumed.known.header.stages.clone(),
            known: resumed.known,
            tolerant: resumed.tolerant,
            definition,
            workers,
            board,
            options,
            storage,
            observer,
            history,
            order,
            running: BTreeMap::new(),
            blueprints: Blueprints::new(workers.workload),
            stage: 0,
            now: 0,
            proposed: 0,
            exhausted: false,
            limit_passed: false,
            interrupted: false,
            deadline: options.time_limit.map(|limit| Instant::now() + limit),
        }
    }

    pub(super) fn run(mut self) -> Result<Outcome, StudyError> {
        match self.simulate() {
            // Waiting for another program was given up.
            Err(StudyError::Storage(StorageError::Locked { .. })) if self.stopping() => {
                Ok(self.outcome(Ended::Interrupted))
            }
            result => result,
        }
    }

    fn simulate(&mut self) -> Result<Outcome, StudyError> {
        self.observer.event(&Event::StudyStarted { known_trials: self.known.trials.len(), budget: self.budget() });
        self.ask_for_all_slots();
        loop {
            let moment = match self.next()? {
                Next::Event(moment) => moment,
                Next::Over => break,
                Next::Stopped => return Ok(self.outcome(Ended::Interrupted)),
            };
            let new = moment.trial as usize >= self.known.trials.len();
            if self.interrupted || (self.stopping() && moment.step == 0 && new) {
                return Ok(self.outcome(Ended::Interrupted));
            }
            self.now = moment.time;
            if self.limit_stored_at(moment) || (moment.step == 0 && self.limit_due(moment)) {
                self.pass_limit(moment)?;
            } else if moment.step == 0 {
                self.ask(moment)?;
                if self.exhausted || self.history.len() as u32 >= self.budget() {
                    self.board.all_added();
                }
            } else {
                match self.wait(moment)? {
                    Waited::Found(Ok(report)) => self.report(moment, report)?,
                    Waited::Found(Err(failure)) => self.fail(moment, failure)?,
                    Waited::TimeLimit => self.pass_limit(moment)?,
                    Waited::Stopped => return Ok(self.outcome(Ended::Interrupted)),
                }
            }
        }
        Ok(self.outcome(if self.interrupted {
            Ended::Interrupted
        } else if self.limit_passed {
            Ended::TimeLimit
        } else if self.exhausted {
            Ended::Exhausted
        } else {
            Ended::Done
        }))
    }

    /// Trials asked for in all.
    fn budget(&self) -> u32 {
        self.stages.last().copied().unwrap_or(0)
    }

    /// Whether the study is asked to stop. Then no more epochs are handed out, and those under way may
    /// be abandoned; results that are there already are still taken.
    fn stopping(&self) -> bool {
        let stopping = self.options.stop.load(Ordering::Relaxed);
        if stopping {
            self.board.close();
        }
        stopping
    }

    fn outcome(&self, ended: Ended) -> Outcome {
        Outcome {
            ended,
            trials: self.history.len() as u32,
            best: self.history.best(),
            outside_events: self.known.outside_events.len(),
        }
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), StudyError> {
        Ok(patiently(self.observer, &self.options.stop, || self.storage.commit(changes))?)
    }

    fn not_reproducible(&self, trial: TrialNumber, detail: String) -> StudyError {
        StudyError::NotReproducible { study: self.definition.header.name.clone(), trial, detail }
    }
}

fn halted(trial: TrialNumber, failure: TrialFailure) -> StudyError {
    StudyError::Halted { trial, message: failure.message }
}
