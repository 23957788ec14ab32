//! The study in virtual time: asks, reports and ends in their order, each decided with everything
//! before it known.

mod asks;
mod ends;
mod order;
mod outside;
mod reports;
mod stored;
mod time;

use self::order::{Next, Order};
use self::reports::Waited;
use self::time::Time;
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
use std::time::Duration;
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
    /// The stop flag was noticed in the middle of an event.
    interrupted: bool,
    time: Time,
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
        let time = Time::new(resumed.known.elapsed, options.time_limit);
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
            interrupted: false,
            time,
        }
    }

    pub(super) fn run(mut self) -> Result<Outcome, StudyError> {
        match self.simulate().and_then(|ended| self.write_time().map(|()| ended)) {
            Ok(ended) => Ok(self.outcome(ended)),
            // Waiting for another program was given up.
            Err(StudyError::Storage(StorageError::Locked { .. })) if self.stopping() => {
                Ok(self.outcome(Ended::Interrupted))
            }
            Err(error) => Err(error),
        }
    }

    fn simulate(&mut self) -> Result<Ended, StudyError> {
        self.observer.event(&Event::StudyStarted { known_trials: self.known.trials.len(), budget: self.budget() });
        // Before a worker begins what is not to be begun.
        self.limit_passed();
        self.ask_for_all_slots();
        loop {
            let moment = match self.next()? {
                Next::Event(moment) => moment,
                Next::Over => break,
                Next::Ended(ended) => return Ok(ended),
            };
            let new = moment.trial as usize >= self.known.trials.len();
            if self.interrupted || (self.stopping() && moment.step == 0 && new) {
                return Ok(Ended::Interrupted);
            }
            if new && moment.step == 0 && self.limit_passed() {
                return self.drain();
            }
            self.now = moment.time;
            if moment.step == 0 {
                self.ask(moment)?;
                if self.exhausted || self.history.len() as u32 >= self.budget() {
                    self.board.all_added();
                }
            } else {
                match self.wait(moment)? {
                    Waited::Found(Ok(report)) => self.report(moment, report)?,
                    Waited::Found(Err(failure)) => self.fail(moment, failure)?,
                    Waited::Ended(ended) => return Ok(ended),
                }
            }
        }
        Ok(if self.interrupted {
            Ended::Interrupted
        } else if self.exhausted {
            Ended::Exhausted
        } else {
            Ended::Done
        })
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
            under_way: None,
            outside_events: self.known.outside_events.len(),
        }
    }

    /// Commits changes, and from time to time with them what the study has taken so far.
    fn commit(&mut self, changes: &[Change]) -> Result<(), StudyError> {
        self.commit_with(changes, self.time.due())
    }

    fn commit_with(&mut self, changes: &[Change], time: Option<Duration>) -> Result<(), StudyError> {
        let all: Vec<Change> = changes.iter().cloned().chain(time.map(Change::Elapsed)).collect();
        patiently(self.observer, &self.options.stop, || self.storage.commit(&all))?;
        self.time.wrote(time);
        Ok(())
    }

    fn not_reproducible(&self, trial: TrialNumber, detail: String) -> StudyError {
        StudyError::NotReproducible { study: self.definition.header.name.clone(), trial, detail }
    }
}

fn halted(trial: TrialNumber, failure: TrialFailure) -> StudyError {
    StudyError::Halted { trial, message: failure.message }
}
