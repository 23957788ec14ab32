//! The study in virtual time: asks, reports and ends in their order, each decided with everything
//! before it known.

mod asks;
mod ends;
mod order;
mod others;
mod pauses;
mod reports;
mod stored;
mod time;

use self::order::{Next, Order};
use self::pauses::Paused;
use self::reports::Waited;
use self::time::Time;
use super::blueprints::Blueprints;
use super::board::Board;
use super::resume::Resumed;
use super::workers::Workers;
use super::{Definition, Ended, ExecutorOptions, Outcome};
use crate::goals::Progress;
use crate::{
    Change, Event, FailureKind, Moment, Observer, OutsideEvent, OutsideKind, Reached, Schedule, Storage, StorageError,
    StudyError, StudyRecord, TrialContext, TrialFailure, Workload, patiently,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tunefork_trial::{History, TrialNumber};

pub(super) struct Simulation<'a, W: Workload> {
    definition: Definition,
    /// What was stored before this run, and what other programs have added since.
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
    paused: Paused,
    /// Trials of other programs that have a number and no end that counts.
    others: BTreeSet<TrialNumber>,
    /// The completed trial with the best value and that value, of our own: of those stored, or completed since.
    leader: Option<(TrialNumber, f64)>,
    blueprints: Blueprints<'a, W>,
    /// Budgets, one after the other, and which one counts now.
    stages: Vec<u32>,
    stage: usize,
    now: u64,
    asked: Asked,
    /// Changes that go with the next commit.
    unwritten: Vec<Change>,
    exhausted: bool,
    progress: Progress,
    /// The goal that ends the study.
    reached: Option<Reached>,
    /// The stop flag was noticed in the middle of an event.
    interrupted: bool,
    time: Time,
    /// Whether there is an epoch, stored or computed, or the end of a trial.
    has_result: bool,
}

/// How often was asked, and what for.
#[derive(Clone, Copy, Default)]
struct Asked {
    /// Trials in all.
    trials: u32,
    /// Those of the definition.
    given: usize,
    /// Those that the sampler has proposed.
    proposed: u32,
}

/// A trial that runs in virtual time.
struct Running {
    context: TrialContext,
    schedule: Schedule,
    /// As [`Lane::start`](super::lane::Lane::start).
    start: u64,
    /// Steps after which the scheduler is asked.
    rungs: Vec<u32>,
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
        let leader = resumed.known.best().and_then(|best| Some((best.number, best.value?)));
        let has_result = resumed.known.trials.iter().any(|trial| !trial.epochs.is_empty() || trial.state.is_finished());
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
            paused: Paused::default(),
            others: BTreeSet::new(),
            leader,
            blueprints: Blueprints::new(workers.workload),
            stage: 0,
            now: 0,
            asked: Asked::default(),
            unwritten: Vec::new(),
            exhausted: false,
            progress: Progress::default(),
            reached: None,
            interrupted: false,
            time,
            has_result,
        }
    }

    pub(super) fn run(mut self) -> Result<Outcome, StudyError> {
        let ended = self.simulate().and_then(|ended| self.keep_again(ended));
        match ended.and_then(|ended| self.write_time().map(|()| ended)) {
            Ok(ended) => Ok(self.outcome(ended)),
            // Waiting for another program was given up.
            Err(StudyError::Storage(StorageError::Locked { .. })) if self.stopping() => {
                Ok(self.outcome(Ended::Interrupted))
            }
            Err(error) => Err(error),
        }
    }

    fn simulate(&mut self) -> Result<Ended, StudyError> {
        self.observer.event(&Event::StudyStarted { known_trials: self.known.own_trials(), budget: self.budget() });
        // Before a worker begins what is not to be begun.
        self.drain_if_over();
        self.ask_for_all_slots();
        loop {
            let moment = match self.next()? {
                Next::Event(moment) => moment,
                Next::Over => break,
                Next::Ended(ended) => return Ok(ended),
            };
            let new = !self.is_begun(moment.trial);
            if self.interrupted || (self.stopping() && moment.step == 0 && new) {
                return Ok(Ended::Interrupted);
            }
            if new && moment.step == 0 && self.drain_if_over() {
                return self.wait_until_idle();
            }
            let before = std::mem::replace(&mut self.now, moment.time);
            if moment.step == 0 {
                self.ask_or_wait(moment, before)?;
                if self.exhausted || self.asked.trials >= self.budget() {
                    self.board.all_added();
                }
            } else {
                match self.wait(moment)? {
                    Waited::Found(Ok(report)) => self.report(moment, report)?,
                    Waited::Found(Err(failure)) => self.fail(moment, failure)?,
                    Waited::Ended(ended) => return Ok(ended),
                }
                self.look_for_goals();
                self.wake_idle_slots();
            }
        }
        self.look_around()?;
        Ok(if self.interrupted {
            Ended::Interrupted
        } else if let Some(reached) = self.reached {
            Ended::Reached(reached)
        } else if self.exhausted {
            Ended::Exhausted
        } else {
            Ended::Done
        })
    }

    /// Whether the study has what it was begun for: then it asks for no more.
    fn look_for_goals(&mut self) {
        let reached = || self.progress.reached(&self.definition.goals, &self.history);
        self.reached = self.reached.or_else(reached);
        if self.reached.is_some() {
            self.board.all_added();
        }
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
            best: self.leader.map(|(best, _)| best),
            under_way: None,
            outside_trials: self.known.outside_trials(),
            outside_events: self
                .known
                .outside_events
                .iter()
                .filter(|event| event.kind != OutsideKind::Enqueued)
                .count(),
        }
    }

    /// Commits changes, and from time to time with them what the study has taken so far.
    fn commit(&mut self, changes: &[Change]) -> Result<(), StudyError> {
        self.commit_with(changes, self.time.due())
    }

    fn commit_with(&mut self, changes: &[Change], time: Option<Duration>) -> Result<(), StudyError> {
        let all: Vec<Change> = self.unwritten.iter().chain(changes).cloned().chain(time.map(Change::Elapsed)).collect();
        patiently(self.observer, &self.options.stop, || self.storage.commit(&all))?;
        self.unwritten.clear();
        self.time.wrote(time);
        Ok(())
    }

    /// What was computed again differs from what is stored. That is an error, unless it was accepted beforehand: then it is
    /// put on record, and what is stored counts from here on.
    fn differs(&mut self, trial: TrialNumber, detail: String) -> Result<(), StudyError> {
        if self.tolerant {
            return Ok(());
        }
        if !self.options.accept_drift {
            return Err(self.not_reproducible(trial, detail));
        }
        let message = format!("trial {trial}: {detail}");
        self.observer.event(&Event::Warning { message: &format!("{message}; what is stored counts") });
        let moment = Moment { time: self.now, trial: trial.0, step: 0 };
        let event = OutsideEvent { moment, kind: OutsideKind::Drift, message };
        self.known.outside_events.push(event.clone());
        self.unwritten.push(Change::Outside(event));
        self.tolerant = true;
        Ok(())
    }

    fn not_reproducible(&self, trial: TrialNumber, detail: String) -> StudyError {
        StudyError::NotReproducible { study: self.definition.header.name.clone(), trial, detail }
    }
}

/// The study's error for a trial's failure that no trial is to blame for.
pub(super) fn halted(trial: TrialNumber, failure: TrialFailure) -> StudyError {
    let message = failure.message;
    match failure.kind {
        FailureKind::DeviceLost => StudyError::DeviceLost { trial, message },
        _ => StudyError::Halted { trial, message },
    }
}
