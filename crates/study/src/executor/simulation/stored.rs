//! What a stored trial says to a study that is simulated anew.

use super::reports::Verdict;
use crate::executor::board::EpochResult;
use crate::{EndReason, FailureKind, TrialFailure, TrialRecord};
use std::sync::Arc;
use tunefork_trial::TrialState;

/// The results that a stored trial has, its failure included.
pub(super) fn stored_results(trial: &TrialRecord) -> Vec<EpochResult> {
    let reports = trial.epochs.iter().map(|epoch| Ok(Arc::clone(&epoch.report)));
    reports.chain(stored_failure(trial).map(Err)).collect()
}

/// The failure that a stored trial ended with.
pub(super) fn stored_failure(trial: &TrialRecord) -> Option<TrialFailure> {
    let end = trial.end.as_ref()?;
    let kind = FailureKind::of_reason(end.reason)?;
    Some(TrialFailure::new(kind, end.message.clone()))
}

/// How a stored trial counts as ended, also if its state and value were changed to what does not go together.
pub(super) fn stored_end(trial: &TrialRecord) -> (TrialState, Option<f64>) {
    let value = trial.value.filter(|value| !value.is_nan());
    match (trial.state, value) {
        (TrialState::Complete, None) | (TrialState::Failed, Some(_)) => (TrialState::Failed, None),
        (state, value) => (state, value),
    }
}

/// Whether a decision is what a stored trial shows. A pause leaves no trace once it is over: the trial has gone on then, or was stopped
/// with the study's end.
pub(super) fn is_shown_as(computed: Verdict, stored: Verdict) -> bool {
    computed == stored || (computed == Verdict::Pause && matches!(stored, Verdict::Continue | Verdict::Stop))
}

/// What a stored trial shows of the decision after a step.
pub(super) fn stored_verdict(trial: &TrialRecord, step: u32) -> Option<Verdict> {
    if trial.epochs.len() > step as usize {
        return Some(Verdict::Continue);
    }
    if trial.state == TrialState::Paused && trial.epochs.len() == step as usize {
        return Some(Verdict::Pause);
    }
    match trial.end.as_ref()?.reason {
        EndReason::Stopped => Some(Verdict::Stop),
        EndReason::Finished => Some(Verdict::Complete),
        EndReason::Diverged
        | EndReason::DoesNotFit
        | EndReason::InvalidConfiguration
        | EndReason::Fault
        | EndReason::Told => Some(Verdict::Continue),
    }
}
