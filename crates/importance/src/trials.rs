//! The trials that are compared.

use tunefork_trial::{History, TrialState};

/// The numbers of the completed trials that have a value.
pub(crate) fn known(history: &History) -> Vec<usize> {
    let is_known =
        |number: &usize| history.states()[*number] == TrialState::Complete && history.values()[*number].is_finite();
    (0..history.len()).filter(is_known).collect()
}
