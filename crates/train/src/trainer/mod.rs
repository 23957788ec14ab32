//! The epoch loop.

mod measure;
mod pace;
mod resume;

use std::sync::Arc;
use std::time::Instant;

use tunefork_rng::Purpose;

use crate::average::Average;
use crate::batch::Batches;
use crate::course::best;
use crate::error::LossAt;
use crate::mixing;
use crate::weights::WeightMap;
use crate::{
    At, Compiled, Device, Engine, EpochMetrics, StepResult, StepSettings, Task, Tensor, TrainError, TrainingStep,
};

/// A network in training: goes through its epochs, measures each, and can be stopped and taken up
/// again between any two of them with the same bits.
///
/// The value of a run is that of its last epoch or of its best one, as [`At`] says; its weights are of
/// that epoch too.
pub struct Trainer {
    task: Task,
    compiled: Compiled,
    engine: Box<dyn Engine>,
    weights: WeightMap,
    batches: Batches,
    dropout: Vec<f32>,
    /// Weight of each class; empty: all weigh the same.
    class_weights: Vec<f32>,
    digest: [u8; 32],
    /// The value of each epoch so far.
    values: Vec<f64>,
    /// Averaged weights, if they are asked for: then they are measured and kept.
    average: Option<Average>,
    /// Slab of the best epoch so far; empty unless it is asked for.
    best_slab: Vec<f32>,
    /// False while an epoch is under way, and so after one that failed.
    between_epochs: bool,
}

impl std::fmt::Debug for Trainer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trainer").field("task", &self.task).field("values", &self.values).finish_non_exhaustive()
    }
}

/// An epoch and its value.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct EpochValue {
    /// The epoch, from 1.
    pub epoch: u32,
    /// The objective on the validation images.
    pub value: f64,
}

impl Trainer {
    /// Plans the task, allocates everything, and sets the initial weights.
    ///
    /// # Errors
    /// As [`Task::compile`] and [`Device::engine`]; [`TrainError::DoesNotFit`] if the device has not
    /// enough memory now.
    pub fn new(task: Task, device: &dyn Device) -> Result<Self, TrainError> {
        let compiled = task.compile(device)?;
        Self::from_compiled(task, compiled, device)
    }

    /// As [`Trainer::new`], refused if the run takes more than `budget` bytes.
    ///
    /// # Errors
    /// As [`Task::compile_within`] and [`Device::engine`].
    pub fn within(task: Task, device: &dyn Device, budget: u64) -> Result<Self, TrainError> {
        let compiled = task.compile_within(device, budget)?;
        Self::from_compiled(task, compiled, device)
    }

    fn from_compiled(task: Task, compiled: Compiled, device: &dyn Device) -> Result<Self, TrainError> {
        task.fit_now(device, &compiled)?;
        let mut engine = device.engine(Arc::clone(&compiled.plan))?;
        engine.prepare(&task.images)?;
        let weights = WeightMap::new(&task.network, compiled.plan.slab.clone())?;
        let initial = weights.initial(task.key);
        engine.write_slab(&initial)?;
        let average = (task.spec.ema > 0.0).then(|| Average::new(task.spec.ema, initial));
        let best_len = if task.spec.at == At::Best { weights.slab_len() } else { 0 };
        Ok(Self {
            batches: Batches::new(task.most_images(), task.changed_images()),
            dropout: task.network.dropout_probabilities(),
            class_weights: task.class_weights(),
            digest: task.digest(),
            values: Vec::new(),
            average,
            best_slab: vec![0.0; best_len],
            between_epochs: true,
            task,
            compiled,
            engine,
            weights,
        })
    }

    /// The task that it was made for.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// Plan, bytes and cost.
    pub fn compiled(&self) -> &Compiled {
        &self.compiled
    }

    /// Epochs done so far.
    pub fn epochs_done(&self) -> u32 {
        self.values.len() as u32
    }

    /// Whether there are no more epochs: as many as were asked for are done, or the value has not got
    /// better for as long as is waited.
    pub fn is_over(&self) -> bool {
        self.task.spec.is_over(&self.values)
    }

    /// The last epoch and its value.
    pub fn last(&self) -> Option<EpochValue> {
        self.values.last().map(|&value| EpochValue { epoch: self.epochs_done(), value })
    }

    /// The best epoch so far and its value.
    pub fn best(&self) -> Option<EpochValue> {
        best(self.task.spec.objective, &self.values)
    }

    /// The epoch that counts, [`Trainer::last`] or [`Trainer::best`], and its value.
    pub fn value(&self) -> Option<EpochValue> {
        match self.task.spec.at {
            At::Last => self.last(),
            At::Best => self.best(),
        }
    }

    /// Trains from now on with so many CPU threads, where it is the CPU that computes; changes no bit.
    pub fn set_threads(&mut self, threads: usize) {
        self.engine.set_threads(threads);
    }

    /// Trains one epoch and validates it.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] when the loss is no number any more, [`TrainError::Done`] after the last
    /// epoch, [`TrainError::Unfinished`] after an epoch that failed.
    pub fn epoch(&mut self) -> Result<EpochMetrics, TrainError> {
        self.epoch_unless(&|_| false)
    }

    /// As [`Trainer::epoch`], but gives up between two steps once `stop` says so, which is told how much of
    /// the epoch's work is done: a share, 0 to below 1, that never falls. The trainer can then only go on from
    /// a checkpoint.
    ///
    /// # Errors
    /// [`TrainError::Interrupted`]; or as [`Trainer::epoch`].
    pub fn epoch_unless(&mut self, stop: &dyn Fn(f64) -> bool) -> Result<EpochMetrics, TrainError> {
        if self.is_over() {
            let epochs = self.epochs_done();
            return Err(TrainError::Done { epochs });
        }
        if !self.between_epochs {
            return Err(TrainError::Unfinished);
        }
        self.between_epochs = false;
        let epoch = self.epochs_done() + 1;
        let start = Instant::now();
        let (steps, training) = (self.compiled.steps_per_epoch, self.compiled.training_share());
        let trained = self.train(epoch, &mut |taken| stop(training * taken as f64 / steps as f64))?;
        let seconds = start.elapsed().as_secs_f64();
        let indices = Arc::clone(&self.task.split);
        let stop = |measured: f64| stop(training + (1.0 - training) * measured);
        let validation = match &self.average {
            Some(average) => {
                let averaged = average.slab().to_vec();
                self.measure_as(&averaged, &indices.validation, &stop)?
            }
            None => self.measure(&indices.validation, &stop)?,
        };
        if !validation.loss.is_finite() {
            return Err(TrainError::Diverged { at: LossAt::Validation { epoch }, loss: validation.loss });
        }
        self.finish_epoch(self.task.spec.objective.of(&validation))?;
        Ok(EpochMetrics {
            epoch,
            train_loss: trained.loss_sum / trained.images as f64,
            train_accuracy: trained.correct as f64 / trained.images as f64,
            validation,
            learning_rate: trained.learning_rate,
            images: trained.images,
            seconds,
            validation_seconds: start.elapsed().as_secs_f64() - seconds,
        })
    }

    /// Takes the steps of an epoch; `stop` is asked before each call of the engine, with the number of
    /// steps that are known to be done.
    fn train(&mut self, epoch: u32, stop: &mut dyn FnMut(u64) -> bool) -> Result<Trained, TrainError> {
        let trained = self.take_steps(epoch, stop);
        if trained.is_err() {
            // The engine may be at work still, and serves again what follows. What ended the epoch is the error that is told.
            let _ = self.engine.catch_up(&mut Vec::new());
        }
        trained
    }

    fn take_steps(&mut self, epoch: u32, stop: &mut dyn FnMut(u64) -> bool) -> Result<Trained, TrainError> {
        let Task { spec, images, split, key, .. } = &self.task;
        self.batches.shuffled(images, &split.train, &spec.augmentation, *key, epoch - 1);
        let steps = self.compiled.steps_per_epoch;
        let plateau = spec.plateau.map(|plateau| plateau.rate(spec.objective, &self.values));
        let learning_rate = spec.optimizer.learning_rate * plateau.unwrap_or(1.0);
        let dropout_key = key.counter_key(Purpose::Dropout);
        let settings = |index: u64| {
            let step = u64::from(epoch - 1) * steps + index;
            StepSettings {
                step,
                optimizer: spec.optimizer.rule,
                learning_rate: learning_rate * spec.schedule.factor(step, steps, spec.epochs),
                weight_decay: spec.optimizer.weight_decay,
                decay_norms_and_biases: spec.optimizer.decay_norms_and_biases,
                clip_norm: spec.clip_norm,
                label_smoothing: spec.label_smoothing,
                class_weights: &self.class_weights,
                mixing: mixing::share(spec.mixup, *key, step),
                dropout: &self.dropout,
                dropout_key,
            }
        };
        let batch = |index: u64| self.batches.get(images, spec.batch_size, index);
        let step = |index: u64| {
            let settings = settings(index);
            TrainingStep { batch: batch(index).mixed(settings.mixing), settings }
        };
        // Made once an epoch: a step allocates nothing.
        let chunk = self.engine.chunk().max(1);
        let mut inputs = Vec::with_capacity(chunk);
        let mut results = Vec::with_capacity(2 * chunk);
        let mut trained = Trained::default();
        let mut first = 0;
        while first < steps {
            if stop(trained.steps) {
                return Err(TrainError::Interrupted { epoch });
            }
            let mut end = steps.min(first + chunk as u64);
            if self.average.is_some() {
                end = end.min((first / Average::EVERY + 1) * Average::EVERY);
            }
            inputs.clear();
            inputs.extend((first..end).map(step));
            self.engine.train_ahead(&inputs, &mut results)?;
            if end == steps {
                self.engine.catch_up(&mut results)?;
            }
            for result in results.drain(..) {
                let rows = batch(trained.steps).rows();
                trained.add(rows, &result, epoch)?;
            }
            if let Some(average) = &mut self.average
                && (end == steps || end.is_multiple_of(Average::EVERY))
            {
                let since = end - (end - 1) / Average::EVERY * Average::EVERY;
                average.update(&*self.engine, u64::from(epoch - 1) * steps + end, since)?;
            }
            trained.learning_rate = settings(end - 1).learning_rate;
            first = end;
        }
        Ok(trained)
    }

    fn finish_epoch(&mut self, value: f64) -> Result<(), TrainError> {
        let best = self.best();
        let better = best.is_none_or(|best| self.task.spec.objective.better(value, best.value));
        if better && !self.best_slab.is_empty() {
            match &self.average {
                Some(average) => self.best_slab.copy_from_slice(average.slab()),
                None => self.engine.read_slab(&mut self.best_slab)?,
            }
        }
        self.values.push(value);
        self.between_epochs = true;
        Ok(())
    }

    /// The tensors of the epoch that counts, in PyTorch's shapes and order; before the first epoch the
    /// initial ones.
    ///
    /// # Errors
    /// If the engine fails.
    pub fn weights(&self) -> Result<Vec<Tensor>, TrainError> {
        Ok(self.weights.tensors(&self.counted_slab()?))
    }

    /// Replaces the initial weights before the first epoch, for example by those of another program.
    ///
    /// # Errors
    /// If a tensor is missing, unknown or of another shape, or the engine fails.
    pub fn set_weights(&mut self, tensors: &[Tensor]) -> Result<(), TrainError> {
        let slab = self.weights.slab(tensors)?;
        if let Some(average) = &mut self.average {
            average.restore(&slab);
        }
        Ok(self.engine.write_slab(&slab)?)
    }

    fn counted_slab(&self) -> Result<Vec<f32>, TrainError> {
        match &self.average {
            _ if self.values.is_empty() => self.read_slab(),
            _ if !self.best_slab.is_empty() => Ok(self.best_slab.clone()),
            Some(average) => Ok(average.slab().to_vec()),
            None => self.read_slab(),
        }
    }

    fn read_slab(&self) -> Result<Vec<f32>, TrainError> {
        let mut slab = vec![0.0; self.weights.slab_len()];
        self.engine.read_slab(&mut slab)?;
        Ok(slab)
    }
}

/// Sums over the steps of an epoch.
#[derive(Default)]
struct Trained {
    steps: u64,
    loss_sum: f64,
    correct: u64,
    images: u64,
    learning_rate: f64,
}

impl Trained {
    /// Counts the next step of an epoch, with so many images, unless its loss is no number.
    fn add(&mut self, rows: usize, result: &StepResult, epoch: u32) -> Result<(), TrainError> {
        self.steps += 1;
        if !result.loss_sum.is_finite() {
            let at = LossAt::Step { epoch, step: self.steps };
            return Err(TrainError::Diverged { at, loss: result.loss_sum });
        }
        self.loss_sum += result.loss_sum;
        self.correct += u64::from(result.correct);
        self.images += rows as u64;
        Ok(())
    }
}
