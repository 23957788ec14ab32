//! Asks: what a new trial is, what it costs, and where it stands in time.

use super::stored::{stored_failure, stored_results};
use super::{Running, Simulation, halted};
use crate::executor::board::{EpochResult, Lane};
use crate::executor::workers::same;
use crate::{
    Change, Event, Moment, OutsideEvent, OutsideKind, Schedule, StopFlag, StoredParameter, StudyError, TrialContext,
    TrialFailure, TrialRecord, Workload, enqueued,
};
use std::sync::Arc;
use tunefork_rng::Key;
use tunefork_sampler::{Ask, Proposal, Region};
use tunefork_space::{Params, Point};
use tunefork_trial::{TrialNumber, TrialState};

impl<W: Workload> Simulation<'_, W> {
    pub(super) fn ask(&mut self, moment: Moment) -> Result<(), StudyError> {
        let number = TrialNumber(moment.trial);
        let Some(point) = self.propose(number)? else {
            self.exhausted = true;
            return Ok(());
        };
        let params = Arc::new(self.history.space().params(&point));
        let fixed = self.fixed(number).cloned();
        let stored = self.known.trials.get(number.index()).cloned();
        let waited = stored.as_ref().is_some_and(|stored| stored.state == TrialState::Waiting);
        let known = stored.filter(|_| !waited);
        let schedule = self.schedule(&params, known.as_ref(), moment)?;
        self.history.start(number, point.clone()).expect("numbers are given in order and points are of the space");
        if known.is_none() {
            let mut changes = vec![Change::Start {
                number,
                params: StoredParameter::of(self.history.space(), &point),
                fixed: fixed.clone().filter(|_| !waited),
                schedule: schedule.as_ref().ok().cloned(),
            }];
            let attributes = self.definition.attributes.get(number.index()).into_iter().flatten().cloned();
            changes.extend(attributes.map(|(key, value)| Change::Attribute { number, key, value }));
            if waited {
                let message = "enqueued by another program".to_owned();
                let event = OutsideEvent { moment, kind: OutsideKind::Enqueued, message };
                changes.push(Change::Outside(event.clone()));
                self.known.outside_events.push(event);
            }
            self.commit(&changes)?;
        }
        self.observer.event(&Event::TrialStarted {
            number,
            params: &params,
            blueprint: schedule.as_ref().ok().map(|schedule| &schedule.blueprint),
            enqueued: fixed.is_some(),
            known: known.is_some(),
        });
        match schedule {
            Ok(schedule) => self.start(number, params, schedule, known.as_ref()),
            Err(failure) => return self.fail(moment, failure),
        }
        Ok(())
    }

    /// The values asked for: those of the definition, or of a trial that another program put after these.
    fn fixed(&self, number: TrialNumber) -> Option<&Params> {
        let stored = || self.known.trials.get(number.index())?.fixed.as_ref();
        self.definition.enqueued.get(number.index()).or_else(stored)
    }

    /// The point of a new trial, or `None` if the sampler has no more. What is stored must agree.
    fn propose(&mut self, number: TrialNumber) -> Result<Option<Point>, StudyError> {
        let known = self.known.trials.get(number.index()).filter(|known| known.state != TrialState::Waiting);
        let stored = known.map(|known| self.stored_point(known)).transpose()?;
        // What was tried was admitted, and need not be planned again.
        let is_stored = |point: &Point| stored.as_ref().is_some_and(|stored| are_same(point, stored));
        let admits = |point: &Point| is_stored(point) || self.blueprints.admits(&self.history.space().params(point));
        let ask = Ask {
            history: &self.history,
            number,
            key: Key::study(self.definition.header.seed),
            proposed: self.proposed,
            region: Region::of(&admits),
        };
        let fixed = self.fixed(number).cloned();
        let sampler = &mut *self.definition.sampler;
        let point = match fixed {
            Some(fixed) => enqueued::complete(&fixed, &ask, sampler)
                .map_err(|error| StudyError::Enqueued { index: number.index(), detail: error.to_string() })?,
            None => {
                self.proposed += 1;
                match sampler.propose(&ask) {
                    Proposal::Point(point) => point,
                    Proposal::Exhausted => return Ok(None),
                }
            }
        };
        let (Some(known), Some(stored)) = (known, stored) else {
            return Ok(Some(point));
        };
        if are_same(&point, &stored) || self.tolerant {
            return Ok(Some(stored));
        }
        let detail = format!(
            "its parameters were [{}], and proposing again gives [{}]",
            known.params(),
            self.history.space().params(&point)
        );
        Err(self.not_reproducible(number, detail))
    }

    /// The point of a stored trial.
    fn stored_point(&self, known: &TrialRecord) -> Result<Point, StudyError> {
        let space = self.history.space();
        let mut point = Point::absent(space.len());
        for parameter in &known.params {
            let Some(index) = space.index_of(&parameter.name) else {
                let detail = format!("parameter `{}` is not one of the study's space", parameter.name);
                return Err(self.not_reproducible(known.number, detail));
            };
            point.set(index, parameter.internal);
        }
        Ok(point)
    }

    /// Cost and virtual start of a new trial, or the failure with which it ends at once.
    fn schedule(
        &self,
        params: &Params,
        known: Option<&TrialRecord>,
        moment: Moment,
    ) -> Result<Result<Schedule, TrialFailure>, StudyError> {
        if let Some(ended) = known.filter(|known| known.state.is_finished()) {
            if let Some(schedule) = &ended.schedule {
                return Ok(Ok(schedule.clone()));
            }
            if let Some(failure) = stored_failure(ended) {
                return Ok(Err(failure));
            }
        }
        let number = TrialNumber(moment.trial);
        let blueprint = match self.blueprints.of(params) {
            Ok(blueprint) => blueprint,
            Err(failure) if failure.kind.reason().is_some() => return Ok(Err(failure)),
            Err(failure) => return Err(halted(number, failure)),
        };
        let schedule = Schedule {
            epoch_ticks: self.definition.header.cost_model.ticks(&blueprint.epoch_cost),
            blueprint,
            start: moment.time,
        };
        match known.and_then(|known| known.schedule.as_ref()) {
            Some(stored) if *stored != schedule && !self.tolerant => {
                let detail = format!("its plan was {stored:?} and is now {schedule:?}");
                Err(self.not_reproducible(number, detail))
            }
            Some(stored) => Ok(Ok(stored.clone())),
            None => Ok(Ok(schedule)),
        }
    }

    fn start(&mut self, number: TrialNumber, params: Arc<Params>, schedule: Schedule, known: Option<&TrialRecord>) {
        let epochs = schedule.blueprint.epochs;
        let context = TrialContext {
            number,
            key: Key::study(self.definition.header.seed).trial(number.0),
            params,
            blueprint: Arc::new(schedule.blueprint.clone()),
            threads: self.options.threads,
            stop: StopFlag::default(),
        };
        let results: Vec<EpochResult> = known.map(stored_results).unwrap_or_default();
        let ended = known.is_some_and(|known| known.state.is_finished());
        let values: Vec<f64> = results.iter().flatten().map(|report| report.value).collect();
        let limit = match ended {
            true => results.len() as u32,
            false => self.workers.limit(&context.params, &values, epochs),
        };
        self.board.add(Lane {
            context: context.clone(),
            start: schedule.start,
            epoch_ticks: schedule.epoch_ticks,
            limit,
            rungs: self.definition.scheduler.rungs(epochs),
            results,
            decided: 0,
            run: None,
            busy: false,
            faults: 0,
            saved: None,
        });
        self.push_report(number.0, 1, &schedule);
        self.running.insert(number.0, Running { context, schedule });
    }
}

/// Whether two points are the same to the bit.
fn are_same(point: &Point, other: &Point) -> bool {
    point.len() == other.len() && point.values().iter().zip(other.values()).all(|(a, b)| same(*a, *b))
}
