//! Pauses: the scheduler sets a trial aside, and names those that go on where a slot is free.

use super::{Running, Simulation};
use crate::{Change, End, EndReason, Event, Moment, StudyError, Workload};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use tunefork_scheduler::FreeSlot;
use tunefork_trial::{TrialNumber, TrialState};

/// Trials that were set aside.
#[derive(Default)]
pub(super) struct Paused {
    trials: BTreeMap<u32, Running>,
    /// Those of which the storage has it, too: the others have gone on in a run before this one.
    stored: BTreeSet<u32>,
    /// Those that are kept in memory, the longest paused first.
    in_memory: VecDeque<u32>,
}

impl<W: Workload> Simulation<'_, W> {
    /// Sets a trial aside and frees its slot.
    pub(super) fn pause(&mut self, moment: Moment) {
        let number = TrialNumber(moment.trial);
        let running = self.running.remove(&moment.trial).expect("only a running trial reports");
        self.history.pause(number).expect("a trial that reports runs");
        self.board.pause(moment.trial);
        self.paused.trials.insert(moment.trial, running);
        let step = moment.step as usize;
        let stored = self.known.trials.get(number.index()).filter(|stored| stored.epochs.len() >= step);
        let is_over = stored.is_some_and(|stored| stored.epochs.len() > step || stored.state.is_finished());
        let known = is_over || stored.is_some_and(|stored| stored.state == TrialState::Paused);
        if !known {
            self.unwritten.push(Change::State { number, state: TrialState::Paused });
        }
        if !is_over {
            self.paused.stored.insert(moment.trial);
        }
        self.observer.event(&Event::TrialPaused { number, step: moment.step, time: moment.time, known });
        self.paused.in_memory.push_back(moment.trial);
        self.park();
        self.push_ask();
    }

    /// Lets the paused trial go on that the scheduler names for a free slot, if it names one.
    pub(super) fn resume_one(&mut self, time: u64, new_trials: bool) -> Result<bool, StudyError> {
        if self.paused.trials.is_empty() || self.reached.is_some() {
            return Ok(false);
        }
        let Some(number) = self.definition.scheduler.resume(&self.history, FreeSlot { new_trials }) else {
            return Ok(false);
        };
        self.now = time;
        let step = self.history.last_report(number).map_or(0, |report| report.step);
        if self.has_ended_at(number, step) {
            let detail = format!("it was stopped after epoch {step} and is now to go on");
            self.differs(number, detail)?;
            self.end_one(number)?;
            return Ok(false);
        }
        let mut running = self.paused.take(number).expect("a scheduler names a paused trial");
        self.history.resume(number).expect("it is paused");
        // Times of an eager study count its events, and nothing follows from this.
        running.start = time.saturating_sub(u64::from(step) * running.schedule.epoch_ticks);
        let known = !self.paused.stored.remove(&number.0);
        if !known {
            self.unwritten.push(Change::State { number, state: TrialState::Running });
        }
        self.order.push_report(step + 1, &running);
        self.board.resume(number.0, step, running.start);
        self.running.insert(number.0, running);
        self.observer.event(&Event::TrialResumed { number, step, time, known });
        Ok(true)
    }

    /// Whether what is stored of a trial ends with this step.
    fn has_ended_at(&self, number: TrialNumber, step: u32) -> bool {
        let stored = self.known.trials.get(number.index());
        stored.is_some_and(|stored| {
            stored.end.as_ref().is_some_and(|end| end.reason == EndReason::Stopped)
                && stored.epochs.len() <= step as usize
        })
    }

    /// Nothing runs, and nobody is to go on: trials that are paused end as stopped.
    pub(super) fn end_paused(&mut self) -> Result<(), StudyError> {
        for trial in self.paused.trials.keys().copied().collect::<Vec<_>>() {
            self.end_one(TrialNumber(trial))?;
        }
        Ok(())
    }

    fn end_one(&mut self, number: TrialNumber) -> Result<(), StudyError> {
        self.paused.take(number);
        self.paused.stored.remove(&number.0);
        let last = self.history.last_report(number);
        let moment = Moment { time: self.now, trial: number.0, step: last.map_or(0, |last| last.step) };
        let end = End { time: self.now, reason: EndReason::Stopped, message: String::new() };
        self.end(moment, TrialState::Pruned, last.map(|last| last.value), end)
    }

    /// Gives up the runs of trials that are paused longest, where they can be brought back from checkpoints: as many stay in
    /// memory as the study has slots.
    fn park(&mut self) {
        let Some(folder) = &self.workers.folder else { return };
        while self.paused.in_memory.len() > self.definition.header.slots as usize {
            let Some(trial) = self.paused.in_memory.pop_front() else { return };
            // A run that is gone already, or that a worker has who computes ahead, is left as it is.
            let Some((context, run, reports)) = self.board.take_paused(trial) else { continue };
            match self.workers.save(folder, &context, reports, &run) {
                Ok(()) => {
                    drop(run);
                    self.board.parked(trial);
                }
                Err(message) => {
                    self.board.give_back(trial, Some(run), 0, None);
                    self.observer.event(&Event::Warning { message: &message });
                }
            }
        }
    }
}

impl Paused {
    pub(super) fn contains(&self, trial: u32) -> bool {
        self.trials.contains_key(&trial)
    }

    fn take(&mut self, number: TrialNumber) -> Option<Running> {
        self.in_memory.retain(|trial| *trial != number.0);
        self.trials.remove(&number.0)
    }
}
