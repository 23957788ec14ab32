//! A trial in training: one training, or several side by side or one after another.

use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tunefork_study::{
    EpochReport, FailureKind, Member, MemberReport, Members, Metrics, Run, StopFlag, TrialContext, TrialFailure,
    TrialProgress, mean,
};
use tunefork_train::{EpochMetrics, Task, TrainError};

use super::checkpoint::{self, Saved};
use super::failure::crowded;
use super::figures::{self, timing, together};
use super::trainer_pool::{PooledTrainer, TrainerPool};

/// A trial in training.
pub struct TrainingRun {
    pool: Arc<TrainerPool>,
    threads: usize,
    stop: StopFlag,
    progress: TrialProgress,
    members: Members,
    /// Epochs of each training.
    epochs: u32,
    /// Epochs of the trial that are done.
    done: u32,
    trainings: Vec<MemberTraining>,
}

/// One of the trainings of a trial.
struct MemberTraining {
    member: Member,
    /// All of its trial.
    members: Members,
    task: Task,
    /// Nothing before its turn has come for the first time.
    trainer: Option<PooledTrainer>,
    /// What it has brought so far: the value that would count now, and all figures of its last epoch.
    report: Option<MemberReport>,
}

impl TrainingRun {
    /// A trial at its beginning, or where a checkpoint was taken.
    pub(super) fn start(
        pool: &Arc<TrainerPool>,
        members: Members,
        tasks: Vec<(Member, Task)>,
        trial: &TrialContext,
        checkpoint: Option<&[u8]>,
    ) -> Result<Self, TrialFailure> {
        let training = |(member, task)| MemberTraining { member, members, task, trainer: None, report: None };
        let mut run = Self {
            pool: Arc::clone(pool),
            threads: trial.threads,
            stop: trial.stop.clone(),
            progress: trial.progress.clone(),
            members,
            epochs: tasks[0].1.spec.epochs,
            done: 0,
            trainings: tasks.into_iter().map(training).collect(),
        };
        match checkpoint {
            Some(checkpoint) => run.restore(checkpoint)?,
            None => run.prepare()?,
        }
        run.progress.set_epochs(run.done.into());
        Ok(run)
    }

    fn turn(&mut self) -> impl Iterator<Item = &mut MemberTraining> {
        let fold = self.members.turn(self.done, self.epochs);
        let trainings = self.trainings.iter_mut();
        trainings.filter(move |training| fold.is_none_or(|fold| fold == training.member.fold))
    }

    /// Sees to it that those whose turn it is have begun.
    fn prepare(&mut self) -> Result<(), TrialFailure> {
        let (pool, threads) = (Arc::clone(&self.pool), self.threads);
        for training in self.turn() {
            if training.trainer.is_none() {
                training.trainer = Some(training.begin(&pool, threads, None)?);
            }
        }
        Ok(())
    }

    fn restore(&mut self, checkpoint: &[u8]) -> Result<(), TrialFailure> {
        if let [only] = &mut self.trainings[..] {
            let trainer = only.begin(&self.pool, self.threads, Some(checkpoint))?;
            self.done = trainer.epochs_done();
            only.trainer = Some(trainer);
            return Ok(());
        }
        let damaged = || TrialFailure::new(FailureKind::Fault, "it is not one of these trainings");
        for saved in checkpoint::decode(checkpoint).ok_or_else(damaged)? {
            let member = saved.report.member;
            let mut trainings = self.trainings.iter_mut();
            let training = trainings.find(|training| training.member == member);
            let training = training.ok_or_else(damaged)?;
            let trainer = training.begin(&self.pool, self.threads, Some(saved.checkpoint))?;
            let epochs = trainer.epochs_done();
            let done = match self.members.sequential {
                true => member.fold * self.epochs + epochs,
                false => epochs,
            };
            self.done = self.done.max(done);
            if self.members.sequential && epochs == self.epochs {
                trainer.evict();
            }
            (training.trainer, training.report) = (Some(trainer), Some(saved.report));
        }
        Ok(())
    }

    /// Calls `work` with each training that has begun. One whose turn is over has no engine before and
    /// after that.
    pub(super) fn each(
        &self,
        mut work: impl FnMut(Member, &PooledTrainer) -> Result<(), TrialFailure>,
    ) -> Result<(), TrialFailure> {
        for training in &self.trainings {
            let Some(trainer) = &training.trainer else {
                continue;
            };
            work(training.member, trainer)?;
            if self.members.sequential {
                trainer.evict();
            }
        }
        Ok(())
    }

    /// An epoch of each training whose turn it is: one after the other, or, on a GPU, side by side. There those of one plan take
    /// their steps together.
    fn epochs(&mut self) -> Result<Vec<EpochMetrics>, TrialFailure> {
        let (stop, progress, done) = (self.stop.clone(), self.progress.clone(), f64::from(self.done));
        let side_by_side = self.pool.trains_side_by_side();
        let turn: Vec<&mut MemberTraining> = self.turn().collect();
        let shares: Vec<Mutex<f64>> = turn.iter().map(|_| Mutex::new(0.0)).collect();
        let tell = |number: usize, share: f64| {
            let lock = |share: &Mutex<f64>| *share.lock().unwrap_or_else(PoisonError::into_inner);
            *shares[number].lock().unwrap_or_else(PoisonError::into_inner) = share;
            let all: f64 = shares.iter().map(lock).sum();
            progress.set_epochs(done + all / shares.len() as f64);
        };
        let epoch = |number: usize, training: &mut MemberTraining| {
            let metrics = training.epoch(&|share| {
                tell(number, share);
                stop.is_raised()
            });
            if metrics.is_ok() {
                tell(number, 1.0);
            }
            metrics
        };
        let numbered = turn.into_iter().enumerate();
        if !side_by_side {
            return numbered.map(|(number, training)| epoch(number, training)).collect();
        }
        let epoch = &epoch;
        thread::scope(|scope| {
            let threads: Vec<_> =
                numbered.map(|(number, training)| scope.spawn(move || epoch(number, training))).collect();
            let ended = threads.into_iter().map(|thread| thread.join());
            ended.map(|ended| ended.unwrap_or_else(|panic| resume_unwind(panic))).collect()
        })
    }

    fn report(&self, epochs: &[EpochMetrics]) -> EpochReport {
        let reports: Vec<&MemberReport> =
            self.trainings.iter().filter_map(|training| training.report.as_ref()).collect();
        let values: Vec<f64> = reports.iter().map(|report| report.value).collect();
        let metrics: Vec<&Metrics> = reports.iter().map(|report| &report.metrics).collect();
        // What single classes have brought in each training is not kept.
        let stored = |report: &&MemberReport| MemberReport {
            metrics: Metrics { whole: report.metrics.whole.clone(), ..Metrics::default() },
            ..**report
        };
        EpochReport {
            value: mean(&values),
            metrics: together(&metrics),
            timing: Some(timing(epochs)),
            members: reports.iter().map(stored).collect(),
        }
    }
}

impl MemberTraining {
    /// Its trainer, at the beginning or where a checkpoint was taken.
    fn begin(
        &self,
        pool: &Arc<TrainerPool>,
        threads: usize,
        checkpoint: Option<&[u8]>,
    ) -> Result<PooledTrainer, TrialFailure> {
        let trainer = pool.start(self.task.clone(), threads, checkpoint);
        trainer.map_err(|error| self.failed(error))
    }

    /// Trains an epoch, and keeps what it has brought. `stop` is told which share of it is done.
    fn epoch(&mut self, stop: &dyn Fn(f64) -> bool) -> Result<EpochMetrics, TrialFailure> {
        let trainer = self.trainer.as_ref().expect("its turn has come");
        let epoch = trainer.with(|trainer| {
            let metrics = trainer.epoch_unless(stop)?;
            let counted = trainer.value().expect("there was an epoch");
            Ok((metrics, counted.value))
        });
        let (metrics, value) = epoch.map_err(|error| self.failed(error))?;
        self.report = Some(MemberReport {
            member: self.member,
            value,
            metrics: figures::metrics(&metrics, self.task.images.data.classes()),
        });
        Ok(metrics)
    }

    /// What an error of this training means for its trial.
    fn failed(&self, error: TrainError) -> TrialFailure {
        let mut failure = crowded(error);
        if self.members.are_several() {
            let name = self.members.name(self.member);
            failure.message = format!("{name}: {}", failure.message);
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
        let metrics = self.epochs()?;
        let mut report = self.report(&metrics);
        if let [only] = &self.trainings[..] {
            // Its value is that of this epoch, whichever will count in the end.
            report.value = only.task.spec.objective.of(&metrics[0].validation);
            report.members.clear();
        }
        let fold_is_over = self.members.sequential && (self.done + 1).is_multiple_of(self.epochs);
        if fold_is_over {
            let trainers = self.turn().filter_map(|training| training.trainer.as_ref());
            trainers.for_each(PooledTrainer::evict);
        }
        self.done += 1;
        self.progress.set_epochs(self.done.into());
        Ok(report)
    }

    fn set_threads(&mut self, threads: usize) {
        self.threads = threads;
        let trainers = self.trainings.iter().filter_map(|training| training.trainer.as_ref());
        trainers.for_each(|trainer| trainer.set_threads(threads));
    }

    fn checkpoint(&self) -> Result<Vec<u8>, TrialFailure> {
        let mut saved = Vec::new();
        for training in &self.trainings {
            let Some(trainer) = &training.trainer else {
                continue;
            };
            let checkpoint = trainer.checkpoint().map_err(|error| training.failed(error))?;
            if !self.members.are_several() {
                return Ok(checkpoint);
            }
            if let Some(report) = training.report.clone() {
                saved.push(Saved { report, checkpoint });
            }
        }
        Ok(checkpoint::encode(saved))
    }
}
