//! What a trial counts as for those who learn from it.

use tunefork_trial::{History, TrialNumber, TrialState};

/// How much a trial tells of its parameters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    /// It has a final value.
    Complete,
    /// It was stopped, or is paused and may never go on: its last report is what there is.
    Partial,
    /// Its parameters have made it fail: they are worse than all others.
    Diverged,
    /// It runs, and its reports are not looked at.
    Running,
    /// It failed for a reason that is not its parameters', as far as is known.
    Failed,
    /// It has not begun.
    Waiting,
}

impl Standing {
    pub(crate) fn of(history: &History, trial: TrialNumber) -> Self {
        match history.state(trial) {
            TrialState::Complete => Self::Complete,
            TrialState::Pruned | TrialState::Paused => Self::Partial,
            TrialState::Failed if history.has_diverged(trial) => Self::Diverged,
            TrialState::Running => Self::Running,
            TrialState::Failed => Self::Failed,
            TrialState::Waiting => Self::Waiting,
        }
    }

    /// Whether it is known how good the parameters are.
    pub(crate) fn is_known(self) -> bool {
        match self {
            Self::Complete | Self::Partial | Self::Diverged => true,
            Self::Running | Self::Failed | Self::Waiting => false,
        }
    }
}
