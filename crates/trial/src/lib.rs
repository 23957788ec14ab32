//! What a trial is, and the [`History`] of a study: the view that samplers and schedulers are given.
//!
//! A history is kept in columns, one per parameter, because that is how it is read: a sampler looks
//! at all learning rates at once, never at all values of one trial. It does no I/O; whoever runs the
//! study tells it what happened.
//!
//! ```
//! use tunefork_space::{Domain, Parameter, Point, Space};
//! use tunefork_trial::{Direction, History, Report, TrialNumber, TrialState};
//!
//! let space = Space::new(vec![Parameter::new("x", Domain::uniform(-5.0, 5.0)?)])?;
//! let mut history = History::new(space, Direction::Minimize);
//!
//! let trial = TrialNumber(0);
//! history.start(trial, Point::from(vec![1.5]))?;
//! history.report(trial, Report { step: 1, value: 2.5 })?;
//! history.finish(trial, TrialState::Complete, Some(2.25))?;
//!
//! assert_eq!(history.best(), Some(trial));
//! assert_eq!(history.column(0), [1.5]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod error;
mod history;
mod trial;

pub use error::HistoryError;
pub use history::History;
pub use trial::{Direction, Report, TrialNumber, TrialState};

/// A digest of this crate's sources, which belongs to the fingerprint of a study.
#[doc(hidden)]
pub const SOURCE_DIGEST: &str = tunefork_source_digest::source_digest!("src");

/// Compiles and runs the example in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
