//! What an epoch loop knows of the machine it trains on.
//!
//! A [`Device`] plans graphs and makes an [`Engine`] of a plan; an engine holds one network's state and
//! takes steps. The loop never sees a thread or a stream, so a second device is a second
//! implementation of these two traits.

use std::sync::Arc;

use crate::{Batch, Graph, GraphError, ImageSet, Plan, StepSettings};

/// Why an engine cannot be made or a step cannot be taken, with the error of its own crate.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The device takes no more work from this process: every other engine would fail of that too, and only a new process can go on.
    #[error(transparent)]
    Lost(Box<dyn std::error::Error + Send + Sync>),
    /// There is no memory for it now; the device and its other engines go on.
    #[error(transparent)]
    OutOfMemory(Box<dyn std::error::Error + Send + Sync>),
    /// The device fails, or what it was asked for cannot be.
    #[error(transparent)]
    Failed(Box<dyn std::error::Error + Send + Sync>),
}

impl EngineError {
    /// A failure that says nothing about other engines.
    pub fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Failed(error.into())
    }
}

/// A place where networks can be trained.
pub trait Device: Send + Sync {
    /// Plans training in batches of the graph's size and evaluation in batches of
    /// `evaluation_batch`, with the work space that this device needs.
    ///
    /// # Errors
    /// If the graph is not complete.
    fn plan(&self, graph: &Graph, evaluation_batch: usize) -> Result<Plan, GraphError>;

    /// Exact bytes of all buffers that an engine for this plan allocates to learn from these images.
    fn planned_bytes(&self, plan: &Plan, images: &dyn ImageSet) -> u64;

    /// How much memory an engine can have here while it learns from these images; nothing where memory
    /// is not the device's own.
    ///
    /// # Errors
    /// If the device fails.
    fn room(&self, images: &dyn ImageSet) -> Result<Option<Room>, EngineError> {
        let _ = images;
        Ok(None)
    }

    /// An engine with all its buffers, but for those that [`Engine::prepare`] makes; nothing more is
    /// allocated afterwards.
    ///
    /// # Errors
    /// If the device does not give what the plan needs.
    fn engine(&self, plan: Arc<Plan>) -> Result<Box<dyn Engine>, EngineError>;
}

/// Bytes of a device's own memory, without what images take that lie there for all engines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Room {
    /// Free now: others may hold some.
    pub free: u64,
    /// There for an engine that has the device alone: the same on every device of this model.
    pub most: u64,
}

/// One network in training: weights, optimizer state, running statistics, and the buffers of a step.
///
/// The same steps give the same bits, whatever the number of threads and however they are divided into
/// calls.
pub trait Engine: Send {
    /// What this engine runs.
    fn plan(&self) -> &Plan;

    /// Steps or batches that a call should bring where there are so many: a device that answers from
    /// afar would wait for each single one. Between two calls a run can be stopped.
    fn chunk(&self) -> usize {
        1
    }

    /// Allocates what is needed besides to learn from these images, or puts them where they are needed, so
    /// that later calls do not have to.
    ///
    /// # Errors
    /// If the device does not give what is needed.
    fn prepare(&mut self, images: &dyn ImageSet) -> Result<(), EngineError> {
        let _ = images;
        Ok(())
    }

    /// Goes on with so many CPU threads (0 counts as 1), which changes no bit. For engines that compute on the
    /// CPU; others have nothing to do.
    fn set_threads(&mut self, threads: usize) {
        let _ = threads;
    }

    /// Takes steps one after the other: forward, backward and update with batches of at most
    /// `plan.batch` images; rows beyond are masked. `results` gets one result for each step. A step
    /// whose loss is no number is reported like any other, and those behind it are taken too.
    ///
    /// # Errors
    /// If the device fails; some of the steps may then have been taken.
    ///
    /// # Panics
    /// If there is not one result for each step.
    fn train(&mut self, steps: &[TrainingStep<'_>], results: &mut [StepResult]) -> Result<(), EngineError>;

    /// Takes steps as [`train`](Self::train) does, but need not wait for them: a device that answers from afar is given the next
    /// call while it is at the last one. `results` gets, in order, those that are there by now; of at most one call of the engine they
    /// come later, with the next call of this function or of [`catch_up`](Self::catch_up), which goes before anything else
    /// that changes the engine or evaluates. After an error nothing more comes.
    ///
    /// # Errors
    /// As [`train`](Self::train), also in the steps of the call before.
    fn train_ahead(&mut self, steps: &[TrainingStep<'_>], results: &mut Vec<StepResult>) -> Result<(), EngineError> {
        let first = results.len();
        results.resize(first + steps.len(), StepResult::default());
        self.train(steps, &mut results[first..])
    }

    /// Waits for the steps that [`train_ahead`](Self::train_ahead) did not wait for, and adds their results.
    ///
    /// # Errors
    /// If the device fails.
    fn catch_up(&mut self, results: &mut Vec<StepResult>) -> Result<(), EngineError> {
        let _ = results;
        Ok(())
    }

    /// Forward in evaluation mode with batches of at most the plan's evaluation batch; `tell` is
    /// called with each of them in order.
    ///
    /// # Errors
    /// If the device fails.
    fn evaluate(
        &mut self,
        batches: &[Batch<'_>],
        tell: &mut dyn FnMut(&Batch<'_>, Evaluated<'_>),
    ) -> Result<(), EngineError>;

    /// Copies the slab (parameters, then running statistics, as laid out by the plan) to `slab`.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If `slab` has another length than the plan's slab.
    fn read_slab(&self, slab: &mut [f32]) -> Result<(), EngineError>;

    /// Replaces the slab.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If `slab` has another length than the plan's slab.
    fn write_slab(&mut self, slab: &[f32]) -> Result<(), EngineError>;

    /// Copies the state of the optimizer, in the engine's own order; a scaled loss has its scale there.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If `state` does not have [`Engine::optimizer_len`] values.
    fn read_optimizer(&self, state: &mut [f32]) -> Result<(), EngineError>;

    /// Replaces the state of the optimizer.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If `state` does not have [`Engine::optimizer_len`] values.
    fn write_optimizer(&mut self, state: &[f32]) -> Result<(), EngineError>;

    /// Number of values in the state of the optimizer.
    fn optimizer_len(&self) -> usize;
}

/// A batch and what else its step takes.
#[derive(Clone, Copy, Debug)]
pub struct TrainingStep<'a> {
    /// At most the plan's batch of images, with their labels.
    pub batch: Batch<'a>,
    /// Optimizer, learning rate, dropout and the like: nothing of it is in the plan.
    pub settings: StepSettings<'a>,
}

/// What a step reports.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct StepResult {
    /// Sum of the images' losses, before the update.
    pub loss_sum: f64,
    /// Images classified correctly, before the update.
    pub correct: u32,
    /// Global norm of the gradients before clipping, where they are clipped by the host.
    pub gradient_norm: Option<f64>,
    /// Whether the update was left out because a scaled gradient was not finite
    /// ([`Precision::F16`](crate::Precision::F16) only).
    pub skipped: bool,
}

/// What an evaluated batch reports.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Evaluated<'a> {
    /// Sum of the images' losses, without label smoothing.
    pub loss_sum: f64,
    /// Images whose largest logit is that of their label.
    pub correct: u32,
    /// One row of `classes` values per image.
    pub logits: &'a [f32],
}
