//! What a study says while it runs.

use crate::{Blueprint, End, EpochRecord, EpochReport, TrialFailure, TrialProgress, TrialRecord};
use std::path::Path;
use tunefork_space::Params;
use tunefork_trial::{TrialNumber, TrialState};

/// Listens to a running study: progress bars, files of a run folder, lines of JSON. Called on the
/// thread that runs the study; what it does never changes a result.
pub trait Observer {
    /// Called once for each event. The study waits until it returns.
    fn event(&mut self, event: &Event<'_>);
}

/// For a study that nobody watches.
impl Observer for () {
    fn event(&mut self, _: &Event<'_>) {}
}

/// What happened. `known` marks what was in the storage before this run of the study. Events of one
/// trial come in their order; the events marked *at once* come when they happen on the clock of the
/// machine, all others in the study's own order.
#[derive(Debug)]
pub enum Event<'a> {
    /// The study begins, or goes on with this many trials known.
    StudyStarted {
        /// Trials in the storage that were begun here.
        known_trials: usize,
        /// Trials asked for in all.
        budget: u32,
    },
    /// A trial was asked for and stored.
    TrialStarted {
        /// Number of the trial, counted from 0.
        number: TrialNumber,
        /// The active parameters with their values.
        params: &'a Params,
        /// Its cost; `None` if it failed before it started.
        blueprint: Option<&'a Blueprint>,
        /// Where it can be seen at any time how far it is.
        progress: &'a TrialProgress,
        /// Whether its values were asked for, by the definition or by another program.
        enqueued: bool,
        /// Its place among the definition's enqueued trials, if it is one of them.
        given: Option<usize>,
        /// Whether the storage had it.
        known: bool,
    },
    /// Another program began a trial of the study, which takes a number, or has ended it meanwhile: told each time that
    /// the study looks. Also told of a trial that it enqueued and that was refused.
    Outside {
        /// The trial as it is now.
        trial: &'a TrialRecord,
    },
    /// At once: a worker computed an epoch. It is not committed yet.
    EpochComputed {
        /// The trial that the epoch is of.
        number: TrialNumber,
        /// The epoch, counted from 1.
        step: u32,
        /// What the epoch has brought.
        report: &'a EpochReport,
    },
    /// At once: a run failed for a reason of the machine, or came back after a restart.
    TrialRetried {
        /// The trial that is tried once more.
        number: TrialNumber,
        /// What went wrong, with the message to show.
        failure: &'a TrialFailure,
    },
    /// A report was committed.
    Reported {
        /// The trial that reported.
        number: TrialNumber,
        /// Its step, virtual time and what the epoch has brought.
        epoch: &'a EpochRecord,
        /// Whether the storage had it.
        known: bool,
    },
    /// A trial was set aside; another may take its slot.
    TrialPaused {
        /// The trial that waits.
        number: TrialNumber,
        /// Epochs that it has done.
        step: u32,
        /// Virtual time.
        time: u64,
        /// Whether the storage had it.
        known: bool,
    },
    /// A trial that was paused goes on.
    TrialResumed {
        /// The trial that takes a slot again.
        number: TrialNumber,
        /// Epochs that it has done.
        step: u32,
        /// Virtual time.
        time: u64,
        /// Whether the storage had it.
        known: bool,
    },
    /// A trial ended and this was committed.
    TrialFinished {
        /// The trial that ended.
        number: TrialNumber,
        /// Complete, Pruned or Failed.
        state: TrialState,
        /// The value it ends with; none if it failed.
        value: Option<f64>,
        /// Why, and when in virtual time.
        end: &'a End,
        /// Whether it is the best so far.
        best: bool,
        /// Whether the storage had it.
        known: bool,
    },
    /// At once: another program holds the storage. The study waits for as long as that takes, or until it is stopped.
    Waiting {
        /// The database that is held.
        path: &'a Path,
    },
    /// Something to tell the user that lost nothing: a corrupt checkpoint, a drifted fingerprint.
    Warning {
        /// What happened, in a clause to show as it is.
        message: &'a str,
    },
}
