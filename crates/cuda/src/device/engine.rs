//! A network in training on a GPU.

use std::sync::Arc;

use tunefork_graph::{self as graph, Batch, EngineError, Evaluated, ImageSet, Plan, StepResult, TrainingStep};

use super::SharedGpu;
use super::sets::SharedSet;
use crate::layout::steps_per_call;
use crate::{CudaError, Engine, StepInput};

/// An engine among others on a GPU.
///
/// Every call holds the GPU's lock from its beginning to its end: a stream takes the work of one engine
/// at a time, and while one is captured nothing else may be asked of it. Only the plan is known without.
pub(super) struct SharedEngine {
    /// There until it is dropped.
    engine: Option<Engine>,
    plan: Arc<Plan>,
    chunk: usize,
    optimizer_len: usize,
    shared: Arc<SharedGpu>,
    /// Bytes that a set of images may take.
    image_budget: u64,
}

impl SharedEngine {
    pub(super) fn new(engine: Engine, plan: Arc<Plan>, shared: Arc<SharedGpu>, image_budget: u64) -> Self {
        let chunk = steps_per_call(&plan);
        Self { plan, chunk, optimizer_len: engine.optimizer_len(), engine: Some(engine), shared, image_budget }
    }

    fn set(&self, images: &dyn ImageSet) -> Result<SharedSet, CudaError> {
        self.shared.set(images, self.image_budget)
    }
}

/// Calls a function of the engine under the GPU's lock.
macro_rules! locked {
    ($self:ident, $engine:ident => $call:expr) => {{
        let _sets = $self.shared.lock();
        let $engine = $self.engine.as_ref().expect("there until it is dropped");
        $call.map_err(EngineError::from)
    }};
    ($self:ident, mut $engine:ident => $call:expr) => {{
        let _sets = $self.shared.lock();
        let $engine = $self.engine.as_mut().expect("there until it is dropped");
        $call.map_err(EngineError::from)
    }};
}

impl graph::Engine for SharedEngine {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn chunk(&self) -> usize {
        self.chunk
    }

    fn prepare(&mut self, images: &dyn ImageSet) -> Result<(), EngineError> {
        let set = self.set(images)?;
        locked!(self, mut engine => engine.prepare(set.images(images)))
    }

    fn train(&mut self, steps: &[TrainingStep<'_>], results: &mut [StepResult]) -> Result<(), EngineError> {
        assert_eq!(steps.len(), results.len(), "one result for each step");
        let mut first = 0;
        while let Some(step) = steps.get(first) {
            let images = step.batch.images();
            let batches = steps[first..].iter().map(|step| &step.batch);
            let count = of_one_set(batches.take(self.chunk));
            let set = self.set(images)?;
            let together = &steps[first..first + count];
            let inputs: Vec<StepInput<'_>> = together.iter().map(StepInput::of).collect();
            let results = &mut results[first..first + count];
            locked!(self, mut engine => engine.steps(set.images(images), &inputs, results))?;
            first += count;
        }
        Ok(())
    }

    fn evaluate(
        &mut self,
        batches: &[Batch<'_>],
        tell: &mut dyn FnMut(&Batch<'_>, Evaluated<'_>),
    ) -> Result<(), EngineError> {
        let mut first = 0;
        while let Some(batch) = batches.get(first) {
            let images = batch.images();
            let together = &batches[first..first + of_one_set(batches[first..].iter())];
            let set = self.set(images)?;
            let indices: Vec<&[u32]> = together.iter().map(Batch::indices).collect();
            let mut told = together.iter();
            let mut tell = |evaluated: Evaluated<'_>| tell(told.next().expect("each batch once"), evaluated);
            let images = set.images(images);
            locked!(self, mut engine => engine.evaluate_batches(images, &indices, &mut tell))?;
            first += together.len();
        }
        Ok(())
    }

    fn read_slab(&self, slab: &mut [f32]) -> Result<(), EngineError> {
        locked!(self, engine => engine.read_slab(slab))
    }

    fn write_slab(&mut self, slab: &[f32]) -> Result<(), EngineError> {
        locked!(self, mut engine => engine.write_slab(slab))
    }

    fn read_optimizer(&self, state: &mut [f32]) -> Result<(), EngineError> {
        locked!(self, engine => engine.read_optimizer(state))
    }

    fn write_optimizer(&mut self, state: &[f32]) -> Result<(), EngineError> {
        locked!(self, mut engine => engine.write_optimizer(state))
    }

    fn optimizer_len(&self) -> usize {
        self.optimizer_len
    }
}

impl Drop for SharedEngine {
    fn drop(&mut self) {
        // Memory is given back on the stream too.
        let _sets = self.shared.lock();
        self.engine = None;
    }
}

/// How many of the first batches are of the same set of images: as a rule all, but nothing forbids another.
fn of_one_set<'a>(batches: impl Iterator<Item = &'a Batch<'a>>) -> usize {
    let mut batches = batches.peekable();
    let Some(images) = batches.peek().map(|batch| batch.images()) else {
        return 0;
    };
    batches.take_while(|batch| std::ptr::addr_eq(batch.images(), images)).count()
}
