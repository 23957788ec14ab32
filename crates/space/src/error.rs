//! What can be wrong with a domain, a space or a value.

use crate::Value;

/// Why a domain was refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DomainError {
    /// The bounds stand the wrong way round.
    #[error("low is {low}, above high, which is {high}; swap them")]
    Reversed {
        /// The lower bound given.
        low: Value,
        /// The upper bound given.
        high: Value,
    },
    /// A bound is NaN or infinite, or the distance of the bounds overflows.
    #[error("{bound} is {value}; the bounds and their distance must be finite numbers")]
    NotFinite {
        /// Which bound: `low`, `high` or `high - low`.
        bound: &'static str,
        /// What it is: NaN, or plus or minus infinity.
        value: f64,
    },
    /// A logarithmic range touches zero.
    #[error("low is {low}; a log range must stay above zero (integers: 1 or more)")]
    LogNotPositive {
        /// The lower bound given.
        low: Value,
    },
    /// A log domain was given a step.
    #[error("step is {step} on a log range; use one or the other")]
    LogWithStep {
        /// The step given to the log range.
        step: Value,
    },
    /// The step is zero, negative, not finite, or not whole on integers.
    #[error("step is {step}; it must be positive and finite (integers: whole)")]
    BadStep {
        /// The step that was refused.
        step: Value,
    },
    /// The grid is too fine to be held in numbers.
    #[error("step is {step:?}, too fine for the range from {low:?} to {high:?}; use a larger step or none")]
    TooManySteps {
        /// The lower bound given.
        low: f64,
        /// The upper bound given.
        high: f64,
        /// The step that is too fine.
        step: f64,
    },
    /// An integer bound that `f64` cannot hold exactly.
    #[error("{bound} is {value}; integers must lie within ±2^52")]
    IntTooLarge {
        /// Which bound: `low` or `high`.
        bound: &'static str,
        /// What it is, beyond ±2⁵².
        value: i64,
    },
    /// A categorical domain without choices.
    #[error("there are no choices; give at least one")]
    NoChoices,
    /// A choice stands twice.
    #[error("the choice {choice} stands twice; remove one")]
    DuplicateChoice {
        /// The value that stands twice.
        choice: Value,
    },
    /// A categorical domain was given a step.
    #[error("choices have no step (step is {step}); remove it")]
    ChoiceWithStep {
        /// The step given to the choices.
        step: Value,
    },
    /// A value outside the domain.
    #[error("{}{value} is not in {domain}", if value.is_deceptive() { "the text " } else { "" })]
    Outside {
        /// The value that was given.
        value: Value,
        /// The domain, in words.
        domain: String,
    },
}

impl DomainError {
    /// Adds the name of the parameter that the domain belongs to.
    pub fn of(self, parameter: impl Into<String>) -> SpaceError {
        SpaceError::Domain { parameter: parameter.into(), reason: self }
    }
}

/// Why a space, or a point in it, was refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SpaceError {
    /// Something is wrong with one parameter's domain or value.
    #[error("parameter `{parameter}`: {reason}")]
    Domain {
        /// Name of the parameter concerned.
        parameter: String,
        /// What is wrong with its domain, or with a value for it.
        reason: DomainError,
    },
    /// Two parameters share a name.
    #[error("parameter `{parameter}` is defined twice; rename or remove one")]
    Duplicate {
        /// The name that stands twice.
        parameter: String,
    },
    /// A condition names a parameter that does not exist.
    #[error("parameter `{parameter}` depends on `{condition}`, which is not a parameter of this space")]
    UnknownCondition {
        /// The parameter with the condition.
        parameter: String,
        /// The name in the condition.
        condition: String,
    },
    /// A condition waits for a value that its parameter never takes.
    #[error("parameter `{parameter}` waits for `{condition}` = {value}, which is not in {domain}")]
    NeverTaken {
        /// The parameter with the condition.
        parameter: String,
        /// The name in the condition.
        condition: String,
        /// The value waited for.
        value: Value,
        /// The domain of the parameter in the condition, in words.
        domain: String,
    },
    /// A condition on a parameter that has infinitely many values.
    #[error(
        "parameter `{parameter}` depends on `{condition}`, which is continuous; give that one choices, integers or a step"
    )]
    ContinuousCondition {
        /// The parameter with the condition.
        parameter: String,
        /// The name in the condition.
        condition: String,
    },
    /// A condition without values can never hold.
    #[error("parameter `{parameter}` depends on `{condition}` but lists no values for it")]
    EmptyCondition {
        /// The parameter with the condition.
        parameter: String,
        /// The name in the condition.
        condition: String,
    },
    /// Conditions depend on each other in a circle.
    #[error("parameters depend on each other in a circle: {}", parameters.join(" -> "))]
    Circle {
        /// The names along the circle, the first one repeated at the end.
        parameters: Vec<String>,
    },
    /// A name that is not a parameter of the space.
    #[error("`{parameter}` is not a parameter of this space")]
    UnknownParameter {
        /// The name that was given.
        parameter: String,
    },
    /// A value for a parameter whose conditions do not hold.
    #[error("`{parameter}` has a value, but it exists only where {conditions}")]
    Inactive {
        /// Name of the parameter that does not exist there.
        parameter: String,
        /// The conditions that do not all hold, in words.
        conditions: String,
    },
    /// No value for a parameter whose conditions hold.
    #[error("`{parameter}` has no value")]
    Missing {
        /// Name of the parameter that needs a value.
        parameter: String,
    },
}
