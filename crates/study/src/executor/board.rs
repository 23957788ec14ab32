//! The board between the simulation, which needs results, and the workers, which compute them.

use super::lane::Lane;
use super::share::share;
use crate::{EpochReport, ExecutorOptions, StudyError, TrialContext, TrialFailure};
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Result of an epoch: a report, or the failure that ends the trial there.
pub(super) type EpochResult = Result<Arc<EpochReport>, TrialFailure>;

/// Shared between the simulation and the workers.
pub(super) struct Board<R> {
    workers: usize,
    /// CPU threads of all workers together.
    threads: usize,
    state: Mutex<State<R>>,
    work: Condvar,
    /// Signalled when a worker has something to say.
    news: Condvar,
}

struct State<R> {
    /// Trials that run now, by number.
    lanes: BTreeMap<u32, Lane<R>>,
    notes: Vec<Note>,
    broken: Option<StudyError>,
    /// All trials of the study have been added.
    all_added: bool,
    /// Epochs under way are finished, and no more are begun.
    draining: bool,
    closed: bool,
}

/// What a worker tells the simulation, beside results.
pub(super) enum Note {
    Computed { trial: u32, step: u32, report: Arc<EpochReport> },
    Retried { trial: u32, failure: TrialFailure },
    Restarted { trial: u32 },
    Warning(String),
}

pub(super) struct Job<R> {
    pub context: TrialContext,
    pub run: Option<R>,
    /// Stored or computed before, for a trial that must be brought up first.
    pub results: Vec<Arc<EpochReport>>,
    pub step: u32,
    pub limit: u32,
    pub faults: u32,
    pub saved: Option<Instant>,
    /// Nothing has happened to it: it waits in its checkpoint.
    pub parked: bool,
}

/// What the simulation gets when it waits.
pub(super) enum News<T> {
    Found(T),
    Notes(Vec<Note>),
    /// Nothing for a while: time to look at the clock and at the stop flag.
    Nothing,
}

impl<R> Board<R> {
    pub(super) fn new(options: &ExecutorOptions) -> Self {
        Board {
            workers: options.workers,
            threads: options.threads,
            state: Mutex::new(State {
                lanes: BTreeMap::new(),
                notes: Vec::new(),
                broken: None,
                all_added: false,
                draining: false,
                closed: false,
            }),
            work: Condvar::new(),
            news: Condvar::new(),
        }
    }

    /// The state is only ever changed in small steps that cannot panic half way, so a lock that was
    /// poisoned by a panic elsewhere is as good as any.
    fn lock(&self) -> MutexGuard<'_, State<R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, lane: Lane<R>) {
        let is_work = lane.goes_on();
        self.lock().lanes.insert(lane.context.number.0, lane);
        if is_work {
            self.work.notify_all();
        }
    }

    /// No more trials come. Those that are left share the threads of all workers from now on.
    pub(super) fn all_added(&self) {
        self.lock().all_added = true;
    }

    /// A trial goes on after this step.
    pub(super) fn decided(&self, trial: u32, step: u32) {
        let mut state = self.lock();
        let Some(lane) = state.lanes.get_mut(&trial) else { return };
        lane.decided = step;
        if lane.goes_on() {
            self.work.notify_all();
        }
    }

    /// A trial is set aside.
    pub(super) fn pause(&self, trial: u32) {
        if let Some(lane) = self.lock().lanes.get_mut(&trial) {
            lane.paused = true;
        }
    }

    /// A trial that was set aside after this step goes on, as if it had begun at `start`.
    pub(super) fn resume(&self, trial: u32, step: u32, start: u64) {
        if let Some(lane) = self.lock().lanes.get_mut(&trial) {
            (lane.paused, lane.start) = (false, start);
        }
        self.decided(trial, step);
    }

    /// Takes the run of a paused trial off the board, to be given back, with its reports; `None` if a worker has it or there is none.
    pub(super) fn take_paused(&self, trial: u32) -> Option<(TrialContext, R, Vec<Arc<EpochReport>>)> {
        let mut state = self.lock();
        let lane = state.lanes.get_mut(&trial).filter(|lane| lane.paused && !lane.busy)?;
        let run = lane.run.take()?;
        lane.busy = true;
        Some((lane.context.clone(), run, lane.reports()))
    }

    /// The run of a paused trial was given up: the trial is in its checkpoint.
    pub(super) fn parked(&self, trial: u32) {
        if let Some(lane) = self.lock().lanes.get_mut(&trial) {
            lane.parked = true;
        }
        self.give_back(trial, None, 0, Some(Instant::now()));
    }

    /// No epoch of this trial is needed after this step.
    pub(super) fn end_at(&self, trial: u32, step: u32) {
        if let Some(lane) = self.lock().lanes.get_mut(&trial) {
            lane.limit = step;
        }
    }

    /// A trial ends; an epoch of it under way is abandoned.
    pub(super) fn remove(&self, trial: u32) {
        let lane = self.lock().lanes.remove(&trial);
        if let Some(lane) = lane {
            lane.context.stop.raise();
        }
    }

    /// Waits for the result of an epoch of a running trial, but only a short while.
    pub(super) fn wait(&self, trial: u32, step: u32, patience: Duration) -> Result<News<EpochResult>, StudyError> {
        self.wait_for(patience, |lanes| {
            let lane = lanes.get(&trial)?;
            lane.results.get(step as usize - 1).cloned()
        })
    }

    /// Waits for any result that was not decided on, but only a short while: (trial, step).
    pub(super) fn wait_for_any(&self, patience: Duration) -> Result<News<(u32, u32)>, StudyError> {
        self.wait_for(patience, |lanes| {
            let mut lanes = lanes.iter();
            let (trial, lane) = lanes.find(|(_, lane)| !lane.paused && lane.results.len() > lane.decided as usize)?;
            Some((*trial, lane.decided + 1))
        })
    }

    fn wait_for<T>(
        &self,
        patience: Duration,
        find: impl Fn(&BTreeMap<u32, Lane<R>>) -> Option<T>,
    ) -> Result<News<T>, StudyError> {
        let mut state = self.lock();
        for may_wait in [true, false] {
            // Notes first: what is said of an epoch comes before its result, and before the study's end.
            if !state.notes.is_empty() {
                return Ok(News::Notes(std::mem::take(&mut state.notes)));
            }
            if let Some(found) = find(&state.lanes) {
                return Ok(News::Found(found));
            }
            // What is there is still taken, so that it is stored.
            if let Some(error) = state.broken.take() {
                return Err(error);
            }
            if may_wait {
                state = self.news.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        Ok(News::Nothing)
    }

    /// Takes the run of a trial off the board, waiting for the worker that has it.
    pub(super) fn take_run(&self, trial: u32) -> Option<R> {
        let mut state = self.lock();
        loop {
            let lane = state.lanes.get_mut(&trial)?;
            if !lane.busy {
                return lane.run.take();
            }
            state = self.news.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits for an epoch to compute; `None` when the board is closed.
    pub(super) fn take_job(&self) -> Option<Job<R>> {
        let mut state = self.lock();
        loop {
            if state.closed || state.draining {
                return None;
            }
            let threads = state.next_threads(self.threads, self.workers);
            if let Some(lane) = state.next_lane() {
                lane.busy = true;
                lane.context.progress.set_training(true);
                lane.context.threads = threads;
                let run = lane.run.take();
                let results = match run {
                    Some(_) => Vec::new(),
                    None => lane.reports(),
                };
                return Some(Job {
                    context: lane.context.clone(),
                    run,
                    results,
                    step: lane.results.len() as u32 + 1,
                    limit: lane.limit,
                    faults: lane.faults,
                    saved: lane.saved,
                    parked: std::mem::take(&mut lane.parked),
                });
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The reports of a trial so far; `None` when it has ended.
    pub(super) fn reports(&self, trial: u32) -> Option<Vec<Arc<EpochReport>>> {
        let state = self.lock();
        Some(state.lanes.get(&trial)?.reports())
    }

    pub(super) fn note(&self, note: Note) {
        self.lock().notes.push(note);
        self.news.notify_all();
    }

    /// One more result of a trial, while its worker still has the run.
    pub(super) fn deliver(&self, trial: u32, result: EpochResult) {
        let mut state = self.lock();
        if let Some(lane) = state.lanes.get_mut(&trial) {
            lane.results.push(result.clone());
            lane.faults = 0;
            if let Ok(report) = result {
                let step = lane.results.len() as u32;
                state.notes.push(Note::Computed { trial, step, report });
            }
        }
        self.news.notify_all();
    }

    /// A worker gives a trial back; the run is dropped if the trial has ended meanwhile.
    pub(super) fn give_back(&self, trial: u32, run: Option<R>, faults: u32, saved: Option<Instant>) {
        let mut state = self.lock();
        if let Some(lane) = state.lanes.get_mut(&trial) {
            lane.busy = false;
            lane.context.progress.set_training(false);
            lane.run = run;
            lane.faults = faults;
            lane.saved = saved;
        }
        drop(state);
        self.work.notify_all();
        self.news.notify_all();
    }

    /// The study cannot go on: no more epochs are begun.
    pub(super) fn fail(&self, error: StudyError) {
        let mut state = self.lock();
        state.broken.get_or_insert(error);
        state.draining = true;
        drop(state);
        self.work.notify_all();
        self.news.notify_all();
    }

    /// Why the study cannot go on, if that was not told yet.
    pub(super) fn take_broken(&self) -> Option<StudyError> {
        self.lock().broken.take()
    }

    /// No more epochs are begun; those under way are finished.
    pub(super) fn drain(&self) {
        self.lock().draining = true;
        self.work.notify_all();
    }

    /// Whether no worker is at an epoch.
    pub(super) fn is_idle(&self) -> bool {
        self.lock().lanes.values().all(|lane| !lane.busy)
    }

    /// Waits only a short while, for what workers say beside results.
    pub(super) fn wait_for_notes<T>(&self, patience: Duration) -> Result<News<T>, StudyError> {
        self.wait_for(patience, |_| None)
    }

    /// No more work: waiting workers return, epochs under way are abandoned.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        for lane in state.lanes.values() {
            lane.context.stop.raise();
        }
        drop(state);
        self.work.notify_all();
    }

    /// All trials that still run, after the board was closed and the workers have returned.
    pub(super) fn take_lanes(&self) -> Vec<Lane<R>> {
        std::mem::take(&mut self.lock().lanes).into_values().collect()
    }
}

impl<R> State<R> {
    /// Threads for the next trial. All are shared by as many trials as there are workers, at the end of the
    /// study only by those that are left.
    fn next_threads(&self, threads: usize, workers: usize) -> usize {
        let left = || self.lanes.values().filter(|lane| lane.goes_on()).count();
        let trials = match self.all_added {
            true => left().clamp(1, workers),
            false => workers,
        };
        let busy = self.lanes.values().filter(|lane| lane.busy);
        let taken: Vec<usize> = busy.map(|lane| lane.context.threads).collect();
        share(threads, trials, &taken)
    }

    /// The trial whose next epoch should be computed first: epochs that will surely be needed before
    /// those that the scheduler may make needless, then by virtual time.
    fn next_lane(&mut self) -> Option<&mut Lane<R>> {
        self.lanes
            .values_mut()
            .filter_map(|lane| lane.urgency().map(|urgency| (urgency, lane)))
            .min_by_key(|(urgency, _)| *urgency)
            .map(|(_, lane)| lane)
    }
}

/// Closes a board at the end of a scope, whatever ends it.
pub(super) struct CloseOnDrop<'a, R>(pub &'a Board<R>);

impl<R> Drop for CloseOnDrop<'_, R> {
    fn drop(&mut self) {
        self.0.close();
    }
}
