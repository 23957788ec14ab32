//! What a study found: a page for people, and tables for programs.
//!
//! A [`Report`] is made of a study as it is stored, whoever wrote it. It reads no database and writes no file:
//! it gives text.
//!
//! ```
//! use tunefork_report::{Report, trials_csv};
//! use tunefork_study::{StudyHeader, StudyRecord, TrialRecord};
//! use tunefork_trial::{Direction, TrialNumber, TrialState};
//!
//! let mut study = StudyRecord::new(StudyHeader::new("demo", Direction::Maximize, 0));
//! study.trials.push(TrialRecord { value: Some(0.875), ..TrialRecord::new(TrialNumber(0), TrialState::Complete) });
//! assert!(trials_csv(&study).contains("0,0.875,"));
//! assert!(Report::new(&study).markdown().contains("- best value: **0.8750** (trial 0)"));
//! ```
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod csv;
mod document;
mod domains;
mod experiments;
mod figures;
mod html;
mod hypotheses;
mod importances;
mod journal;
mod markdown;
mod numbers;
mod ray;
mod report;
mod sections;
mod statistics;
mod summary;

pub use csv::{csv_line, trials_csv};
pub use experiments::experiments_of;
pub use hypotheses::{Claim, ClaimError, HYPOTHESES, Hypothesis, Values, is_named};
pub use numbers::{duration, figure, shortened, value_text, with_deviation};
pub use ray::ray_experiment;
pub use report::{BASELINE, Mistake, NOTES, PARAMETERS, Report, Test};
pub use sections::settings_of;
#[cfg(feature = "png")]
pub use tunefork_charts::{PngError, png};
pub use tunefork_names::{bytes, counted, thousands, times};

/// Compiles and runs the example in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
