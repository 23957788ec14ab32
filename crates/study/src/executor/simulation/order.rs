//! Which event comes next: by virtual time, or as results arrive.

use super::reports::Waited;
use super::{Running, Simulation};
use crate::executor::Ended;
use crate::{Clock, FailureKind, Moment, StudyError, StudyRecord, Workload};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// An ask in the queue: it gets the next number when its turn comes, above all numbers there are.
const NEXT_TRIAL: u32 = u32::MAX;

pub(super) enum Order {
    /// What comes next for each slot, the report of its trial or an ask, by virtual time; slots that found nothing to ask for
    /// wait until something was reported.
    Virtual { queue: BinaryHeap<Reverse<Moment>>, idle_slots: u32 },
    /// Times count the events. Those on record come again as they came; then whatever is first.
    Eager { idle_slots: u32, recorded: BTreeMap<u64, Moment> },
}

pub(super) enum Next {
    Event(Moment),
    /// All slots are idle for good.
    Over,
    /// The study ends before its end.
    Ended(Ended),
}

impl Order {
    pub(super) fn of(known: &StudyRecord) -> Self {
        match known.header.clock {
            Clock::Virtual => Order::Virtual { queue: BinaryHeap::new(), idle_slots: 0 },
            Clock::Eager => Order::Eager { idle_slots: 0, recorded: recorded(known) },
        }
    }

    pub(super) fn clear(&mut self) {
        match self {
            Order::Virtual { queue, idle_slots } => {
                queue.clear();
                *idle_slots = 0;
            }
            Order::Eager { idle_slots, .. } => *idle_slots = 0,
        }
    }

    /// A trial goes on with this epoch.
    pub(super) fn push_report(&mut self, step: u32, running: &Running) {
        if let Order::Virtual { queue, .. } = self {
            let time = running.start + u64::from(step) * running.schedule.epoch_ticks;
            queue.push(Reverse(Moment { time, trial: running.context.number.0, step }));
        }
    }
}

/// The events of a stored study, by their numbers.
fn recorded(known: &StudyRecord) -> BTreeMap<u64, Moment> {
    let mut moments = BTreeMap::new();
    let mut add = |time, trial, step| moments.insert(time, Moment { time, trial, step });
    for trial in &known.trials {
        let number = trial.number.0;
        for epoch in &trial.epochs {
            add(epoch.time, number, epoch.step);
        }
        // A trial that failed has one event more than reports; without a schedule, its ask.
        let failure = trial.end.as_ref();
        let failure = failure.filter(|end| FailureKind::of_reason(end.reason).is_some());
        match (&trial.schedule, failure) {
            (Some(schedule), Some(end)) => {
                add(schedule.start, number, 0);
                add(end.time, number, trial.epochs.len() as u32 + 1);
            }
            (Some(schedule), None) => _ = add(schedule.start, number, 0),
            (None, Some(end)) => _ = add(end.time, number, 0),
            (None, None) => {}
        }
    }
    moments
}

impl<W: Workload> Simulation<'_, W> {
    pub(super) fn ask_for_all_slots(&mut self) {
        for _ in 0..self.definition.header.slots {
            self.push_ask();
        }
    }

    /// A slot is free.
    pub(super) fn push_ask(&mut self) {
        self.push_ask_at(self.now);
    }

    pub(super) fn push_ask_at(&mut self, time: u64) {
        match &mut self.order {
            Order::Virtual { queue, .. } => queue.push(Reverse(Moment { time, trial: NEXT_TRIAL, step: 0 })),
            Order::Eager { idle_slots, .. } => *idle_slots += 1,
        }
    }

    /// Something was reported, so a paused trial may go on in a slot that found none.
    pub(super) fn wake_idle_slots(&mut self) {
        if let Order::Virtual { queue, idle_slots } = &mut self.order {
            for _ in 0..std::mem::take(idle_slots) {
                queue.push(Reverse(Moment { time: self.now, trial: NEXT_TRIAL, step: 0 }));
            }
        }
    }

    /// The next event. Asks beyond the budget leave their slots idle until the next stage.
    pub(super) fn next(&mut self) -> Result<Next, StudyError> {
        match self.order {
            Order::Virtual { .. } => self.next_in_time(),
            Order::Eager { .. } => self.next_to_arrive(),
        }
    }

    fn wants_more(&mut self) -> bool {
        !self.exhausted
            && self.reached.is_none()
            && (self.asked.trials < self.stages[self.stage] || self.is_asked_beside())
    }

    /// All slots are idle: the next stage begins, if there is one.
    fn advance(&mut self) -> bool {
        if self.stage + 1 >= self.stages.len() || self.exhausted || self.reached.is_some() {
            return false;
        }
        self.stage += 1;
        self.order.clear();
        self.ask_for_all_slots();
        true
    }

    fn next_in_time(&mut self) -> Result<Next, StudyError> {
        loop {
            let Order::Virtual { queue, .. } = &mut self.order else {
                return Ok(Next::Over);
            };
            match queue.pop() {
                None => {
                    self.end_paused()?;
                    if !self.advance() {
                        return Ok(Next::Over);
                    }
                }
                Some(Reverse(moment)) if moment.trial != NEXT_TRIAL => return Ok(Next::Event(moment)),
                Some(Reverse(Moment { time, .. })) => {
                    let new_trials = self.wants_more();
                    if !self.resume_one(time, new_trials)? {
                        if new_trials {
                            return Ok(Next::Event(self.ask_among_others(time)?));
                        }
                        self.idle();
                    }
                }
            }
        }
    }

    /// A slot stays free for now.
    fn idle(&mut self) {
        match &mut self.order {
            Order::Virtual { idle_slots, .. } => *idle_slots += u32::from(self.definition.scheduler.pauses()),
            Order::Eager { .. } => {}
        }
    }

    fn next_to_arrive(&mut self) -> Result<Next, StudyError> {
        let time = self.now + 1;
        loop {
            let asks = self.wants_more();
            if self.has_idle_slot() && self.resume_one(self.now, asks)? {
                self.use_slot();
                continue;
            }
            let Order::Eager { idle_slots, recorded } = &mut self.order else {
                return Ok(Next::Over);
            };
            if let Some(moment) = recorded.get(&time).copied() {
                let is_ask = moment.step == 0;
                if is_ask && !asks && self.running.is_empty() {
                    self.end_paused()?;
                    if self.advance() {
                        continue;
                    }
                }
                if is_ask {
                    self.use_slot();
                    self.ask_among_others(time)?;
                }
                return Ok(Next::Event(moment));
            }
            if *idle_slots > 0 && asks {
                self.use_slot();
                return Ok(Next::Event(self.ask_among_others(time)?));
            }
            if self.running.is_empty() {
                self.end_paused()?;
                if self.advance() {
                    continue;
                }
                return Ok(Next::Over);
            }
            return Ok(match self.wait_for_any()? {
                Waited::Found((trial, step)) => Next::Event(Moment { time, trial, step }),
                Waited::Ended(ended) => Next::Ended(ended),
            });
        }
    }

    fn has_idle_slot(&self) -> bool {
        match self.order {
            Order::Virtual { idle_slots, .. } | Order::Eager { idle_slots, .. } => idle_slots > 0,
        }
    }

    fn use_slot(&mut self) {
        if let Order::Eager { idle_slots, .. } = &mut self.order {
            *idle_slots = idle_slots.saturating_sub(1);
        }
    }
}
