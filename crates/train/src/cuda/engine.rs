//! A network in training on a GPU.

use std::sync::Arc;

use tunefork_cuda::StepInput;
use tunefork_graph::Plan;
use tunefork_kernels::Stream;

use super::Shared;
use crate::{Batch, Engine, Evaluated, Step, StepResult, TrainError};

/// An engine of `tunefork-cuda` at its place on a GPU.
///
/// Every call holds the GPU's lock from its beginning to its end: a stream takes the work of one engine
/// at a time, and while one is captured nothing else may be asked of it. Only the plan is known without.
pub(super) struct CudaEngine {
    /// There until it is dropped.
    engine: Option<tunefork_cuda::Engine>,
    plan: Arc<Plan>,
    chunk: usize,
    optimizer_len: usize,
    stream: Arc<dyn Stream>,
    shared: Arc<Shared>,
    taken: Vec<tunefork_cuda::StepResult>,
}

impl CudaEngine {
    pub(super) fn new(
        engine: tunefork_cuda::Engine,
        plan: Arc<Plan>,
        stream: Arc<dyn Stream>,
        shared: Arc<Shared>,
    ) -> Self {
        let chunk = engine.steps_per_call().max(1);
        Self {
            plan,
            chunk,
            optimizer_len: engine.optimizer_len(),
            engine: Some(engine),
            stream,
            shared,
            taken: vec![tunefork_cuda::StepResult::default(); chunk],
        }
    }
}

/// Calls a function of the engine under the GPU's lock; an error is told to the GPU.
macro_rules! locked {
    ($self:ident, $engine:ident => $call:expr) => {{
        let mut state = $self.shared.lock();
        let $engine = $self.engine.as_ref().expect("there until it is dropped");
        $call.map_err(|error| $self.shared.failed(&mut state, &$self.stream, error))
    }};
    ($self:ident, mut $engine:ident => $call:expr) => {{
        let mut state = $self.shared.lock();
        let $engine = $self.engine.as_mut().expect("there until it is dropped");
        $call.map_err(|error| $self.shared.failed(&mut state, &$self.stream, error))
    }};
}

impl Engine for CudaEngine {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn chunk(&self) -> usize {
        self.chunk
    }

    fn train(&mut self, steps: &[Step<'_>], results: &mut [StepResult]) -> Result<(), TrainError> {
        assert_eq!(steps.len(), results.len(), "one result for each step");
        let mut first = 0;
        while let Some(step) = steps.get(first) {
            // As a rule all steps are of one set of images; nothing forbids another.
            let images = step.batch.images();
            let same = |step: &&Step<'_>| std::ptr::eq(step.batch.images(), images);
            let count = steps[first..]
                .iter()
                .take(self.chunk)
                .take_while(same)
                .count();
            let resident = self.shared.resident(&self.stream, images)?;
            let inputs: Vec<StepInput<'_>> =
                steps[first..first + count].iter().map(input).collect();
            let taken = &mut self.taken[..count];
            locked!(self, mut engine => engine.steps(&resident, &inputs, taken))?;
            for (result, taken) in results[first..].iter_mut().zip(taken) {
                *result = StepResult {
                    loss_sum: taken.loss_sum,
                    correct: taken.correct,
                };
            }
            first += count;
        }
        Ok(())
    }

    fn evaluate(
        &mut self,
        batches: &[Batch<'_>],
        tell: &mut dyn FnMut(&Batch<'_>, Evaluated<'_>),
    ) -> Result<(), TrainError> {
        for batch in batches {
            let resident = self.shared.resident(&self.stream, batch.images())?;
            let evaluated =
                locked!(self, mut engine => engine.evaluate(&resident, batch.indices()))?;
            let (loss_sum, logits) = (evaluated.loss_sum, evaluated.logits);
            tell(batch, Evaluated { loss_sum, logits });
        }
        Ok(())
    }

    fn read_slab(&self, slab: &mut [f32]) -> Result<(), TrainError> {
        locked!(self, engine => engine.read_slab(slab))
    }

    fn write_slab(&mut self, slab: &[f32]) -> Result<(), TrainError> {
        locked!(self, mut engine => engine.write_slab(slab))
    }

    fn read_optimizer(&self, state: &mut [f32]) -> Result<(), TrainError> {
        locked!(self, engine => engine.read_optimizer(state))
    }

    fn write_optimizer(&mut self, state: &[f32]) -> Result<(), TrainError> {
        locked!(self, mut engine => engine.write_optimizer(state))
    }

    fn optimizer_len(&self) -> usize {
        self.optimizer_len
    }
}

impl Drop for CudaEngine {
    fn drop(&mut self) {
        // Memory is given back on the stream too.
        let _state = self.shared.lock();
        self.engine = None;
    }
}

fn input<'a>(step: &Step<'a>) -> StepInput<'a> {
    let Step { batch, settings } = *step;
    StepInput {
        indices: batch.indices(),
        settings,
    }
}
