//! Trials of one plan that learn from the same images take their steps together: one launch for all of them.
//!
//! Each trial is trained by a thread of its own, which writes the steps of its next call and brings its engine here. One
//! of the threads that are here then does the work of all; the others wait for it. A gang has no order and no size of its
//! own: whoever is there takes part, and is waited for as long as it came each time. A trial's bits are those that it has alone,
//! so nothing depends on who met whom.
//!
//! The work of a round is ordered while the device is at the round before, which is then waited for: so the device has always a
//! round to go on with, and who comes meanwhile meets those who wait.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tunefork_kernels::{DeviceError, Lanes, Readback, Stream};

use super::company::Counts;
use crate::call::together;
use crate::program::Runner;
use crate::{CudaError, Engine, Resident};

/// How long those that are here wait for one that came to the last round and is late: longer than a thread takes to draw the
/// transforms of its next steps, shorter than what a round lasts.
pub(super) const GRACE: Duration = Duration::from_millis(4);

/// Trials of one plan on a card, and the stream that all their work goes to.
pub(super) struct Gang {
    pub(super) stream: Arc<dyn Stream>,
    grace: Duration,
    meeting: Mutex<Meeting>,
    changed: Condvar,
    /// Of whoever is at work.
    work: Mutex<Work>,
    counts: Arc<Counts>,
}

/// Who is here.
#[derive(Default)]
struct Meeting {
    /// Whether the stream is at work for somebody.
    is_busy: bool,
    waiting: Vec<Ready>,
    done: Vec<(Ready, Result<(), CudaError>)>,
    /// Who came to the last rounds and has not left.
    expected: Vec<u64>,
    /// When there was somebody waiting and nobody at work.
    since: Option<Instant>,
}

/// What the work of a round needs.
struct Work {
    /// The captured launches of training and of evaluation.
    training: Runner,
    evaluation: Runner,
    /// Where the last two rounds end on the stream: readbacks of nothing. The one that is ordered next is first.
    ends: [Box<dyn Readback>; 2],
}

impl Work {
    /// Orders the steps of some trials, and waits for the round before.
    fn order(&mut self, stream: &dyn Stream, round: &mut [Ready]) -> Result<(), CudaError> {
        let training = round[0].training;
        let runner = if training { &mut self.training } else { &mut self.evaluation };
        let mut lanes: Vec<_> = round.iter_mut().map(|trial| (trial.engine.lane(), &trial.images)).collect();
        together(stream, runner, &mut lanes, training)?;
        self.ends[0].order(&[])?;
        self.ends.swap(0, 1);
        self.ends[0].wait()?;
        Ok(())
    }
}

/// A trial whose next steps are written.
pub(super) struct Ready {
    /// Which one it is.
    pub id: u64,
    pub engine: Engine,
    pub images: Arc<Resident>,
    pub training: bool,
}

impl Ready {
    fn goes_with(&self, other: &Self) -> bool {
        self.training == other.training && self.images.has_images_of(&other.images)
    }
}

impl Meeting {
    /// Whether a round may begin.
    fn is_complete(&self, grace: Duration) -> bool {
        let is_here = |id: &u64| self.waiting.iter().any(|waiting| waiting.id == *id);
        let is_full = self.waiting.len() >= Lanes::MOST;
        is_full || self.expected.iter().all(is_here) || self.left_of(grace).is_zero()
    }

    /// How long who is late is still waited for.
    fn left_of(&self, grace: Duration) -> Duration {
        self.since.map_or(Duration::ZERO, |since| grace.saturating_sub(since.elapsed()))
    }

    /// The trials of the next round, in the order in which they were made: so the same ones are the same lanes again.
    fn next_round(&mut self) -> Vec<Ready> {
        // Who is late now is not waited for again.
        self.expected = self.waiting.iter().map(|waiting| waiting.id).collect();
        let mut round = vec![self.waiting.remove(0)];
        for trial in std::mem::take(&mut self.waiting) {
            let goes = trial.goes_with(&round[0]) && round.len() < Lanes::MOST;
            if goes { &mut round } else { &mut self.waiting }.push(trial);
        }
        round.sort_by_key(|trial| trial.id);
        round
    }

    fn end_work(&mut self) {
        self.is_busy = false;
        self.since = (!self.waiting.is_empty()).then(Instant::now);
    }
}

impl Gang {
    pub(super) fn new(stream: Arc<dyn Stream>, grace: Duration, counts: Arc<Counts>) -> Result<Self, DeviceError> {
        let ends = [stream.readback(0)?, stream.readback(0)?];
        let work = Mutex::new(Work { training: Runner::default(), evaluation: Runner::default(), ends });
        Ok(Self { stream, grace, meeting: Mutex::default(), changed: Condvar::new(), work, counts })
    }

    fn meeting(&self) -> MutexGuard<'_, Meeting> {
        self.meeting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Orders the steps of a trial, with those of all others that are here, and waits for those of the round before.
    pub(super) fn take(&self, trial: Ready) -> (Engine, Result<(), CudaError>) {
        let id = trial.id;
        let mut meeting = self.meeting();
        if meeting.waiting.is_empty() {
            meeting.since = Some(Instant::now());
        }
        meeting.waiting.push(trial);
        self.changed.notify_all();
        loop {
            if let Some(place) = meeting.done.iter().position(|(trial, _)| trial.id == id) {
                let (trial, result) = meeting.done.swap_remove(place);
                return (trial.engine, result);
            }
            meeting = match meeting.is_busy {
                true => self.wait(meeting, None),
                false if meeting.is_complete(self.grace) => self.lead(meeting),
                false => {
                    let left = meeting.left_of(self.grace);
                    self.wait(meeting, Some(left))
                }
            };
        }
    }

    fn wait<'a>(&self, meeting: MutexGuard<'a, Meeting>, most: Option<Duration>) -> MutexGuard<'a, Meeting> {
        match most {
            None => self.changed.wait(meeting).unwrap_or_else(PoisonError::into_inner),
            Some(most) => self.changed.wait_timeout(meeting, most).unwrap_or_else(PoisonError::into_inner).0,
        }
    }

    /// Does the work of a round.
    fn lead<'a>(&'a self, mut meeting: MutexGuard<'a, Meeting>) -> MutexGuard<'a, Meeting> {
        let mut round = meeting.next_round();
        self.counts.add(round.len());
        meeting.is_busy = true;
        drop(meeting);
        let work = AssertUnwindSafe(|| {
            let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
            work.order(&*self.stream, &mut round)
        });
        let (result, panic) = match catch_unwind(work) {
            Ok(result) => (result, None),
            Err(panic) => {
                let failed = DeviceError::Failed("the work of several trials was broken off".into());
                (Err(failed.into()), Some(panic))
            }
        };
        let mut meeting = self.meeting();
        meeting.done.extend(round.into_iter().map(|trial| (trial, result.clone())));
        meeting.end_work();
        self.changed.notify_all();
        match panic {
            Some(panic) => {
                drop(meeting);
                resume_unwind(panic)
            }
            None => meeting,
        }
    }

    /// The stream for a trial alone, when nobody else is at work. It is not waited for in the next round.
    pub(super) fn alone(&self, id: u64) -> Turn<'_> {
        let mut meeting = self.meeting();
        meeting.expected.retain(|expected| *expected != id);
        self.changed.notify_all();
        while meeting.is_busy {
            meeting = self.wait(meeting, None);
        }
        meeting.is_busy = true;
        Turn { gang: self }
    }
}

/// The time during which a trial has the stream to itself.
pub(super) struct Turn<'a> {
    gang: &'a Gang,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.gang.meeting().end_work();
        self.gang.changed.notify_all();
    }
}
