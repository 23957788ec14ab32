//! A whole study as stored: what `show`, reports and the executor read.

use crate::{Blueprint, Clock, CostModel, EpochReport, Facts, MemberReport, Moment, Timing};
use std::sync::Arc;
use std::time::Duration;
use tunefork_names::named_enum;
use tunefork_space::{Domain, Params, Point, Space};
use tunefork_trial::{Direction, TrialNumber, TrialState};

named_enum! {
    /// Which report gives a completed trial its value. Both can always be read from the reports.
    #[derive(Default)]
    pub enum ValueAt: "epoch that counts" {
        /// The last epoch that was reported.
        #[default]
        Last = "last",
        /// The epoch with the best value, the earliest of equals.
        Best = "best",
    }
}

impl ValueAt {
    /// The epoch that counts, of all in their order.
    pub fn pick<E>(
        self,
        direction: Direction,
        epochs: impl IntoIterator<Item = E>,
        value: impl Fn(&E) -> f64,
    ) -> Option<E> {
        epochs.into_iter().reduce(|best, new| match self {
            ValueAt::Best if !direction.better(value(&new), value(&best)) => best,
            ValueAt::Best | ValueAt::Last => new,
        })
    }
}

/// What is fixed when a study is created.
#[derive(Clone, Debug, PartialEq)]
pub struct StudyHeader {
    /// Name, unique in a storage; at most 512 characters.
    pub name: String,
    /// Whether small or large values are good.
    pub direction: Direction,
    /// What the value is, such as `validation accuracy`; shown by dashboards.
    pub metric: Option<String>,
    /// Seed of every draw.
    pub seed: u64,
    /// Trials that run side by side in virtual time; at least 1.
    pub slots: u32,
    /// What orders its events.
    pub clock: Clock,
    /// What work costs in virtual time.
    pub cost_model: CostModel,
    /// Which report gives a completed trial its value.
    pub value_at: ValueAt,
    /// Name of the sampler.
    pub sampler: String,
    /// Name of the scheduler.
    pub scheduler: String,
    /// Settings of the study file without the budget: changing one of them is refused on resumption.
    pub settings: Facts,
    /// What the bits depend on: build, instruction set, precision, device.
    pub fingerprint: Facts,
    /// What is told of it for people, as Optuna's user attributes of a study: of ours the settings as its file has them. Nothing is
    /// decided by it, and it may change.
    pub attributes: Vec<(String, serde_json::Value)>,
    /// Trials asked for: one number, and one more for each time the budget grew after its trials had all been asked for and
    /// decisions on them been made. Trials of a later stage start when all earlier ones have ended.
    /// Empty in ask and tell.
    pub stages: Vec<u32>,
}

impl StudyHeader {
    /// Whether a program of ours made the study. Others do not say who proposes, and what else stands here of them is no more than a default.
    pub fn is_ours(&self) -> bool {
        !self.sampler.is_empty()
    }

    /// A header with four slots, the default cost model and nothing to compare.
    pub fn new(name: impl Into<String>, direction: Direction, seed: u64) -> Self {
        StudyHeader {
            name: name.into(),
            direction,
            metric: None,
            seed,
            slots: 4,
            clock: Clock::Virtual,
            cost_model: CostModel::default(),
            value_at: ValueAt::Last,
            sampler: String::new(),
            scheduler: String::new(),
            settings: Facts::default(),
            fingerprint: Facts::default(),
            attributes: Vec::new(),
            stages: Vec::new(),
        }
    }
}

/// A study with all its trials, as one consistent snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct StudyRecord {
    /// What was fixed at creation (stages and fingerprint as they are now).
    pub header: StudyHeader,
    /// All trials; the index is the number.
    pub trials: Vec<TrialRecord>,
    /// What the virtual clock could not know, in the order of recording.
    pub outside_events: Vec<OutsideEvent>,
    /// Wall time that all its runs have taken. Two equal studies need not share it.
    pub elapsed: Duration,
}

impl StudyRecord {
    /// A study without trials.
    pub fn new(header: StudyHeader) -> Self {
        StudyRecord { header, trials: Vec::new(), outside_events: Vec::new(), elapsed: Duration::ZERO }
    }

    /// The completed trial with the best value; the earliest of equals. Trials that another program has run beside the
    /// executor's are not counted: nobody here has what they trained.
    pub fn best(&self) -> Option<&TrialRecord> {
        self.best_of(|trial| !self.is_outside(trial))
    }

    /// The best of those that another program has run, if it is better than [`best`](Self::best).
    pub fn better_outside(&self) -> Option<&TrialRecord> {
        let outside = self.best_of(|trial| self.is_outside(trial))?;
        let value = |trial: &TrialRecord| trial.value.unwrap_or(f64::NAN);
        let is_better = |own: &TrialRecord| self.header.direction.better(value(outside), value(own));
        Some(outside).filter(|_| self.best().is_none_or(is_better))
    }

    fn best_of(&self, counts: impl Fn(&TrialRecord) -> bool) -> Option<&TrialRecord> {
        let is_one = |trial: &&TrialRecord| trial.state == TrialState::Complete && trial.is_feasible() && counts(trial);
        let completed = self.trials.iter().filter(is_one);
        let values = completed.filter_map(|trial| Some((trial, trial.value?)));
        ValueAt::Best.pick(self.header.direction, values, |(_, value)| *value).map(|(trial, _)| trial)
    }

    /// Whether another program runs or has run a trial of a study that an executor runs. What the executor starts has a
    /// schedule, or at least an end; what merely waits is not begun by anybody.
    pub fn is_outside(&self, trial: &TrialRecord) -> bool {
        let has_executor = !self.header.stages.is_empty();
        has_executor && trial.state != TrialState::Waiting && trial.schedule.is_none() && trial.end.is_none()
    }

    /// Whether a trial was begun here, and by no other program.
    pub fn is_own(&self, trial: &TrialRecord) -> bool {
        trial.state != TrialState::Waiting && !self.is_outside(trial)
    }

    /// Budgets, if the study grew in stages and is therefore another one than if it had been begun with the last of them:
    /// scheduler and sampler have decided without the trials to come. With one slot these would have come later anyway.
    pub fn grown(&self) -> Option<&[u32]> {
        let StudyHeader { stages, slots, clock, .. } = &self.header;
        (stages.len() > 1 && *slots > 1 && *clock == Clock::Virtual).then_some(stages)
    }

    /// Of the trials that were stopped, the one that was best then, if it was better than [`best`](Self::best).
    pub fn better_stopped(&self) -> Option<(&TrialRecord, f64)> {
        let StudyHeader { value_at, direction, .. } = self.header;
        let stopped = self.trials.iter().filter(|trial| trial.state == TrialState::Pruned && self.is_own(trial));
        let values = stopped.filter_map(|trial| {
            let counted = value_at.pick(direction, trial.epochs.iter().map(|epoch| epoch.report.value), |value| *value);
            Some((trial, counted?))
        });
        let (trial, value) = ValueAt::Best.pick(direction, values, |(_, value)| *value)?;
        let best = self.best()?.value?;
        direction.better(value, best).then_some((trial, value))
    }

    /// Trials that were begun here.
    pub fn own_trials(&self) -> usize {
        self.trials.iter().filter(|trial| self.is_own(trial)).count()
    }

    /// Those of them that have ended.
    pub fn ended_trials(&self) -> usize {
        self.trials.iter().filter(|trial| self.is_own(trial) && trial.state.is_finished()).count()
    }

    /// Trials that are no function of the study's definition: another program has run them, or has asked for them.
    pub fn outside_trials(&self) -> usize {
        let asked_for = self.outside_events.iter().filter(|event| event.kind == OutsideKind::Enqueued);
        self.trials.iter().filter(|trial| self.is_outside(trial)).count() + asked_for.count()
    }
}

/// A parameter of a trial.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredParameter {
    /// Name; at most 512 characters.
    pub name: String,
    /// What it may be.
    pub domain: Domain,
    /// What it is, in the internal representation of [`Domain::to_internal`].
    pub internal: f64,
}

impl StoredParameter {
    /// The parameters that a point of a space has, in the space's order.
    pub fn of(space: &Space, point: &Point) -> Vec<Self> {
        let parameters = space.parameters().iter().enumerate();
        parameters
            .filter(|(index, _)| point.has(*index))
            .map(|(index, parameter)| Self {
                name: parameter.name.clone(),
                domain: parameter.domain.clone(),
                internal: point.get(index),
            })
            .collect()
    }
}

/// A trial as stored: what it was asked to try, what it reported and how it ended.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialRecord {
    /// Its number, counted from 0.
    pub number: TrialNumber,
    /// Where it is in its life.
    pub state: TrialState,
    /// Active parameters in the order of the space.
    pub params: Vec<StoredParameter>,
    /// The values asked for, if the trial was enqueued.
    pub fixed: Option<Params>,
    /// Cost and virtual start; absent in ask and tell.
    pub schedule: Option<Schedule>,
    /// What it reported; steps grow.
    pub epochs: Vec<EpochRecord>,
    /// The value: of a completed trial by [`ValueAt`], of a pruned one its last report.
    pub value: Option<f64>,
    /// Why and when it ended.
    pub end: Option<End>,
    /// What Optuna's studies with constraints have of a trial: one above 0 is not kept to, and then it is not the best, whatever its value.
    pub constraints: Vec<f64>,
    /// Of a trial that another program has run: the ask from which on its end counts for proposals and decisions.
    pub taken_in: Option<Moment>,
    /// The user's attributes, in the order of their first setting.
    pub attributes: Vec<(String, serde_json::Value)>,
    /// What may differ between two equal runs.
    pub observed: TrialObserved,
}

impl TrialRecord {
    /// Whether the trial keeps to all constraints, as far as it has any.
    pub fn is_feasible(&self) -> bool {
        self.constraints.iter().all(|constraint| *constraint <= 0.0)
    }

    /// Whether it has failed through its own parameters: its loss became NaN or infinite.
    pub fn has_diverged(&self) -> bool {
        self.end.as_ref().is_some_and(|end| end.reason == EndReason::Diverged)
    }

    /// A trial that has nothing yet.
    pub fn new(number: TrialNumber, state: TrialState) -> Self {
        TrialRecord {
            number,
            state,
            params: Vec::new(),
            fixed: None,
            schedule: None,
            epochs: Vec::new(),
            value: None,
            end: None,
            constraints: Vec::new(),
            taken_in: None,
            attributes: Vec::new(),
            observed: TrialObserved::default(),
        }
    }

    /// Seconds of training and validation, if they were measured.
    pub fn seconds(&self) -> Option<f64> {
        let times = self.epochs.iter().filter_map(|epoch| epoch.report.timing.as_ref());
        times.map(Timing::all_seconds).reduce(|all, seconds| all + seconds)
    }

    /// What each of its trainings has brought, if it is several.
    pub fn trainings(&self) -> &[MemberReport] {
        self.epochs.last().map_or(&[], |last| &last.report.members)
    }

    /// Names with external values.
    pub fn params(&self) -> Params {
        self.params.iter().map(|p| (p.name.clone(), p.domain.to_value(p.internal))).collect()
    }
}

/// What the executor knows of a trial before it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The workload's answer for the parameters.
    pub blueprint: Blueprint,
    /// Virtual time of the start.
    pub start: u64,
    /// Virtual duration of one epoch.
    pub epoch_ticks: u64,
}

/// A report in a study.
#[derive(Clone, Debug, PartialEq)]
pub struct EpochRecord {
    /// Epoch, counted from 1 (in ask and tell, the caller's step).
    pub step: u32,
    /// Virtual time of the report; 0 in ask and tell.
    pub time: u64,
    /// What the epoch has brought. All who keep it share it.
    pub report: Arc<EpochReport>,
}

/// How a trial ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Virtual time; 0 in ask and tell.
    pub time: u64,
    /// The kind of end, one of those that are stored by name.
    pub reason: EndReason,
    /// The reason in words; empty where the reason says all.
    pub message: String,
}

named_enum! {
    /// Why a trial ended. Optuna's schema knows only its state, so this stands in a table of ours.
    pub enum EndReason: "reason for an end" {
        /// It ran to its last epoch, or was told a value.
        Finished = "finished",
        /// The scheduler, or the user of ask and tell, stopped it.
        Stopped = "stopped",
        /// A loss or value became NaN or infinite.
        Diverged = "diverged",
        /// Its plan needs more memory than there is.
        DoesNotFit = "does_not_fit",
        /// The parameters describe no valid model or training.
        InvalidConfiguration = "invalid_configuration",
        /// It failed twice in a row for a reason outside the study: a crash, a device error.
        Fault = "fault",
        /// It was told to have failed.
        Told = "told",
    }
}

/// Facts of a trial that two equal runs need not share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrialObserved {
    /// Start in UTC, as `2026-11-21 18:00:00.000000`.
    pub started: Option<String>,
    /// End in UTC, in the same form.
    pub ended: Option<String>,
    /// How often its training was started again after a fault or a killed process.
    pub restarts: u32,
}

/// Something the virtual clock could not know. It is applied again, at its moment, when the study is
/// simulated anew, so that the study stays reproducible given these events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutsideEvent {
    /// It came instead of the event of this moment.
    pub moment: Moment,
    /// What happened, which decides what is applied again.
    pub kind: OutsideKind,
    /// The same in words, with what the machine said.
    pub message: String,
}

named_enum! {
    /// Kinds of outside events.
    pub enum OutsideKind: "outside event" {
        /// The trial of this moment failed twice in a row for a reason of the machine.
        Fault = "fault",
        /// Another program enqueued the trial of this moment, which was run as given, or refused.
        Enqueued = "enqueued",
        /// The study went on under another fingerprint, so older results may not be reproducible.
        Drift = "drift",
    }
}

#[cfg(test)]
mod tests;
