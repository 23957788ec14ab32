//! Asks: what a new trial is, what it costs, and where it stands in time.

use super::stored::{stored_failure, stored_results};
use super::{Running, Simulation, halted};
use crate::executor::board::EpochResult;
use crate::executor::lane::Lane;
use crate::executor::workers::same;
use crate::{
    Blueprint, Change, Cost, Event, FailureKind, Moment, OutsideEvent, OutsideKind, Schedule, StopFlag, StorageError,
    StoredParameter, StudyError, TrialContext, TrialFailure, TrialProgress, TrialRecord, Workload, enqueued,
};
use std::sync::Arc;
use tunefork_rng::Key;
use tunefork_sampler::{Ask, Proposal, Region};
use tunefork_space::{Params, Point, SpaceError};
use tunefork_trial::{TrialNumber, TrialState};

/// Where the values of a trial come from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// The definition, by the place among its enqueued trials.
    Definition(usize),
    /// Another program, which enqueued it.
    Elsewhere,
    Sampler,
}

impl Source {
    fn given(self) -> Option<usize> {
        match self {
            Source::Definition(given) => Some(given),
            Source::Elsewhere | Source::Sampler => None,
        }
    }
}

enum Proposed {
    Point(Point),
    /// What another program asked for is not in the space.
    Refused(SpaceError),
    /// The sampler has no more.
    Exhausted,
}

impl<W: Workload> Simulation<'_, W> {
    /// Asks for a trial; if another program has given its number away meanwhile, for another one.
    pub(super) fn ask_or_wait(&mut self, moment: Moment, before: u64) -> Result<(), StudyError> {
        let (asked, events) = (self.asked, self.known.outside_events.len());
        match self.ask(moment) {
            Err(StudyError::Storage(StorageError::Overtaken { .. }))
                if self.history.next_number().0 == moment.trial =>
            {
                (self.asked, self.now) = (asked, before);
                self.known.outside_events.truncate(events);
                self.push_ask_at(moment.time);
                Ok(())
            }
            result => result,
        }
    }

    fn ask(&mut self, moment: Moment) -> Result<(), StudyError> {
        let number = TrialNumber(moment.trial);
        let source = self.source(number);
        let point = match self.propose(number, source)? {
            Proposed::Point(point) => point,
            Proposed::Refused(why) => return self.refuse(moment, why),
            Proposed::Exhausted => {
                self.exhausted = true;
                // A paused trial may take the slot.
                if self.definition.scheduler.pauses() {
                    self.push_ask();
                }
                return Ok(());
            }
        };
        let params = Arc::new(self.history.space().params(&point));
        let stored = self.known.trials.get(number.index()).cloned();
        let waited = stored.as_ref().is_some_and(|stored| stored.state == TrialState::Waiting);
        let fixed = stored.as_ref().and_then(|stored| stored.fixed.clone());
        let known = stored.filter(|_| !waited);
        let schedule = self.schedule(&params, known.as_ref(), moment)?;
        if known.is_none() {
            let mut changes = vec![Change::Start {
                number,
                params: StoredParameter::of(self.history.space(), &point),
                fixed: match source {
                    Source::Definition(given) => Some(self.definition.enqueued[given].clone()),
                    Source::Elsewhere => fixed,
                    Source::Sampler => None,
                },
                schedule: schedule.as_ref().ok().cloned(),
            }];
            let attributes = source.given().and_then(|given| self.definition.attributes.get(given));
            let of_the_plan = schedule.is_ok().then(|| self.blueprints.attributes(&params));
            let attributes = attributes.into_iter().flatten().cloned().chain(of_the_plan.into_iter().flatten());
            changes.extend(attributes.map(|(key, value)| Change::Attribute { number, key, value }));
            changes.extend(waited.then(|| self.note_enqueued(moment)));
            match schedule {
                Ok(_) => self.commit(&changes)?,
                // A trial without a schedule is only known for ours by its end.
                Err(_) => self.unwritten.append(&mut changes),
            }
        }
        self.history.start(number, point).expect("numbers are given in order and points are of the space");
        let progress = TrialProgress::default();
        self.observer.event(&Event::TrialStarted {
            number,
            params: &params,
            blueprint: schedule.as_ref().ok().map(|schedule| &schedule.blueprint),
            progress: &progress,
            enqueued: source != Source::Sampler,
            given: source.given(),
            known: known.is_some(),
        });
        match schedule {
            Ok(schedule) => self.start(number, params, schedule, known.as_ref(), progress),
            Err(failure) => return self.fail(moment, failure),
        }
        Ok(())
    }

    /// Where the values of a trial come from.
    fn source(&self, number: TrialNumber) -> Source {
        let is_of = |event: &OutsideEvent| event.kind == OutsideKind::Enqueued && event.moment.trial == number.0;
        let waits = || self.known.trials.get(number.index()).is_some_and(|trial| trial.state == TrialState::Waiting);
        match self.asked.given {
            _ if waits() || self.known.outside_events.iter().any(is_of) => Source::Elsewhere,
            given if given < self.definition.enqueued.len() => Source::Definition(given),
            _ => Source::Sampler,
        }
    }

    /// Whether all trials are the definition's, as in a study of experiments. Then what another program enqueues is run beside
    /// them: there is none whose place it could take.
    fn is_all_given(&self) -> bool {
        self.definition.budget as usize == self.definition.enqueued.len()
    }

    /// Whether such a trial comes next.
    pub(super) fn is_asked_beside(&mut self) -> bool {
        if !self.is_all_given() {
            return false;
        }
        self.place_others();
        self.source(self.history.next_number()) == Source::Elsewhere
    }

    /// Puts on record that another program asked for a trial.
    fn note_enqueued(&mut self, moment: Moment) -> Change {
        let message = "enqueued by another program".to_owned();
        let event = OutsideEvent { moment, kind: OutsideKind::Enqueued, message };
        self.known.outside_events.push(event.clone());
        Change::Outside(event)
    }

    /// What another program asked for cannot be tried: its trial fails, and the study goes on.
    fn refuse(&mut self, moment: Moment, why: SpaceError) -> Result<(), StudyError> {
        let number = TrialNumber(moment.trial);
        let stored = &self.known.trials[number.index()];
        self.observer.event(&Event::Outside { trial: stored });
        if stored.state == TrialState::Waiting {
            // It may have parameters of another space.
            let (params, fixed) = (Vec::new(), stored.fixed.clone());
            let start = Change::Start { number, params, fixed, schedule: None };
            let note = self.note_enqueued(moment);
            self.unwritten.extend([start, note]);
        }
        let absent = Point::absent(self.history.space().len());
        self.history.start(number, absent).expect("numbers are given in order");
        let message = format!("another program enqueued what is not in the study's space: {why}");
        self.fail(moment, TrialFailure::new(FailureKind::InvalidConfiguration, message))
    }

    /// The point of a new trial. What is stored must agree.
    fn propose(&mut self, number: TrialNumber, source: Source) -> Result<Proposed, StudyError> {
        let known = self.known.trials.get(number.index()).filter(|known| known.state != TrialState::Waiting);
        let stored = known.map(|known| self.stored_point(known)).transpose()?;
        // What was tried was admitted, and need not be planned again.
        let is_stored = |point: &Point| stored.as_ref().is_some_and(|stored| are_same(point, stored));
        let admits = |point: &Point| is_stored(point) || self.blueprints.admits(&self.history.space().params(point));
        let ask = Ask {
            history: &self.history,
            number,
            key: Key::study(self.definition.header.seed),
            proposed: self.asked.proposed,
            region: Region::of(&admits),
        };
        let is_beside = source == Source::Elsewhere && self.is_all_given();
        let sampler = &mut *self.definition.sampler;
        self.asked.trials += u32::from(!is_beside);
        let point = match source {
            Source::Definition(given) => {
                self.asked.given += 1;
                enqueued::complete(&self.definition.enqueued[given], &ask, sampler)
                    .map_err(|error| StudyError::Enqueued { index: given, detail: error.to_string() })?
            }
            Source::Elsewhere => {
                let fixed = self.known.trials[number.index()].fixed.clone().unwrap_or_default();
                match enqueued::complete(&fixed, &ask, sampler) {
                    Ok(point) => point,
                    Err(why) => return Ok(Proposed::Refused(why)),
                }
            }
            Source::Sampler => {
                self.asked.proposed += 1;
                match sampler.propose(&ask) {
                    Proposal::Point(point) => point,
                    Proposal::Exhausted => {
                        self.asked.trials -= 1;
                        return Ok(Proposed::Exhausted);
                    }
                }
            }
        };
        let Some(stored) = stored else {
            return Ok(Proposed::Point(point));
        };
        if !are_same(&point, &stored) {
            let space = self.history.space();
            let (before, now) = (space.params(&stored), space.params(&point));
            self.differs(number, format!("its parameters were [{before}], and proposing again gives [{now}]"))?;
        }
        Ok(Proposed::Point(stored))
    }

    /// The point of a stored trial, which must be one of the space: parameters that another program has renamed, removed or set
    /// to what they cannot be are nothing to go on with.
    fn stored_point(&self, known: &TrialRecord) -> Result<Point, StudyError> {
        let changed = |detail: String| {
            let detail = format!(
                "its parameters were changed by another program ({detail}); put back a copy of the database, or start anew in another folder"
            );
            StudyError::Storage(StorageError::refused(known.number, detail))
        };
        let space = self.history.space();
        let mut point = Point::absent(space.len());
        for StoredParameter { name, internal, .. } in &known.params {
            let index = space.index_of(name).ok_or_else(|| changed(format!("`{name}` is none of the space")))?;
            if !space.domain(index).contains_internal(*internal) {
                return Err(changed(format!("`{name}` is out of its range")));
            }
            point.set(index, *internal);
        }
        // One that was refused has none.
        if known.schedule.is_some() {
            space.point(&space.params(&point)).map_err(|error| changed(error.to_string()))?;
        }
        Ok(point)
    }

    /// Cost and virtual start of a new trial, or the failure with which it ends at once.
    fn schedule(
        &mut self,
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
            Some(stored) if *stored != schedule => {
                let detail = format!("its plan was {} and is now {}", planned(stored), planned(&schedule));
                self.differs(number, detail).map(|()| Ok(stored.clone()))
            }
            Some(stored) => Ok(Ok(stored.clone())),
            None => Ok(Ok(schedule)),
        }
    }

    fn start(
        &mut self,
        number: TrialNumber,
        params: Arc<Params>,
        schedule: Schedule,
        known: Option<&TrialRecord>,
        progress: TrialProgress,
    ) {
        let epochs = schedule.blueprint.epochs;
        let context = TrialContext {
            number,
            key: Key::study(self.definition.header.seed).trial(number.0),
            params,
            blueprint: Arc::new(schedule.blueprint.clone()),
            threads: self.options.threads,
            stop: StopFlag::default(),
            progress,
        };
        let results: Vec<EpochResult> = known.map(stored_results).unwrap_or_default();
        let ended = known.is_some_and(|known| known.state.is_finished());
        let values: Vec<f64> = results.iter().flatten().map(|report| report.value).collect();
        let limit = match ended {
            true => results.len() as u32,
            false => self.workers.limit(&context.params, &values, epochs),
        };
        let rungs = self.definition.scheduler.used_rungs(epochs);
        self.board.add(Lane {
            context: context.clone(),
            start: schedule.start,
            epoch_ticks: schedule.epoch_ticks,
            limit,
            rungs: rungs.clone(),
            results,
            decided: 0,
            run: None,
            busy: false,
            paused: false,
            parked: false,
            faults: 0,
            saved: None,
        });
        let running = Running { context, start: schedule.start, schedule, rungs };
        self.order.push_report(1, &running);
        self.running.insert(number.0, running);
    }
}

/// A plan in words.
fn planned(schedule: &Schedule) -> String {
    let Blueprint { epochs, epoch_cost: Cost { flops, bytes, steps }, plan_bytes, plan_key } = &schedule.blueprint;
    let Schedule { start, epoch_ticks, .. } = schedule;
    format!(
        "{epochs} epochs of {flops} operations, {bytes} bytes and {steps} steps in {plan_bytes} bytes of memory ({plan_key}, from {start} on, {epoch_ticks} an epoch)"
    )
}

/// Whether two points are the same to the bit.
fn are_same(point: &Point, other: &Point) -> bool {
    point.len() == other.len() && point.values().iter().zip(other.values()).all(|(a, b)| same(*a, *b))
}
