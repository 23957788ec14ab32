//! The small types that describe a trial.

use std::fmt;

use serde::{Deserialize, Serialize};
use tunefork_names::named_enum;

/// The number of a trial in its study, counted from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrialNumber(pub u32);

impl TrialNumber {
    /// The number as an index into columns.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for TrialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

named_enum! {
    /// Where a trial stands in its life.
    pub enum TrialState: "state" {
        /// Enqueued: its values may be fixed already, but it has not started.
        Waiting = "waiting",
        /// Started: it is trained, and may report.
        Running = "running",
        /// Set aside; it may go on later.
        Paused = "paused",
        /// Ran to its end and has a value.
        Complete = "complete",
        /// Stopped by the scheduler.
        Pruned = "pruned",
        /// Ended without a usable value.
        Failed = "failed",
    }
}

impl TrialState {
    /// Optuna's word for it, in databases and tables. It has no paused trials.
    pub fn optuna_word(self) -> &'static str {
        match self {
            Self::Waiting => "WAITING",
            Self::Running | Self::Paused => "RUNNING",
            Self::Complete => "COMPLETE",
            Self::Pruned => "PRUNED",
            Self::Failed => "FAIL",
        }
    }

    /// Whether the trial has ended; an ended trial never changes again.
    pub fn is_finished(self) -> bool {
        matches!(self, Self::Complete | Self::Pruned | Self::Failed)
    }
}

named_enum! {
    /// Which values are better.
    pub enum Direction: "direction" {
        /// Smaller values are better, as of a loss.
        Minimize = "minimize",
        /// Larger values are better, as of an accuracy.
        Maximize = "maximize",
    }
}

impl Direction {
    /// Whether `a` is strictly better than `b`. NaN is never better, and any number is better than
    /// NaN.
    pub fn better(self, a: f64, b: f64) -> bool {
        match self {
            _ if a.is_nan() => false,
            _ if b.is_nan() => true,
            Self::Minimize => a < b,
            Self::Maximize => a > b,
        }
    }

    /// What no number is worse than: an infinity.
    pub fn worst(self) -> f64 {
        self.loss(f64::INFINITY)
    }

    /// The value as a loss: smaller is better in both directions.
    pub fn loss(self, value: f64) -> f64 {
        match self {
            Self::Minimize => value,
            Self::Maximize => -value,
        }
    }
}

/// The value of a trial after a step.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// How much was done: epochs, counted from 1.
    pub step: u32,
    /// The objective at this step; NaN is allowed and stands for "no usable value".
    pub value: f64,
}
