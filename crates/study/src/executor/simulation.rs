//! The study in virtual time: asks, reports and ends in their order, each decided with everything
//! before it known.

use super::board::{Board, EpochResult, Lane, News, Note};
use super::resume::Resumed;
use super::training::{Training, Trouble, guarded, same};
use super::{Definition, Ended, ExecutorOptions, Outcome};
use crate::enqueued;
use crate::{
    Blueprint, Change, End, EndReason, EpochRecord, EpochReport, Event, FailureKind, Observer,
    OutsideEvent, OutsideKind, Place, Schedule, StopFlag, Storage, StoredParameter, StudyError,
    StudyRecord, TrialContext, TrialFailure, TrialRecord, ValueAt, Workload,
};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tunefork_rng::Key;
use tunefork_sampler::{Ask, Proposal};
use tunefork_scheduler::Decision;
use tunefork_space::{Params, Point};
use tunefork_trial::{History, Report, TrialNumber, TrialState};

/// How long a wait for a worker may be before the clock and the stop flag are looked at.
const PATIENCE: Duration = Duration::from_millis(50);

/// An ask in the queue: it gets the next number when its turn comes, above all numbers there are.
const NEXT_TRIAL: u32 = u32::MAX;

pub(super) struct Simulation<'a, W: Workload> {
    definition: Definition,
    /// What was stored before this run.
    known: StudyRecord,
    tolerant: bool,
    training: &'a Training<'a, W>,
    board: &'a Board<W::Run>,
    options: &'a ExecutorOptions,
    storage: &'a mut dyn Storage,
    observer: &'a mut dyn Observer,
    history: History,
    /// What comes next for each slot: the report of its trial, or an ask.
    queue: BinaryHeap<Reverse<Place>>,
    running: BTreeMap<u32, Running>,
    /// Budgets, one after the other, and which one counts now.
    stages: Vec<u32>,
    stage: usize,
    now: u64,
    /// Proposals that the sampler has made.
    proposed: u32,
    exhausted: bool,
    limit_passed: bool,
    deadline: Option<Instant>,
}

/// A trial that runs in virtual time.
struct Running {
    context: TrialContext,
    schedule: Schedule,
}

/// What became of a wait for a result.
enum Waited {
    Result(EpochResult),
    Stopped,
    TimeLimit,
}

/// What a report leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Continue,
    Stop,
    Complete,
}

impl<'a, W: Workload> Simulation<'a, W> {
    pub fn new(
        definition: Definition,
        resumed: Resumed,
        training: &'a Training<'a, W>,
        board: &'a Board<W::Run>,
        options: &'a ExecutorOptions,
        storage: &'a mut dyn Storage,
        observer: &'a mut dyn Observer,
    ) -> Self {
        let history = History::new(definition.space.clone(), definition.header.direction);
        Simulation {
            stages: resumed.known.header.stages.clone(),
            known: resumed.known,
            tolerant: resumed.tolerant,
            definition,
            training,
            board,
            options,
            storage,
            observer,
            history,
            queue: BinaryHeap::new(),
            running: BTreeMap::new(),
            stage: 0,
            now: 0,
            proposed: 0,
            exhausted: false,
            limit_passed: false,
            deadline: options.time_limit.map(|limit| Instant::now() + limit),
        }
    }

    pub fn run(mut self) -> Result<Outcome, StudyError> {
        self.observer.event(&Event::StudyStarted {
            known_trials: self.known.trials.len(),
            budget: self.stages.last().copied().unwrap_or(0),
        });
        self.ask_for_all_slots();
        while let Some(place) = self.next_place() {
            let new = place.trial as usize >= self.known.trials.len();
            if self.stopping() && place.step == 0 && new {
                return Ok(self.outcome(Ended::Interrupted));
            }
            self.now = place.time;
            if self.limit_stored_at(place) || (place.step == 0 && self.limit_due(place)) {
                self.pass_limit(place)?;
            } else if place.step == 0 {
                self.ask(place)?;
            } else {
                match self.wait(place)? {
                    Waited::Result(Ok(report)) => self.report(place, report)?,
                    Waited::Result(Err(failure)) => self.fail(place, failure)?,
                    Waited::TimeLimit => self.pass_limit(place)?,
                    Waited::Stopped => return Ok(self.outcome(Ended::Interrupted)),
                }
            }
        }
        Ok(self.outcome(match (self.limit_passed, self.exhausted) {
            (true, _) => Ended::TimeLimit,
            (_, true) => Ended::Exhausted,
            _ => Ended::Done,
        }))
    }

    /// Whether the study is asked to stop. Then no more epochs are handed out, and those under way may
    /// be abandoned; results that are there already are still taken.
    fn stopping(&self) -> bool {
        let stopping = self.options.stop.load(Ordering::Relaxed);
        if stopping {
            self.board.close();
        }
        stopping
    }

    fn outcome(&self, ended: Ended) -> Outcome {
        Outcome {
            ended,
            trials: self.history.len() as u32,
            best: self.history.best(),
            outside_events: self.known.outside_events.len(),
        }
    }

    // ---- the queue ----

    fn ask_for_all_slots(&mut self) {
        for _ in 0..self.definition.header.slots {
            self.push_ask();
        }
    }

    fn push_ask(&mut self) {
        self.queue.push(Reverse(Place {
            time: self.now,
            trial: NEXT_TRIAL,
            step: 0,
        }));
    }

    /// The next event; asks beyond the budget leave their slots idle until the next stage.
    fn next_place(&mut self) -> Option<Place> {
        loop {
            let Some(Reverse(place)) = self.queue.pop() else {
                // All slots are idle.
                if self.stage + 1 >= self.stages.len() || self.exhausted {
                    return None;
                }
                self.stage += 1;
                self.limit_passed = false;
                self.ask_for_all_slots();
                continue;
            };
            if place.trial != NEXT_TRIAL {
                return Some(place);
            }
            let next = self.history.next_number().0;
            let wanted = next < self.stages[self.stage] && !self.exhausted;
            // A stored time limit may stand in the place of an ask that its own stage has no room for.
            let place = Place {
                trial: next,
                ..place
            };
            if wanted || self.limit_stored_at(place) {
                return Some(place);
            }
        }
    }

    // ---- asks ----

    fn ask(&mut self, place: Place) -> Result<(), StudyError> {
        let number = TrialNumber(place.trial);
        let Some(point) = self.propose(number)? else {
            self.exhausted = true;
            return Ok(());
        };
        let params = Arc::new(self.history.space().params(&point));
        let fixed = self.definition.enqueued.get(number.index()).cloned();
        let known = self.known.trials.get(number.index()).cloned();
        let schedule = self.schedule(&params, known.as_ref(), place)?;
        self.history
            .start(number, point.clone())
            .expect("numbers are given in order and points are of the space");
        let mut changes = vec![Change::Start {
            number,
            params: self.stored_parameters(&point),
            fixed: fixed.clone(),
            schedule: schedule.as_ref().ok().cloned(),
        }];
        if known.is_none() {
            self.storage.commit(&changes)?;
        }
        changes.clear();
        self.observer.event(&Event::TrialStarted {
            number,
            params: &params,
            blueprint: schedule.as_ref().ok().map(|schedule| &schedule.blueprint),
            enqueued: fixed.is_some(),
            known: known.is_some(),
        });
        match schedule {
            Ok(schedule) => self.start(number, params, schedule, known.as_ref()),
            Err(failure) => return self.fail(place, failure),
        }
        Ok(())
    }

    /// The point of a new trial, or `None` if the sampler has no more. What is stored must agree.
    fn propose(&mut self, number: TrialNumber) -> Result<Option<Point>, StudyError> {
        let ask = Ask {
            history: &self.history,
            number,
            key: Key::study(self.definition.header.seed),
            proposed: self.proposed,
        };
        let sampler = &mut *self.definition.sampler;
        let point = match self.definition.enqueued.get(number.index()) {
            Some(fixed) => {
                enqueued::complete(fixed, &ask, sampler).map_err(|error| StudyError::Enqueued {
                    index: number.index(),
                    detail: error.to_string(),
                })?
            }
            None => {
                self.proposed += 1;
                match sampler.propose(&ask) {
                    Proposal::Point(point) => point,
                    Proposal::Exhausted => return Ok(None),
                }
            }
        };
        let Some(known) = self.known.trials.get(number.index()) else {
            return Ok(Some(point));
        };
        let stored = self.stored_point(known)?;
        let agrees = point.len() == stored.len()
            && (point.values().iter().zip(stored.values())).all(|(a, b)| same(*a, *b));
        if agrees || self.tolerant {
            return Ok(Some(stored));
        }
        let detail = format!(
            "its parameters were [{}], and proposing again gives [{}]",
            known.params(),
            self.history.space().params(&point)
        );
        Err(self.not_reproducible(number, detail))
    }

    fn stored_point(&self, known: &TrialRecord) -> Result<Point, StudyError> {
        let space = self.history.space();
        let mut point = Point::absent(space.len());
        for parameter in &known.params {
            let Some(index) = space.index_of(&parameter.name) else {
                let detail = format!(
                    "parameter `{}` is not one of the study's space",
                    parameter.name
                );
                return Err(self.not_reproducible(known.number, detail));
            };
            point.set(index, parameter.internal);
        }
        Ok(point)
    }

    fn stored_parameters(&self, point: &Point) -> Vec<StoredParameter> {
        let parameters = self.history.space().parameters().iter().enumerate();
        parameters
            .filter(|(index, _)| point.has(*index))
            .map(|(index, parameter)| StoredParameter {
                name: parameter.name.clone(),
                domain: parameter.domain.clone(),
                internal: point.get(index),
            })
            .collect()
    }

    /// Cost and place in time of a new trial, or the failure with which it ends at once.
    fn schedule(
        &self,
        params: &Params,
        known: Option<&TrialRecord>,
        place: Place,
    ) -> Result<Result<Schedule, TrialFailure>, StudyError> {
        if let Some(ended) = known.filter(|known| known.state.is_finished()) {
            if let Some(schedule) = &ended.schedule {
                return Ok(Ok(schedule.clone()));
            }
            if let Some(failure) = stored_failure(ended) {
                return Ok(Err(failure));
            }
        }
        let number = TrialNumber(place.trial);
        let blueprint = match self.blueprint(params) {
            Ok(blueprint) => blueprint,
            Err(failure) if failure.kind.reason().is_some() => return Ok(Err(failure)),
            Err(failure) => return Err(halted(number, failure)),
        };
        let schedule = Schedule {
            epoch_ticks: self
                .definition
                .header
                .cost_model
                .ticks(&blueprint.epoch_cost),
            blueprint,
            start: place.time,
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

    fn blueprint(&self, params: &Params) -> Result<Blueprint, TrialFailure> {
        let ask = || guarded(|| self.training.workload.blueprint(params));
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
        Ok(blueprint)
    }

    fn start(
        &mut self,
        number: TrialNumber,
        params: Arc<Params>,
        schedule: Schedule,
        known: Option<&TrialRecord>,
    ) {
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
        self.board.add(Lane {
            context: context.clone(),
            start: schedule.start,
            epoch_ticks: schedule.epoch_ticks,
            limit: if ended { results.len() as u32 } else { epochs },
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

    fn push_report(&mut self, trial: u32, step: u32, schedule: &Schedule) {
        self.queue.push(Reverse(Place {
            time: schedule.start + u64::from(step) * schedule.epoch_ticks,
            trial,
            step,
        }));
    }

    // ---- reports ----

    /// Waits for the result of an epoch, passing on what the workers say meanwhile.
    fn wait(&mut self, place: Place) -> Result<Waited, StudyError> {
        loop {
            match self.board.wait(place.trial, place.step, PATIENCE)? {
                News::Result(result) => return Ok(Waited::Result(result)),
                News::Notes(notes) => {
                    for note in notes {
                        self.pass_on(note)?;
                    }
                }
                News::Nothing => {}
            }
            if self.stopping() {
                return Ok(Waited::Stopped);
            }
            if self
                .deadline
                .is_some_and(|deadline| Instant::now() >= deadline)
            {
                return Ok(Waited::TimeLimit);
            }
        }
    }

    fn pass_on(&mut self, note: Note) -> Result<(), StudyError> {
        match note {
            Note::Computed {
                trial,
                step,
                report,
            } => {
                self.observer.event(&Event::EpochComputed {
                    number: TrialNumber(trial),
                    step,
                    report: &report,
                });
            }
            Note::Retried { trial, failure } => self.observer.event(&Event::TrialRetried {
                number: TrialNumber(trial),
                failure: &failure,
            }),
            Note::Restarted { trial } if self.running.contains_key(&trial) => {
                self.storage.commit(&[Change::Restarted {
                    number: TrialNumber(trial),
                }])?;
            }
            Note::Restarted { .. } => {}
            Note::Warning(message) => self.observer.event(&Event::Warning { message: &message }),
        }
        Ok(())
    }

    fn report(&mut self, place: Place, report: EpochReport) -> Result<(), StudyError> {
        let number = TrialNumber(place.trial);
        let stored = self.known.trials.get(number.index());
        let known = stored.is_some_and(|trial| trial.epochs.len() >= place.step as usize);
        let epoch = EpochRecord {
            step: place.step,
            value: report.value,
            time: place.time,
            metrics: report.metrics,
            observed: report.observed,
        };
        if !known {
            self.storage.commit(&[Change::Report {
                number,
                epoch: epoch.clone(),
            }])?;
        }
        let report = Report {
            step: place.step,
            value: epoch.value,
        };
        self.history
            .report(number, report)
            .expect("a running trial reports its epochs in order");
        self.observer.event(&Event::Reported {
            number,
            epoch: &epoch,
            known,
        });
        match self.verdict(place)? {
            Verdict::Continue => {
                let schedule = self.running[&place.trial].schedule.clone();
                self.push_report(place.trial, place.step + 1, &schedule);
                self.board.decided(place.trial, place.step);
                Ok(())
            }
            Verdict::Stop => self.finish(
                place,
                TrialState::Pruned,
                Some(epoch.value),
                EndReason::Stopped,
                String::new(),
            ),
            Verdict::Complete => self.complete(place),
        }
    }

    /// What the scheduler says; what is stored must agree.
    fn verdict(&mut self, place: Place) -> Result<Verdict, StudyError> {
        let number = TrialNumber(place.trial);
        let computed = if place.step == self.running[&place.trial].schedule.blueprint.epochs {
            Verdict::Complete
        } else {
            match self.definition.scheduler.decide(&self.history, number) {
                Decision::Stop => Verdict::Stop,
                _ => Verdict::Continue,
            }
        };
        let stored = self.known.trials.get(number.index());
        let stored = stored.and_then(|trial| stored_verdict(trial, place.step));
        match stored {
            Some(stored) if stored != computed && !self.tolerant => {
                let detail = format!(
                    "epoch {}: the decision was {stored:?} and is now {computed:?}",
                    place.step
                );
                Err(self.not_reproducible(number, detail))
            }
            Some(stored) => Ok(stored),
            None => Ok(computed),
        }
    }

    // ---- ends ----

    fn complete(&mut self, place: Place) -> Result<(), StudyError> {
        let number = TrialNumber(place.trial);
        let reports = self.history.reports(number);
        let direction = self.history.direction();
        let value = match self.definition.header.value_at {
            ValueAt::Last => reports.last().map(|report| report.value),
            ValueAt::Best => reports
                .iter()
                .map(|report| report.value)
                .reduce(|best, value| {
                    if direction.better(value, best) {
                        value
                    } else {
                        best
                    }
                }),
        };
        let value = value.expect("a trial completes with a report");
        let known = self.known.trials.get(number.index());
        let ended = known.is_some_and(|trial| trial.state.is_finished());
        if !ended && self.leads(number, value) {
            self.keep(number)?;
        }
        self.finish(
            place,
            TrialState::Complete,
            Some(value),
            EndReason::Finished,
            String::new(),
        )
    }

    /// Whether a trial that completes with this value is the best then.
    fn leads(&self, number: TrialNumber, value: f64) -> bool {
        self.history.best().is_none_or(|best| {
            let best_value = self.history.value(best).unwrap_or(f64::NAN);
            self.history.direction().better(value, best_value)
                || (value == best_value && number < best)
        })
    }

    /// Lets the workload keep what it wants of the best trial, before its end is committed.
    fn keep(&mut self, number: TrialNumber) -> Result<(), StudyError> {
        let context = self.running[&number.0].context.clone();
        let run = match self.board.take_run(number.0) {
            Some(run) => run,
            None => {
                // The process that trained it is gone.
                let results = self.board.reports(number.0).unwrap_or_default();
                let observer = &mut *self.observer;
                let raised = self.training.raise(
                    &context,
                    &results,
                    context.blueprint.epochs,
                    &mut |message| observer.event(&Event::Warning { message: &message }),
                );
                match raised {
                    Ok(raised) => raised.run,
                    Err(Trouble::Differs(detail)) => {
                        return Err(self.not_reproducible(number, detail));
                    }
                    Err(Trouble::Failure(failure)) => return Err(halted(number, failure)),
                }
            }
        };
        guarded(|| self.training.workload.keep(&context, &run))
            .map_err(|failure| halted(number, failure))
    }

    fn fail(&mut self, place: Place, failure: TrialFailure) -> Result<(), StudyError> {
        let number = TrialNumber(place.trial);
        let Some(reason) = failure.kind.reason() else {
            return Err(halted(number, failure));
        };
        let known = self.known.trials.get(number.index());
        let ended = known.is_some_and(|trial| trial.state.is_finished());
        if reason == EndReason::Fault && !ended {
            self.record_outside(OutsideEvent {
                place,
                kind: OutsideKind::Fault,
                message: failure.message.clone(),
            })?;
        }
        self.finish(place, TrialState::Failed, None, reason, failure.message)
    }

    /// Ends a trial and frees its slot. What is stored must agree.
    fn finish(
        &mut self,
        place: Place,
        state: TrialState,
        value: Option<f64>,
        reason: EndReason,
        message: String,
    ) -> Result<(), StudyError> {
        let number = TrialNumber(place.trial);
        let end = End {
            time: place.time,
            reason,
            message,
        };
        let best =
            state == TrialState::Complete && value.is_some_and(|value| self.leads(number, value));
        let stored = self.known.trials.get(number.index());
        let stored = stored.filter(|trial| trial.state.is_finished());
        let known = stored.is_some();
        match stored {
            None => self.storage.commit(&[Change::Finish {
                number,
                state,
                value,
                end: end.clone(),
            }])?,
            Some(stored) => {
                let agrees = stored.state == state
                    && same(stored.value.unwrap_or(f64::NAN), value.unwrap_or(f64::NAN))
                    && stored.end.as_ref().is_none_or(|stored| *stored == end);
                if !agrees && !self.tolerant {
                    let detail = format!(
                        "it ended as {} with {:?} ({:?}), and now as {state} with {value:?} ({end:?})",
                        stored.state, stored.value, stored.end
                    );
                    return Err(self.not_reproducible(number, detail));
                }
            }
        }
        self.history
            .finish(number, state, value)
            .expect("a running trial ends once");
        self.board.remove(place.trial);
        self.running.remove(&place.trial);
        if let Some(folder) = &self.training.folder {
            folder.remove(place.trial);
        }
        self.observer.event(&Event::TrialFinished {
            number,
            state,
            value,
            end: &end,
            best,
            known,
        });
        self.push_ask();
        Ok(())
    }

    // ---- outside events ----

    fn record_outside(&mut self, event: OutsideEvent) -> Result<(), StudyError> {
        self.storage.commit(&[Change::Outside(event.clone())])?;
        self.known.outside_events.push(event);
        Ok(())
    }

    fn limit_stored_at(&self, place: Place) -> bool {
        let mut events = self.known.outside_events.iter();
        events.any(|event| event.kind == OutsideKind::TimeLimit && event.place == place)
    }

    /// Whether the wall-time limit has passed, for an ask that is not stored yet.
    fn limit_due(&self, place: Place) -> bool {
        place.trial as usize >= self.known.trials.len()
            && self
                .deadline
                .is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Running trials end with what they have, and the stage asks for no more.
    fn pass_limit(&mut self, place: Place) -> Result<(), StudyError> {
        if !self.limit_stored_at(place) {
            self.stages[self.stage] = self.history.len() as u32;
            self.storage
                .commit(&[Change::Stages(self.stages.clone())])?;
            self.record_outside(OutsideEvent {
                place,
                kind: OutsideKind::TimeLimit,
                message: "the wall-time limit of the study passed".to_owned(),
            })?;
        }
        for trial in self.running.keys().copied().collect::<Vec<_>>() {
            let last = self.history.last_report(TrialNumber(trial));
            let at = Place { trial, ..place };
            let message = String::new();
            match last {
                Some(last) => self.finish(
                    at,
                    TrialState::Pruned,
                    Some(last.value),
                    EndReason::TimeLimit,
                    message,
                )?,
                None => self.finish(at, TrialState::Failed, None, EndReason::TimeLimit, message)?,
            }
        }
        self.queue.clear();
        self.limit_passed = true;
        Ok(())
    }

    fn not_reproducible(&self, trial: TrialNumber, detail: String) -> StudyError {
        StudyError::NotReproducible {
            study: self.definition.header.name.clone(),
            trial,
            detail,
        }
    }
}

fn halted(trial: TrialNumber, failure: TrialFailure) -> StudyError {
    StudyError::Halted {
        trial,
        message: failure.message,
    }
}

/// The results that a stored trial has, its failure included.
fn stored_results(trial: &TrialRecord) -> Vec<EpochResult> {
    let reports = trial.epochs.iter().map(|epoch| {
        Ok(EpochReport {
            value: epoch.value,
            metrics: epoch.metrics.clone(),
            observed: epoch.observed.clone(),
        })
    });
    reports.chain(stored_failure(trial).map(Err)).collect()
}

/// The failure that a stored trial ended with.
fn stored_failure(trial: &TrialRecord) -> Option<TrialFailure> {
    let end = trial.end.as_ref()?;
    let kind = FailureKind::of_reason(end.reason)?;
    Some(TrialFailure::new(kind, end.message.clone()))
}

/// What a stored trial shows of the decision after a step.
fn stored_verdict(trial: &TrialRecord, step: u32) -> Option<Verdict> {
    if trial.epochs.len() > step as usize {
        return Some(Verdict::Continue);
    }
    match trial.end.as_ref()?.reason {
        EndReason::Stopped => Some(Verdict::Stop),
        EndReason::Finished => Some(Verdict::Complete),
        _ => Some(Verdict::Continue),
    }
}
