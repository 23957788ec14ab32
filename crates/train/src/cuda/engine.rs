//! A network in training on a GPU.

use std::sync::Arc;

use tunefork_cuda::{StepInput, Transform};
use tunefork_graph::Plan;
use tunefork_kernels::Stream;

use super::Shared;
use super::sets::Place;
use crate::{Batch, Engine, Evaluated, Images, Step, StepResult, TrainError};

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
    /// Bytes that a set of images may take.
    image_budget: u64,
    taken: Vec<tunefork_cuda::StepResult>,
}

impl CudaEngine {
    pub(super) fn new(
        engine: tunefork_cuda::Engine,
        plan: Arc<Plan>,
        stream: Arc<dyn Stream>,
        shared: Arc<Shared>,
        image_budget: u64,
    ) -> Self {
        let chunk = engine.steps_per_call().max(1);
        Self {
            plan,
            chunk,
            optimizer_len: engine.optimizer_len(),
            engine: Some(engine),
            stream,
            shared,
            image_budget,
            taken: vec![tunefork_cuda::StepResult::default(); chunk],
        }
    }

    fn place(&self, images: &Images) -> Result<Place, TrainError> {
        self.shared.place(&self.stream, images, self.image_budget)
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

    fn prepare(&mut self, images: &Images) -> Result<(), TrainError> {
        let place = self.place(images)?;
        locked!(self, mut engine => engine.prepare(place.images(&images.data)))
    }

    fn train(&mut self, steps: &[Step<'_>], results: &mut [StepResult]) -> Result<(), TrainError> {
        assert_eq!(steps.len(), results.len(), "one result for each step");
        let mut first = 0;
        while let Some(step) = steps.get(first) {
            let images = step.batch.images();
            let batches = steps[first..].iter().map(|step| &step.batch);
            let count = of_one_set(batches.take(self.chunk));
            let place = self.place(images)?;
            let together = &steps[first..first + count];
            let transforms: Vec<Vec<Transform>> = together.iter().map(transforms).collect();
            let inputs: Vec<StepInput<'_>> = together
                .iter()
                .zip(&transforms)
                .map(|(step, transforms)| StepInput {
                    transforms,
                    ..StepInput::new(step.batch.indices(), step.settings)
                })
                .collect();
            let taken = &mut self.taken[..count];
            locked!(self, mut engine => engine.steps(place.images(&images.data), &inputs, taken))?;
            for (result, taken) in results[first..].iter_mut().zip(taken) {
                *result = StepResult { loss_sum: taken.loss_sum, correct: taken.correct };
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
        let mut first = 0;
        while let Some(batch) = batches.get(first) {
            let images = batch.images();
            let together = &batches[first..first + of_one_set(batches[first..].iter())];
            let place = self.place(images)?;
            let indices: Vec<&[u32]> = together.iter().map(Batch::indices).collect();
            let mut told = together.iter();
            let mut tell = |evaluated: tunefork_cuda::Evaluated<'_>| {
                let batch = told.next().expect("each batch once");
                let (loss_sum, logits) = (evaluated.loss_sum, evaluated.logits);
                tell(batch, Evaluated { loss_sum, logits });
            };
            let images = place.images(&images.data);
            locked!(self, mut engine => engine.evaluate_batches(images, &indices, &mut tell))?;
            first += together.len();
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

/// How many of the first batches are of the same set of images: as a rule all, but nothing forbids another.
fn of_one_set<'a>(batches: impl Iterator<Item = &'a Batch<'a>>) -> usize {
    let mut batches = batches.peekable();
    let Some(images) = batches.peek().map(|batch| batch.images()) else {
        return 0;
    };
    batches.take_while(|batch| std::ptr::eq(batch.images(), images)).count()
}

/// What happens to the images of a step, as the GPU knows it.
fn transforms(step: &Step<'_>) -> Vec<Transform> {
    let transforms = step.batch.transforms().iter();
    let transforms = transforms.map(|transform| Transform {
        column: transform.column,
        row: transform.row,
        gain: transform.gain,
        offset: transform.offset,
        erased: transform.erased,
    });
    transforms.collect()
}
