//! What the virtual clock cannot know: faults that came back, and the wall-time limit.

use super::Simulation;
use crate::{Change, EndReason, Moment, OutsideEvent, OutsideKind, StudyError, Workload};
use std::time::Instant;
use tunefork_trial::{TrialNumber, TrialState};

impl<W: Workload> Simulation<'_, W> {
    /// Commits an outside event together with what it changes.
    pub(super) fn commit_outside(&mut self, change: Change, event: OutsideEvent) -> Result<(), StudyError> {
        self.commit(&[change, Change::Outside(event.clone())])?;
        self.known.outside_events.push(event);
        Ok(())
    }

    pub(super) fn limit_stored_at(&self, moment: Moment) -> bool {
        let mut events = self.known.outside_events.iter();
        events.any(|event| event.kind == OutsideKind::TimeLimit && event.moment == moment)
    }

    /// Whether the wall-time limit has passed, for an ask that is not stored yet.
    pub(super) fn limit_due(&self, moment: Moment) -> bool {
        moment.trial as usize >= self.known.trials.len()
            && self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Running trials end with what they have, and the stage asks for no more.
    pub(super) fn pass_limit(&mut self, moment: Moment) -> Result<(), StudyError> {
        if !self.limit_stored_at(moment) {
            self.stages[self.stage] = self.history.len() as u32;
            let event = OutsideEvent {
                moment,
                kind: OutsideKind::TimeLimit,
                message: "the wall-time limit of the study passed".to_owned(),
            };
            self.commit_outside(Change::Stages(self.stages.clone()), event)?;
        }
        for trial in self.running.keys().copied().collect::<Vec<_>>() {
            let last = self.history.last_report(TrialNumber(trial));
            let at = Moment { trial, ..moment };
            let message = String::new();
            match last {
                Some(last) => self.finish(at, TrialState::Pruned, Some(last.value), EndReason::TimeLimit, message)?,
                None => self.finish(at, TrialState::Failed, None, EndReason::TimeLimit, message)?,
            }
        }
        self.order.clear();
        self.limit_passed = true;
        Ok(())
    }
}
