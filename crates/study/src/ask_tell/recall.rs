//! Opening a stored study: its trials become the history again.

use super::study::Shared;
use crate::{StoredParameter, StudyError, TrialRecord};
use tunefork_space::{Parameter, Point};
use tunefork_trial::{HistoryError, Report, TrialNumber, TrialState};

impl Shared {
    /// Brings a stored trial into the history.
    pub(super) fn recall(&mut self, trial: &TrialRecord) -> Result<(), StudyError> {
        let number = trial.number;
        let point = self.recall_parameters(trial)?;
        let history = &mut self.history;
        if trial.state == TrialState::Waiting {
            let fixed = trial.fixed.clone().unwrap_or_default();
            self.waiting.push_back((number, fixed));
            return history.enqueue(number, point).map_err(|error| misuse(number, error));
        }
        self.proposed += u32::from(trial.fixed.is_none());
        let replay = || {
            history.start(number, point)?;
            for epoch in &trial.epochs {
                let (step, value) = (epoch.step, epoch.report.value);
                history.report(number, Report { step, value })?;
            }
            match trial.state {
                TrialState::Paused => history.pause(number),
                TrialState::Failed if trial.has_diverged() => history.diverge(number),
                state @ (TrialState::Complete | TrialState::Pruned | TrialState::Failed) => {
                    history.finish(number, state, trial.value)
                }
                TrialState::Running | TrialState::Waiting => Ok(()),
            }
        };
        replay().map_err(|error: HistoryError| misuse(number, error))
    }

    fn recall_parameters(&mut self, trial: &TrialRecord) -> Result<Point, StudyError> {
        let mut point = Point::absent(self.history.space().len());
        for StoredParameter { name, domain, internal } in &trial.params {
            let index = match self.history.space().index_of(name) {
                Some(index) => index,
                None if self.declared => {
                    let detail = format!("its parameter `{name}` is not in the space");
                    return Err(misuse(trial.number, detail));
                }
                None => self
                    .history
                    .add_parameter(Parameter::new(name.clone(), domain.clone()))
                    .map_err(|error| misuse(trial.number, error))?,
            };
            point.set(index, *internal);
        }
        Ok(point)
    }
}

fn misuse(trial: TrialNumber, detail: impl ToString) -> StudyError {
    StudyError::Misuse { trial, detail: detail.to_string() }
}
