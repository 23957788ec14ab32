//! What a study found, as tables: `trials.csv` for programs and `report.md` for people.
//!
//! The functions here take a [`Summary`], plain values that any study can be brought to, and return
//! text. They read no database and write no file.
//!
//! ```
//! use tunefork_report::{Row, Summary, markdown, trials_csv};
//! use tunefork_trial::{Direction, TrialState};
//!
//! let row = Row {
//!     value: Some(0.875),
//!     epochs: 3,
//!     ..Row::new(0, TrialState::Complete, [("dropout", 0.25)].into_iter().collect())
//! };
//! let summary = Summary::new("demo", "accuracy", Direction::Maximize, vec![row]);
//! assert!(trials_csv(&summary).contains("0,complete,0.875,3,0.25"));
//! assert!(markdown(&summary).contains("The best of them is **trial 0**: accuracy **0.8750**."));
//! ```
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod csv;
mod experiments;
mod figures;
mod markdown;
mod summary;

pub use csv::{csv_line, trials_csv};
pub use experiments::ExperimentSummary;
pub use figures::{figure, shortened, with_deviation};
pub use markdown::markdown;
pub use summary::{Row, Summary};
pub use tunefork_names::{bytes, counted, thousands, times};
