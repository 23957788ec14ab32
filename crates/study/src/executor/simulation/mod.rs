//! The study in virtual time: asks, reports and ends in their order, each decided with everything
//! before it known.

mod asks;
mod ends;
mod outside;
mod reports;
mod stored;

use self::reports::Waited;
use super::board::Board;
use super::resume::Resumed;
use super::training::Training;
use super::{Definition, Ended, ExecutorOptions, Outcome};
use crate::{
    Event, Observer, Place, Schedule, Storage, StudyError, StudyRecord, TrialContext, TrialFailure,
    Workload,
};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::atomic::Ordering;
use std::time::Instant;
use tunefork_trial::{History, TrialNumber};

/// An ask in the queue: it gets the next number when its turn comes, above all numbers there are.
const NEXT_TRIAL: u32 = u32::MAX;

pub(super) struct Simulation<'a, W: Workload> {
    definition: Definition,
    /// What was stored before this run.
    known: StudyRecord,
    tolerant: bool,
    training: &'a Training<'a, W>,
    board: &'a Board<W::Run>,
    options: &'a ExecutorOptions,
    storage: &'a mut dyn Storage,
    observer: &'a mut dyn Observer,
    history: History,
    /// What comes next for each slot: the report of its trial, or an ask.
    queue: BinaryHeap<Reverse<Place>>,
    running: BTreeMap<u32, Running>,
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
    pub fn new(
        definition: Definition,
        resumed: Resumed,
        training: &'a Training<'a, W>,
        board: &'a Board<W::Run>,
        options: &'a ExecutorOptions,
        storage: &'a mut dyn Storage,
        observer: &'a mut dyn Observer,
    ) -> Self {
        let history = History::new(definition.space.clone(), definition.header.direction);
        Simulation {
            stages: resumed.known.header.stages.clone(),
            known: resumed.known,
            tolerant: resumed.tolerant,
            definition,
            training,
            board,
            options,
            storage,
            observer,
            history,
            queue: BinaryHeap::new(),
            running: BTreeMap::new(),
            stage: 0,
            now: 0,
            proposed: 0,
            exhausted: false,
            limit_passed: false,
            interrupted: false,
            deadline: options.time_limit.map(|limit| Instant::now() + limit),
        }
    }

    pub fn run(mut self) -> Result<Outcome, StudyError> {
        self.observer.event(&Event::StudyStarted {
            known_trials: self.known.trials.len(),
            budget: self.stages.last().copied().unwrap_or(0),
        });
        self.ask_for_all_slots();
        while let Some(place) = self.next_place() {
            let new = place.trial as usize >= self.known.trials.len();
            if self.interrupted || (self.stopping() && place.step == 0 && new) {
                return Ok(self.outcome(Ended::Interrupted));
            }
            self.now = place.time;
            if self.limit_stored_at(place) || (place.step == 0 && self.limit_due(place)) {
                self.pass_limit(place)?;
            } else if place.step == 0 {
                self.ask(place)?;
            } else {
                match self.wait(place)? {
                    Waited::Result(Ok(report)) => self.report(place, report)?,
                    Waited::Result(Err(failure)) => self.fail(place, failure)?,
                    Waited::TimeLimit => self.pass_limit(place)?,
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

    fn ask_for_all_slots(&mut self) {
        for _ in 0..self.definition.header.slots {
            self.push_ask();
        }
    }

    fn push_ask(&mut self) {
        self.queue.push(Reverse(Place {
            time: self.now,
            trial: NEXT_TRIAL,
            step: 0,
        }));
    }

    fn push_report(&mut self, trial: u32, step: u32, schedule: &Schedule) {
        self.queue.push(Reverse(Place {
            time: schedule.start + u64::from(step) * schedule.epoch_ticks,
            trial,
            step,
        }));
    }

    /// The next event; asks beyond the budget leave their slots idle until the next stage.
    fn next_place(&mut self) -> Option<Place> {
        loop {
            let Some(Reverse(place)) = self.queue.pop() else {
                // All slots are idle.
                if self.stage + 1 >= self.stages.len() || self.exhausted {
                    return None;
                }
                self.stage += 1;
                self.limit_passed = false;
                self.ask_for_all_slots();
                continue;
            };
            if place.trial != NEXT_TRIAL {
                return Some(place);
            }
            let next = self.history.next_number().0;
            let wanted = next < self.stages[self.stage] && !self.exhausted;
            // A stored time limit may stand in the place of an ask that its own stage has no room for.
            let place = Place {
                trial: next,
                ..place
            };
            if wanted || self.limit_stored_at(place) {
                return Some(place);
            }
        }
    }

    fn not_reproducible(&self, trial: TrialNumber, detail: String) -> StudyError {
        StudyError::NotReproducible {
            study: self.definition.header.name.clone(),
            trial,
            detail,
        }
    }
}

fn halted(trial: TrialNumber, failure: TrialFailure) -> StudyError {
    StudyError::Halted {
        trial,
        message: failure.message,
    }
}
