//! Ask and tell, the life of a trial, the storage contract and the executor with its virtual clock.
//!
//! Two ways to use a study:
//!
//! * You own the loop: [`Study`] with [`ask`](Study::ask), [`Trial::suggest_float`], [`Trial::report`]
//!   and [`tell`](Study::tell).
//! * The study owns the loop: give [`run`] a [`Definition`] and a [`Workload`], and it runs trials side
//!   by side, stops what is not promising, and can be killed and resumed at any moment with the same
//!   results.
//!
//! What happens is kept in a [`Storage`]: [`MemoryStorage`] here, SQLite in `tunefork-storage`.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod ask_tell;
mod change;
mod clock;
pub mod conformance;
mod enqueued;
mod error;
mod executor;
mod facts;
mod goals;
mod ledger;
mod members;
mod memory;
mod observer;
mod patience;
mod record;
mod report;
pub mod simulator;
mod statistics;
mod storage;
mod workload;

pub use ask_tell::{Study, Told, Trial};
pub use change::Change;
pub use clock::{Clock, Cost, CostModel, Moment};
pub use error::StudyError;
pub use executor::{Definition, Ended, ExecutorOptions, Outcome, UnderWay, run};
pub use facts::{Difference, Facts};
pub use goals::{Goals, Reached};
pub use ledger::{Admission, Ledger};
pub use members::Members;
pub use memory::MemoryStorage;
pub use observer::{Event, Observer};
pub use patience::patiently;
pub use record::{
    End, EndReason, EpochRecord, OutsideEvent, OutsideKind, Schedule, StoredParameter, StudyHeader, StudyRecord,
    TrialObserved, TrialRecord, ValueAt,
};
pub use report::{EpochReport, Member, MemberReport, Metrics, Timing};
pub use statistics::{deviation, deviation_of, mean};
pub use storage::{Storage, StorageError};
pub use workload::{Blueprint, FailureKind, Run, StopFlag, TrialContext, TrialFailure, TrialProgress, Workload};

/// A digest of this crate's sources, which belongs to the fingerprint of a study.
#[doc(hidden)]
pub const SOURCE_DIGEST: &str = tunefork_source_digest::source_digest!("src");
