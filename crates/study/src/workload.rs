//! All that a study knows of what it tunes: the [`Workload`] and its [`Run`]s.

use crate::{Cost, EndReason, EpochReport};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use tunefork_rng::Key;
use tunefork_space::Params;
use tunefork_trial::TrialNumber;

/// What parameters amount to, known before a trial runs. Equal parameters give equal blueprints, on
/// every machine: nothing here may be measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blueprint {
    /// Epochs of a trial that nobody stops; at least 1.
    pub epochs: u32,
    /// Work of one epoch.
    pub epoch_cost: Cost,
    /// Bytes of memory that the trial's plan takes.
    pub plan_bytes: u64,
    /// Trials with equal keys share one plan.
    pub plan_key: String,
}

/// What is trained: turns parameters into runs. Shared by all workers.
pub trait Workload: Sync {
    /// A trial in training.
    type Run: Run;

    /// Cost and memory of a trial with these parameters.
    ///
    /// # Errors
    /// [`FailureKind::DoesNotFit`] or [`FailureKind::InvalidConfiguration`]: samplers do not propose these parameters, and an enqueued
    /// trial that has them fails before it starts. They must depend on the parameters and the study alone.
    fn blueprint(&self, params: &Params) -> Result<Blueprint, TrialFailure>;

    /// What people are told of a trial with these parameters when it starts: attributes of the trial, of which no decision is made.
    fn attributes(&self, params: &Params) -> Vec<(String, serde_json::Value)> {
        let _ = params;
        Vec::new()
    }

    /// Starts a run from its beginning, or from what [`Run::checkpoint`] returned for this trial.
    ///
    /// # Errors
    /// A failure of the trial. One that comes with a checkpoint leads to a start without it.
    fn start(&self, trial: &TrialContext, checkpoint: Option<&[u8]>) -> Result<Self::Run, TrialFailure>;

    /// Whether a trial with these parameters is over once it has reported these values, one for each
    /// epoch so far and at least one: it completes then, although it could have had more epochs.
    ///
    /// A pure function of what it is given: a resumed study asks again.
    fn is_over(&self, params: &Params, values: &[f64]) -> bool {
        let _ = (params, values);
        false
    }

    /// Called when a trial has run its last epoch with a better value than all before it, and before
    /// that is committed: the moment to save its weights. A killed process may call it again for the
    /// same trial, so what it writes must replace what was there.
    ///
    /// # Errors
    /// After a [`FailureKind::Fault`] the run is brought back from its last checkpoint, once, and asked
    /// again; [`FailureKind::Halt`], [`FailureKind::DeviceLost`] and any other failure stop the study, resumable.
    fn keep(&self, trial: &TrialContext, run: &Self::Run) -> Result<(), TrialFailure> {
        let _ = (trial, run);
        Ok(())
    }

    /// Whether what [`keep`](Self::keep) kept last is of this trial, and as it was. Else the trial is trained again when the
    /// study has ended with it as its best.
    fn has_kept(&self, trial: &TrialContext) -> bool {
        let _ = trial;
        true
    }
}

/// A trial in training. Its results are a function of the [`TrialContext`] (threads excepted) alone.
pub trait Run: Send {
    /// Epochs done since the beginning of the trial, those before a checkpoint included.
    fn epochs_done(&self) -> u32;

    /// Runs one epoch.
    ///
    /// # Errors
    /// A failure of the trial; the run is dropped then.
    fn epoch(&mut self) -> Result<EpochReport, TrialFailure>;

    /// CPU threads that the epochs from now on may use; like those at the start they never change results.
    fn set_threads(&mut self, threads: usize) {
        let _ = threads;
    }

    /// All state, such that a run started from it continues with the same bits.
    ///
    /// # Errors
    /// A device that does not give its state: there is no checkpoint then, and the run goes on.
    fn checkpoint(&self) -> Result<Vec<u8>, TrialFailure>;
}

/// What a run is given.
#[derive(Clone, Debug)]
pub struct TrialContext {
    /// Number of the trial.
    pub number: TrialNumber,
    /// Key of the trial's random streams.
    pub key: Key,
    /// The active parameters with their values.
    pub params: Arc<Params>,
    /// The workload's own answer for these parameters.
    pub blueprint: Arc<Blueprint>,
    /// CPU threads that this run may use until [`Run::set_threads`] says otherwise; never changes its
    /// results.
    pub threads: usize,
    /// Raised when the rest of an epoch is not wanted any more.
    pub stop: StopFlag,
    /// Where the run says how far it is, for whoever watches.
    pub progress: TrialProgress,
}

/// How far a trial is, to be read at any time by whoever watches: written during an epoch by the run, as often as it
/// likes. No result depends on it.
#[derive(Clone, Debug, Default)]
pub struct TrialProgress(Arc<Progress>);

#[derive(Debug, Default)]
struct Progress {
    /// Epochs that are done, in parts of one.
    parts: AtomicU32,
    is_training: AtomicBool,
}

/// Into how many parts [`TrialProgress`] divides an epoch.
const PARTS: f64 = 1024.0;

impl TrialProgress {
    /// Epochs that are done, with the share of the one under way: 4.5 in the middle of the fifth. Exact to a
    /// thousandth of an epoch.
    pub fn epochs(&self) -> f64 {
        f64::from(self.0.parts.load(Ordering::Relaxed)) / PARTS
    }

    /// Says how many epochs are done, with the share of the one under way.
    pub fn set_epochs(&self, epochs: f64) {
        self.0.parts.store((epochs * PARTS) as u32, Ordering::Relaxed);
    }

    /// Whether a worker is at the trial. Else it waits: for a worker, or for a decision that what it does next depends on.
    pub fn is_training(&self) -> bool {
        self.0.is_training.load(Ordering::Relaxed)
    }

    /// Says whether a worker is at the trial.
    pub fn set_training(&self, is_training: bool) {
        self.0.is_training.store(is_training, Ordering::Relaxed);
    }
}

/// A flag that a run may look at during an epoch: when it is raised, [`Run::epoch`] may return
/// [`FailureKind::Interrupted`] at once instead of finishing.
#[derive(Clone, Debug, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// Whether the epoch may be abandoned.
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Says that the epoch may be abandoned.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl From<Arc<AtomicBool>> for StopFlag {
    /// A flag that somebody else raises, such as Ctrl-C.
    fn from(flag: Arc<AtomicBool>) -> Self {
        StopFlag(flag)
    }
}

/// Why a trial cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TrialFailure {
    /// What sort of failure it is, which decides what happens next.
    pub kind: FailureKind,
    /// A lower-case clause with the figures, such as the bytes and the largest batch that would fit.
    pub message: String,
}

impl TrialFailure {
    /// A failure with its message.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        TrialFailure { kind, message: message.into() }
    }
}

/// What sort of failure it is; it decides what becomes of the trial and of the study.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// NaN or infinite loss: the trial fails, always in the same epoch.
    Diverged,
    /// More memory than the study allows: never proposed, and if enqueued, the trial fails.
    DoesNotFit,
    /// No valid model or training: never proposed, and if enqueued, the trial fails.
    InvalidConfiguration,
    /// A reason outside the study, such as a crash or a device error: retried once from the last
    /// checkpoint, and recorded as an outside event if that fails too.
    Fault,
    /// Training cannot go on here for any trial, such as a full disk: the study stops, resumable.
    Halt,
    /// The device takes no more work from this process: the study stops, and goes on in another process.
    DeviceLost,
    /// The epoch was abandoned since the [`StopFlag`] was raised.
    Interrupted,
}

impl FailureKind {
    /// The reason under which a trial that failed in this way is recorded. `None`: it is not recorded.
    pub fn reason(self) -> Option<EndReason> {
        match self {
            FailureKind::Diverged => Some(EndReason::Diverged),
            FailureKind::DoesNotFit => Some(EndReason::DoesNotFit),
            FailureKind::InvalidConfiguration => Some(EndReason::InvalidConfiguration),
            FailureKind::Fault => Some(EndReason::Fault),
            FailureKind::Halt | FailureKind::DeviceLost | FailureKind::Interrupted => None,
        }
    }

    /// Whether the trial's parameters alone are at fault, so that it fails before it starts, always and everywhere.
    pub fn is_of_the_configuration(self) -> bool {
        match self {
            FailureKind::DoesNotFit | FailureKind::InvalidConfiguration => true,
            FailureKind::Diverged
            | FailureKind::Fault
            | FailureKind::Halt
            | FailureKind::DeviceLost
            | FailureKind::Interrupted => false,
        }
    }

    /// The kind that leads to this recorded reason.
    pub(crate) fn of_reason(reason: EndReason) -> Option<Self> {
        [FailureKind::Diverged, FailureKind::DoesNotFit, FailureKind::InvalidConfiguration, FailureKind::Fault]
            .into_iter()
            .find(|kind| kind.reason() == Some(reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_raised_for_all_who_share_it() {
        let shared = Arc::new(AtomicBool::new(false));
        let flag = StopFlag::from(Arc::clone(&shared));
        let clone = flag.clone();
        assert!(!flag.is_raised() && !clone.is_raised());
        clone.raise();
        assert!(flag.is_raised() && clone.is_raised() && shared.load(Ordering::Relaxed));
    }

    #[test]
    fn progress_is_seen_by_all_who_share_it() {
        let progress = TrialProgress::default();
        let seen = progress.clone();
        assert_eq!((seen.epochs(), seen.is_training()), (0.0, false));
        progress.set_training(true);
        progress.set_epochs(4.5);
        assert_eq!((seen.epochs(), seen.is_training()), (4.5, true));
        progress.set_epochs(7.0);
        assert_eq!(seen.epochs(), 7.0, "a whole number stays one");
    }

    #[test]
    fn a_recorded_reason_leads_to_the_failure_that_it_came_from() {
        use FailureKind::{DeviceLost, Diverged, DoesNotFit, Fault, Halt, Interrupted, InvalidConfiguration};
        for (kind, is_of_the_configuration) in
            [(Diverged, false), (DoesNotFit, true), (InvalidConfiguration, true), (Fault, false)]
        {
            assert_eq!(kind.reason().and_then(FailureKind::of_reason), Some(kind));
            assert_eq!(kind.is_of_the_configuration(), is_of_the_configuration, "{kind:?}");
        }
        for kind in [Halt, DeviceLost, Interrupted] {
            assert_eq!((kind.reason(), kind.is_of_the_configuration()), (None, false), "{kind:?}");
        }
        for reason in [EndReason::Finished, EndReason::Stopped, EndReason::Told] {
            assert_eq!(FailureKind::of_reason(reason), None, "{reason:?}");
        }
    }
}
