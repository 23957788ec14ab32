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
        /// The number that was to be added.
        trial: TrialNumber,
        /// The number that a new trial gets.
        next: TrialNumber,
    },
    /// There is no such trial.
    #[error("there is no trial {trial}: the history holds {trials} trials")]
    Unknown {
        /// The number that was asked for.
        trial: TrialNumber,
        /// How many trials there are; their numbers are below this.
        trials: usize,
    },
    /// The trial is in a state in which this cannot happen.
    #[error("trial {trial} is {state} and cannot {action}")]
    WrongState {
        /// The trial that was to change.
        trial: TrialNumber,
        /// The state that it is in.
        state: TrialState,
        /// What it cannot do: `report`, `pause`, `go on` ...
        action: &'static str,
    },
    /// A point with a wrong number of values.
    #[error("trial {trial} was given {given} values, but the space has {parameters} parameters")]
    PointLength {
        /// The trial that the point is for.
        trial: TrialNumber,
        /// Number of values given.
        given: usize,
        /// Number of parameters in the space.
        parameters: usize,
    },
    /// A parameter index beyond the space.
    #[error("there is no parameter {index}: the space has {parameters}")]
    UnknownParameter {
        /// The index, counted from 0.
        index: usize,
        /// Number of parameters in the space.
        parameters: usize,
    },
    /// Reports must come in the order of their steps.
    #[error("trial {trial} reported step {step} after step {last}; steps must grow")]
    StepOrder {
        /// The trial that reported.
        trial: TrialNumber,
        /// The step that it reported now.
        step: u32,
        /// The last step reported.
        last: u32,
    },
    /// A trial ends complete, pruned or failed.
    #[error("trial {trial} cannot end as {state}; use complete, pruned or failed")]
    NotAnEnd {
        /// The trial that was to end.
        trial: TrialNumber,
        /// The state that is no end.
        state: TrialState,
    },
    /// A complete trial needs a value that is not NaN.
    #[error("trial {trial} has no value; a complete trial needs a number, end it as failed instead")]
    NoValue {
        /// The trial that was to be complete.
        trial: TrialNumber,
    },
    /// The space refused a new parameter.
    #[error(transparent)]
    Space(#[from] SpaceError),
}
