//! What a study says while it runs.

use crate::{Blueprint, End, EpochRecord, EpochReport, TrialFailure};
use tunefork_space::Params;
use tunefork_trial::{TrialNumber, TrialState};

/// Listens to a running study: progress bars, files of a run folder, lines of JSON. Called on the
/// thread that runs the study; what it does never changes a result.
pub trait Observer {
    /// Something happened.
    fn event(&mut self, event: &Event<'_>);
}

/// Listens to nothing.
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
        /// Trials in the storage.
        known_trials: usize,
        /// Trials asked for in all.
        budget: u32,
    },
    /// A trial was asked for and stored.
    TrialStarted {
        /// Its number.
        number: TrialNumber,
        /// Its parameters.
        params: &'a Params,
        /// Its cost; `None` if it failed before it started.
        blueprint: Option<&'a Blueprint>,
        /// Whether it was enqueued by the study file.
        enqueued: bool,
        /// Whether the storage had it.
        known: bool,
    },
    /// At once: a worker computed an epoch. It is not committed yet.
    EpochComputed {
        /// The trial.
        number: TrialNumber,
        /// The epoch.
        step: u32,
        /// Its result.
        report: &'a EpochReport,
    },
    /// At once: a run failed for a reason of the machine, or came back after a restart.
    TrialRetried {
        /// The trial.
        number: TrialNumber,
        /// What went wrong.
        failure: &'a TrialFailure,
    },
    /// A report was committed.
    Reported {
        /// The trial.
        number: TrialNumber,
        /// The report.
        epoch: &'a EpochRecord,
        /// Whether the storage had it.
        known: bool,
    },
    /// A trial ended and this was committed.
    TrialFinished {
        /// The trial.
        number: TrialNumber,
        /// Complete, Pruned or Failed.
        state: TrialState,
        /// Its value.
        value: Option<f64>,
        /// Why it ended.
        end: &'a End,
        /// Whether it is the best so far.
        best: bool,
        /// Whether the storage had it.
        known: bool,
    },
    /// Something to tell the user that lost nothing: a corrupt checkpoint, a drifted fingerprint.
    Warning {
        /// In words.
        message: &'a str,
    },
}
