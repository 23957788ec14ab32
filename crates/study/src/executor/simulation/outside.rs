//! What the virtual clock cannot know: faults that came back, trials that another program has put here.

use super::Simulation;
use crate::{Change, OutsideEvent, StudyError, Workload};

impl<W: Workload> Simulation<'_, W> {
    /// Commits an outside event together with what it changes.
    pub(super) fn commit_outside(&mut self, change: Change, event: OutsideEvent) -> Result<(), StudyError> {
        self.commit(&[change, Change::Outside(event.clone())])?;
        self.known.outside_events.push(event);
        Ok(())
    }
}
