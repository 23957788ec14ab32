//! What is written: a study grows by changes, and a commit is a list of them.

use crate::{End, EpochRecord, Facts, Moment, OutsideEvent, Schedule, StoredParameter};
use std::time::Duration;
use tunefork_space::Params;
use tunefork_trial::{TrialNumber, TrialState};

/// One change of a study.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A new trial waits with fixed values.
    Enqueue {
        /// The next free number.
        number: TrialNumber,
        /// The values asked for.
        fixed: Params,
    },
    /// A new trial, or one that waited, runs.
    Start {
        /// The next free number, or that of a waiting trial.
        number: TrialNumber,
        /// Parameters known at the start.
        params: Vec<StoredParameter>,
        /// The values asked for, if it was enqueued without waiting; `None` leaves those of a
        /// trial that waited.
        fixed: Option<Params>,
        /// Cost and virtual start, if the executor runs it.
        schedule: Option<Schedule>,
    },
    /// A running trial gets one more parameter (define-by-run).
    Parameter {
        /// A running trial.
        number: TrialNumber,
        /// The parameter; its name must be new for the trial.
        parameter: StoredParameter,
    },
    /// A running trial reports; steps grow.
    Report {
        /// A running trial.
        number: TrialNumber,
        /// Its step is larger than that of the trial's last report.
        epoch: EpochRecord,
    },
    /// A running trial pauses, or a paused one runs again.
    State {
        /// A running trial to pause, or a paused one that goes on.
        number: TrialNumber,
        /// `Running` or `Paused`.
        state: TrialState,
    },
    /// A trial ends; nothing changes it afterwards.
    Finish {
        /// A trial that has not ended.
        number: TrialNumber,
        /// `Complete`, `Pruned` or `Failed`.
        state: TrialState,
        /// The value: required for `Complete`, optional for `Pruned`, none for `Failed`; never NaN.
        value: Option<f64>,
        /// Why, and when in virtual time.
        end: End,
    },
    /// A trial that another program has run to its end counts from an ask on.
    TakeIn {
        /// A trial that has ended.
        number: TrialNumber,
        /// The ask.
        at: Moment,
    },
    /// A user's attribute of an unfinished trial is set.
    Attribute {
        /// A trial in any state: what is told of it for people is no part of its result.
        number: TrialNumber,
        /// Its name; at most 512 characters.
        key: String,
        /// Any JSON; it replaces what the name had before.
        value: serde_json::Value,
    },
    /// Training of an unfinished trial was started once more.
    Restarted {
        /// A running or paused trial: a worker may compute ahead of what is decided.
        number: TrialNumber,
    },
    /// Something that the virtual clock could not know.
    Outside(OutsideEvent),
    /// The budgets, see [`StudyHeader::stages`](crate::StudyHeader::stages).
    Stages(Vec<u32>),
    /// The wall time that all runs of the study have taken so far.
    Elapsed(Duration),
    /// What is told of the study for people is set, see [`StudyHeader::attributes`](crate::StudyHeader::attributes).
    StudyAttribute {
        /// Its name; at most 512 characters.
        key: String,
        /// Any JSON; it replaces what the name had before.
        value: serde_json::Value,
    },
    /// The fingerprint under which the study goes on.
    Fingerprint(Facts),
}
