//! A trial in training: one training, or several side by side or one after another.

use std::sync::Arc;

use tunefork_study::{EpochReport, FailureKind, Member, MemberReport, Run, StopFlag, TrialFailure};
use tunefork_train::{EpochMetrics, Task, TrainError};

use super::checkpoint::{self, Saved};
use super::failure::{crowded, failure};
use super::figures::{figures, timings, together};
use crate::parking::{Parkable, Parking};
use crate::spec::Members;
use crate::statistics::mean;

/// A trial in training.
pub struct TrainingRun {
    parking: Arc<Parking>,
    threads: usize,
    stop: StopFlag,
    members: Members,
    /// Epochs of each training.
    epochs: u32,
    /// Epochs of the trial that are done.
    done: u32,
    trainings: Vec<Training>,
}

/// One of the trainings of a trial.
struct Training {
    member: Member,
    task: Task,
    /// Nothing before its turn has come for the first time.
    trainer: Option<Parkable>,
    /// What it has brought so far: the value that would count now, and all figures of its last epoch.
    report: Option<MemberReport>,
}

impl TrainingRun {
    /// A trial at its beginning, or where a checkpoint was taken.
    pub(super) fn start(
        parking: &Arc<Parking>,
        members: Members,
        tasks: Vec<(Member, Task)>,
        threads: usize,
        stop: StopFlag,
        checkpoint: Option<&[u8]>,
    ) -> Result<Self, TrialFailure> {
        let training = |(member, task)| Training {
            member,
            task,
            trainer: None,
            report: None,
        };
        let mut run = Self {
            parking: Arc::clone(parking),
            threads,
            stop,
            members,
            epochs: tasks[0].1.spec.epochs,
            done: 0,
            trainings: tasks.into_iter().map(training).collect(),
        };
        match checkpoint {
            Some(checkpoint) => run.restore(checkpoint)?,
            None => run.prepare()?,
        }
        Ok(run)
    }

    /// The trainings whose turn it is.
    fn turn(&mut self) -> impl Iterator<Item = &mut Training> {
        let fold = self.members.turn(self.done, self.epochs);
        let trainings = self.trainings.iter_mut();
        trainings.filter(move |training| fold.is_none_or(|fold| fold == training.member.fold))
    }

    /// Sees to it that those whose turn it is have begun.
    fn prepare(&mut self) -> Result<(), TrialFailure> {
        let (parking, threads) = (Arc::clone(&self.parking), self.threads);
        let several = self.members.are_several();
        for training in self.turn() {
            if training.trainer.is_none() {
                let trainer = parking.start(training.task.clone(), threads, None);
                let trainer = trainer.map_err(|error| training.failed(several, error))?;
                training.trainer = Some(trainer);
            }
        }
        Ok(())
    }

    fn restore(&mut self, checkpoint: &[u8]) -> Result<(), TrialFailure> {
        let (parking, threads) = (Arc::clone(&self.parking), self.threads);
        let start = |training: &Training, checkpoint: &[u8]| {
            let trainer = parking.start(training.task.clone(), threads, Some(checkpoint));
            trainer.map_err(|error| training.failed(true, error))
        };
        if !self.members.are_several() {
            let only = &mut self.trainings[0];
            let trainer = parking.start(only.task.clone(), threads, Some(checkpoint));
            let trainer = trainer.map_err(crowded)?;
            self.done = trainer.epochs_done();
            only.trainer = Some(trainer);
            return Ok(());
        }
        let damaged = || TrialFailure::new(FailureKind::Fault, "it is not that of these trainings");
        for saved in checkpoint::decode(checkpoint).ok_or_else(damaged)? {
            let member = saved.report.member;
            let mut trainings = self.trainings.iter_mut();
            let training = trainings.find(|training| training.member == member);
            let training = training.ok_or_else(damaged)?;
            let trainer = start(training, saved.checkpoint)?;
            let (before, epochs) = (member.fold * self.epochs, trainer.epochs_done());
            self.done = self.done.max(match self.members.sequential {
                true => before + epochs,
                false => epochs,
            });
            if self.members.sequential && epochs == self.epochs {
                trainer.park();
            }
            training.trainer = Some(trainer);
            training.report = Some(saved.report);
        }
        Ok(())
    }

    /// Calls `work` with each training that has begun. One whose turn is over has no engine before and
    /// after that.
    pub(super) fn each(
        &self,
        mut work: impl FnMut(Member, &Parkable) -> Result<(), TrialFailure>,
    ) -> Result<(), TrialFailure> {
        for training in &self.trainings {
            let Some(trainer) = &training.trainer else {
                continue;
            };
            work(training.member, trainer)?;
            if self.members.sequential {
                trainer.park();
            }
        }
        Ok(())
    }

    /// What the trainings have brought together.
    fn report(&self, metrics: &[EpochMetrics]) -> EpochReport {
        let reports: Vec<&MemberReport> = self
            .trainings
            .iter()
            .filter_map(|training| training.report.as_ref())
            .collect();
        let values: Vec<f64> = reports.iter().map(|report| report.value).collect();
        let of_all = |(name, _): &&(String, f64)| !name.contains('/');
        let stored = |report: &&MemberReport| MemberReport {
            metrics: report.metrics.iter().filter(of_all).cloned().collect(),
            ..(*report).clone()
        };
        EpochReport {
            value: mean(&values),
            metrics: together(reports.iter().map(|report| &report.metrics[..])),
            observed: timings(metrics),
            members: reports.iter().map(stored).collect(),
        }
    }
}

impl Training {
    /// Trains an epoch, and keeps what it has brought.
    fn epoch(&mut self, stop: &StopFlag) -> Result<EpochMetrics, TrainError> {
        let trainer = self.trainer.as_ref().expect("its turn has come");
        let (metrics, value) = trainer.with(|trainer| {
            let metrics = trainer.epoch_unless(&|| stop.is_raised())?;
            let counted = trainer.value().expect("there was an epoch");
            Ok((metrics, counted.value))
        })?;
        self.report = Some(MemberReport {
            member: self.member,
            value,
            metrics: figures(&metrics, self.task.images.data.classes()),
        });
        Ok(metrics)
    }

    /// What an error of this training means for its trial.
    fn failed(&self, several: bool, error: TrainError) -> TrialFailure {
        let mut failure = crowded(error);
        if several {
            failure.message = format!("{}: {}", self.member, failure.message);
        }
        failure
    }
}

impl Run for TrainingRun {
    fn epochs_done(&self) -> u32 {
        self.done
    }

    fn epoch(&mut self) -> Result<EpochReport, TrialFailure> {
        self.prepare()?;
        let (stop, several) = (self.stop.clone(), self.members.are_several());
        let mut metrics = Vec::new();
        for training in self.turn() {
            let epoch = training.epoch(&stop);
            metrics.push(epoch.map_err(|error| training.failed(several, error))?);
        }
        let mut report = self.report(&metrics);
        if !several {
            // Its value is that of this epoch, whichever will count in the end.
            let objective = self.trainings[0].task.spec.objective;
            report.value = objective.of(&metrics[0].validation);
            report.members.clear();
        }
        let fold_is_over = self.members.sequential && (self.done + 1).is_multiple_of(self.epochs);
        if fold_is_over {
            let trainers = self.turn().filter_map(|training| training.trainer.as_ref());
            trainers.for_each(Parkable::park);
        }
        self.done += 1;
        Ok(report)
    }

    fn checkpoint(&self) -> Result<Vec<u8>, TrialFailure> {
        if !self.members.are_several() {
            let only = self.trainings[0].trainer.as_ref();
            return only.expect("it has begun").checkpoint().map_err(failure);
        }
        let mut trainings = Vec::new();
        for training in &self.trainings {
            if let (Some(trainer), Some(report)) = (&training.trainer, &training.report) {
                let checkpoint = trainer.checkpoint();
                let checkpoint = checkpoint.map_err(|error| training.failed(true, error))?;
                let report = report.clone();
                trainings.push(Saved { report, checkpoint });
            }
        }
        Ok(checkpoint::encode(&trainings))
    }
}
