//! The clock: events in their order, one after the other.

use super::{Curves, Setting};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use tunefork_rng::Key;
use tunefork_sampler::{Ask, Proposal, Region, Sampler};
use tunefork_scheduler::{Decision, FreeSlot, Scheduler};
use tunefork_space::Params;
use tunefork_trial::{History, Report, TrialNumber, TrialState};

/// A free slot in the queue: it comes after all reports of its moment.
const FREE: u32 = u32::MAX;

/// What came of a simulated study.
#[derive(Clone, Debug)]
pub struct Simulated {
    /// All trials with their reports, states and values.
    pub history: History,
    /// Virtual time of each trial's start and of its end, in ticks.
    pub spans: Vec<(u64, u64)>,
    /// Virtual time of the last event.
    pub makespan: u64,
    /// Ticks of training in all trials together: of `makespan` × slots, the rest was idle.
    pub busy: u64,
    /// Best value of a complete trial at the time of its end, each time that it became better.
    pub best: Vec<(u64, f64)>,
}

impl Simulated {
    /// Epochs in all.
    pub fn epochs(&self) -> u64 {
        self.history.numbers().map(|trial| self.history.reports(trial).len() as u64).sum()
    }

    /// Virtual time after which a complete trial was as good as `value`, if one was.
    pub fn time_to(&self, value: f64) -> Option<u64> {
        let direction = self.history.direction();
        self.best.iter().find(|(_, best)| !direction.better(value, *best)).map(|(time, _)| *time)
    }
}

/// Plays a study to its end.
///
/// # Panics
/// If `setting.slots` is 0, a sampler proposes what is not in the space, or a scheduler resumes what is not paused.
pub fn simulate(
    setting: &Setting,
    curves: &dyn Curves,
    sampler: &mut dyn Sampler,
    scheduler: &mut dyn Scheduler,
) -> Simulated {
    assert!(setting.slots > 0, "a study needs a slot");
    let mut clock = Clock {
        setting,
        curves,
        sampler,
        scheduler,
        queue: (0..setting.slots).map(|_| Reverse((0, FREE))).collect(),
        trials: BTreeMap::new(),
        idle: 0,
        exhausted: false,
        done: Simulated {
            history: History::new(setting.space.clone(), setting.direction),
            spans: Vec::new(),
            makespan: 0,
            busy: 0,
            best: Vec::new(),
        },
    };
    while let Some(Reverse((time, trial))) = clock.queue.pop() {
        clock.done.makespan = time;
        match trial {
            FREE => clock.fill(time),
            trial => clock.report(time, TrialNumber(trial)),
        }
    }
    let paused: Vec<u32> = clock.trials.keys().copied().collect();
    for trial in paused {
        let last = clock.done.history.last_report(TrialNumber(trial)).map(|report| report.value);
        clock.finish(clock.done.makespan, TrialNumber(trial), TrialState::Pruned, last);
    }
    clock.done
}

struct Clock<'a> {
    setting: &'a Setting,
    curves: &'a dyn Curves,
    sampler: &'a mut dyn Sampler,
    scheduler: &'a mut dyn Scheduler,
    queue: BinaryHeap<Reverse<(u64, u32)>>,
    /// Those that have not ended.
    trials: BTreeMap<u32, Trial>,
    /// Slots that found nobody to train.
    idle: u32,
    exhausted: bool,
    done: Simulated,
}

struct Trial {
    params: Params,
    epochs: u32,
    ticks: u64,
    rungs: Vec<u32>,
}

impl Clock<'_> {
    /// Gives a free slot to a paused trial, else to a new one.
    fn fill(&mut self, time: u64) {
        let new_trials = !self.exhausted && (self.done.history.len() as u32) < self.setting.trials;
        let is_anyone_paused = self.done.history.states().contains(&TrialState::Paused);
        let named = is_anyone_paused.then(|| self.scheduler.resume(&self.done.history, FreeSlot { new_trials }));
        match named.flatten() {
            Some(trial) => {
                self.done.history.resume(trial).expect("a scheduler resumes paused trials");
                self.queue.push(Reverse((time + self.trials[&trial.0].ticks, trial.0)));
            }
            None if new_trials => self.begin(time),
            None => self.idle += 1,
        }
    }

    fn begin(&mut self, time: u64) {
        let number = self.done.history.next_number();
        let key = Key::study(self.setting.seed);
        let ask = Ask { history: &self.done.history, number, proposed: number.0, key, region: Region::WHOLE };
        let Proposal::Point(point) = self.sampler.propose(&ask) else {
            self.exhausted = true;
            return self.queue.push(Reverse((time, FREE)));
        };
        let params = self.setting.space.params(&point);
        let epochs = self.curves.epochs(&params);
        let ticks = self.curves.ticks(&params).max(1);
        let rungs = self.scheduler.used_rungs(epochs);
        self.done.history.start(number, point).expect("a sampler proposes points of the space");
        self.done.spans.push((time, time));
        self.trials.insert(number.0, Trial { params, epochs, ticks, rungs });
        self.queue.push(Reverse((time + ticks, number.0)));
    }

    fn report(&mut self, time: u64, number: TrialNumber) {
        let trial = &self.trials[&number.0];
        let step = self.done.history.last_report(number).map_or(1, |report| report.step + 1);
        let value = self.curves.value(&trial.params, Key::study(self.setting.seed).trial(number.0), step);
        self.done.busy += trial.ticks;
        if !value.is_finite() {
            return self.end(time, number, TrialState::Failed, None);
        }
        self.done.history.report(number, Report { step, value }).expect("steps grow");
        if step == trial.epochs {
            let reports = self.done.history.reports(number);
            let counts = self.setting.value_at.pick(self.setting.direction, reports, |report| report.value);
            let value = counts.map(|report| report.value);
            return self.end(time, number, TrialState::Complete, value);
        }
        let decision = match trial.rungs.contains(&step) {
            true => self.scheduler.decide(&self.done.history, number),
            false => Decision::Continue,
        };
        match decision {
            Decision::Continue => self.queue.push(Reverse((time + trial.ticks, number.0))),
            Decision::Stop => return self.end(time, number, TrialState::Pruned, Some(value)),
            Decision::Pause => {
                self.done.history.pause(number).expect("it runs");
                self.queue.push(Reverse((time, FREE)));
            }
        }
        self.wake(time);
    }

    fn end(&mut self, time: u64, number: TrialNumber, state: TrialState, value: Option<f64>) {
        self.finish(time, number, state, value);
        self.queue.push(Reverse((time, FREE)));
        self.wake(time);
    }

    fn finish(&mut self, time: u64, number: TrialNumber, state: TrialState, value: Option<f64>) {
        self.trials.remove(&number.0);
        let best = self.done.history.best();
        let ended = match state {
            TrialState::Failed => self.done.history.diverge(number),
            _ => self.done.history.finish(number, state, value),
        };
        ended.expect("it has not ended");
        self.done.spans[number.index()].1 = time;
        if let (true, Some(value)) = (self.done.history.best() != best, value) {
            self.done.best.push((time, value));
        }
    }

    /// Something was reported: slots that found nobody look again.
    fn wake(&mut self, time: u64) {
        for _ in 0..std::mem::take(&mut self.idle) {
            self.queue.push(Reverse((time, FREE)));
        }
    }
}
