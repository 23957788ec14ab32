//! What a history refuses.

use tunefork_space::SpaceError;

use crate::{TrialNumber, TrialState};

/// Why a change to a history was refused; the history is as it was before.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// Trials must be added in the order of their numbers.
    #[error("trial {trial} cannot be added: the next number is {next}")]
    NotNext {
        /// The number given.
        trial: TrialNumber,
        /// The number expected.
        next: TrialNumber,
    },
    /// There is no such trial.
    #[error("there is no trial {trial}: the history holds {trials} trials")]
    Unknown {
        /// The number given.
        trial: TrialNumber,
        /// Number of trials.
        trials: usize,
    },
    /// The trial is in a state in which this cannot happen.
    #[error("trial {trial} is {state} and cannot {action}")]
    WrongState {
        /// The trial.
        trial: TrialNumber,
        /// Its state.
        state: TrialState,
        /// What was tried.
        action: &'static str,
    },
    /// A point with a wrong number of values.
    #[error("trial {trial} was given {given} values, but the space has {parameters} parameters")]
    PointLength {
        /// The trial.
        trial: TrialNumber,
        /// Number of values given.
        given: usize,
        /// Number of parameters in the space.
        parameters: usize,
    },
    /// A parameter index beyond the space.
    #[error("there is no parameter {index}: the space has {parameters}")]
    UnknownParameter {
        /// The index given.
        index: usize,
        /// Number of parameters in the space.
        parameters: usize,
    },
    /// Reports must come in the order of their steps.
    #[error("trial {trial} reported step {step} after step {last}; steps must grow")]
    StepOrder {
        /// The trial.
        trial: TrialNumber,
        /// The step given.
        step: u32,
        /// The last step reported.
        last: u32,
    },
    /// A trial ends complete, pruned or failed.
    #[error("trial {trial} cannot end as {state}; use complete, pruned or failed")]
    NotAnEnd {
        /// The trial.
        trial: TrialNumber,
        /// The state given.
        state: TrialState,
    },
    /// A complete trial needs a value that is not NaN.
    #[error("trial {trial} has no value; a complete trial needs a number, end it as failed instead")]
    NoValue {
        /// The trial.
        trial: TrialNumber,
    },
    /// The space refused a new parameter.
    #[error(transparent)]
    Space(#[from] SpaceError),
}
