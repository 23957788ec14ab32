//! What is left behind when a run of a study ends: checkpoints to go on from, and a model.

use super::UnderWay;
use super::lane::Lane;
use super::workers::{Workers, guarded};
use crate::{EpochReport, Event, Observer, Run, ValueAt, Workload};
use std::sync::Arc;
use tunefork_trial::Direction;

impl<W: Workload> Workers<'_, W> {
    /// Writes a checkpoint of every trial in training: the study ended in good order before its end.
    pub(super) fn save_all(&self, lanes: &[Lane<W::Run>], observer: &mut dyn Observer) {
        let Some(folder) = &self.folder else { return };
        for lane in lanes {
            let Some(run) = &lane.run else { continue };
            let reports = lane.reports();
            if run.epochs_done() == 0 || run.epochs_done() as usize != reports.len() {
                continue;
            }
            if let Err(message) = self.save(folder, &lane.context, reports, run) {
                observer.event(&Event::Warning { message: &message });
            }
        }
    }

    /// Lets the workload keep what it wants of the best trial under way. One that was in the middle of an epoch
    /// is as good as its last checkpoint.
    pub(super) fn keep_best(
        &self,
        lanes: Vec<Lane<W::Run>>,
        (value_at, direction): (ValueAt, Direction),
        observer: &mut dyn Observer,
    ) -> Option<UnderWay> {
        let value = |reports: &[Arc<EpochReport>]| {
            value_at.pick(direction, reports, |report| report.value).map(|report| report.value)
        };
        let mut best: Option<(UnderWay, Lane<W::Run>, W::Run)> = None;
        for mut lane in lanes.into_iter().filter(|lane| !lane.has_failed()) {
            let (run, reports) = match lane.run.take() {
                Some(run) => (run, lane.reports()),
                None => match self.restored(&lane.context, &[], lane.context.blueprint.epochs, &mut |_| {}) {
                    Some(restored) => restored,
                    None => continue,
                },
            };
            let Some(value) = value(&reports) else { continue };
            if best.as_ref().is_none_or(|(best, ..)| direction.better(value, best.value)) {
                let under_way = UnderWay { number: lane.context.number, epochs: reports.len() as u32, value };
                best = Some((under_way, lane, run));
            }
        }
        let (under_way, lane, run) = best?;
        match guarded(|| self.workload.keep(&lane.context, &run)) {
            Ok(()) => Some(under_way),
            Err(failure) => {
                let message = format!("the model of trial {} was not kept: {failure}", under_way.number);
                observer.event(&Event::Warning { message: &message });
                None
            }
        }
    }

    /// The study has ended: its checkpoints are of no more use.
    pub(super) fn close(&self, trials: u32) {
        if let Some(folder) = &self.folder {
            folder.close(trials);
        }
    }
}
