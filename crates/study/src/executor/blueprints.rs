//! What trials amount to before they run, and which cannot be run at all.

use std::cell::RefCell;

use tunefork_space::Params;

use super::workers::guarded;
use crate::{Blueprint, FailureKind, TrialFailure, Workload};

/// The workload's answers.
pub(super) struct Blueprints<'a, W> {
    workload: &'a W,
    /// The last good answer: a point is asked about when it is proposed, and again when its trial is planned.
    last: RefCell<Option<(Params, Blueprint)>>,
}

impl<'a, W: Workload> Blueprints<'a, W> {
    pub(super) fn new(workload: &'a W) -> Self {
        Self { workload, last: RefCell::new(None) }
    }

    /// The blueprint of a trial with these parameters, asked for twice if the machine is to blame for a failure.
    pub(super) fn of(&self, params: &Params) -> Result<Blueprint, TrialFailure> {
        if let Some((_, blueprint)) = self.last.borrow().as_ref().filter(|(last, _)| last == params) {
            return Ok(blueprint.clone());
        }
        let ask = || guarded(|| self.workload.blueprint(params));
        let blueprint = match ask() {
            Err(failure) if failure.kind == FailureKind::Fault => ask(),
            answer => answer,
        }?;
        if blueprint.epochs == 0 {
            return Err(TrialFailure::new(
                FailureKind::InvalidConfiguration,
                "a trial must have at least 1 epoch, not 0",
            ));
        }
        self.last.replace(Some((params.clone(), blueprint.clone())));
        Ok(blueprint)
    }

    /// What is told of a trial with these parameters.
    pub(super) fn attributes(&self, params: &Params) -> Vec<(String, serde_json::Value)> {
        self.workload.attributes(params)
    }

    /// Whether a sampler may propose these parameters: not if they can never be trained. What the machine fails at now is another matter.
    pub(super) fn admits(&self, params: &Params) -> bool {
        !self.of(params).is_err_and(|failure| failure.kind.is_of_the_configuration())
    }
}
