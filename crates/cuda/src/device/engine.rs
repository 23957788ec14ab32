//! A network in training on a GPU.

use std::sync::Arc;

use tunefork_graph::{self as graph, Batch, EngineError, Evaluated, ImageSet, Plan, StepResult, TrainingStep};

use super::SharedGpu;
use super::gang::{Gang, Ready};
use super::sets::SharedSet;
use crate::engine::evaluation;
use crate::layout::steps_per_call;
use crate::{CudaError, Engine, Images, Resident, StepInput};

/// An engine among others on a GPU.
///
/// It belongs to a gang, the engines of its plan: their work goes to one stream, which takes it by turns, and steps with images
/// that lie on the GPU are taken together with those of the others. Gangs work side by side.
pub(super) struct SharedEngine {
    /// There until it is dropped, but while its steps are taken.
    engine: Option<Engine>,
    id: u64,
    gang: Arc<Gang>,
    plan: Arc<Plan>,
    chunk: usize,
    optimizer_len: usize,
    shared: Arc<SharedGpu>,
    /// Bytes that a set of images may take.
    image_budget: u64,
}

impl SharedEngine {
    pub(super) fn new(engine: Engine, id: u64, gang: Arc<Gang>, shared: Arc<SharedGpu>, image_budget: u64) -> Self {
        let plan = Arc::clone(engine.shared_plan());
        let (chunk, optimizer_len) = (steps_per_call(&plan), engine.optimizer_len());
        Self { engine: Some(engine), id, gang, plan, chunk, optimizer_len, shared, image_budget }
    }

    fn set(&self, images: &dyn ImageSet) -> Result<SharedSet, CudaError> {
        self.shared.set(images, self.image_budget)
    }

    /// Calls a function of the engine when nobody else uses the stream.
    fn alone<T>(&self, call: impl FnOnce(&Engine) -> Result<T, CudaError>) -> Result<T, EngineError> {
        let _turn = self.gang.alone(self.id);
        Ok(call(self.engine.as_ref().expect(HERE))?)
    }

    /// The same for a function that changes it.
    fn alone_mut<T>(&mut self, call: impl FnOnce(&mut Engine) -> Result<T, CudaError>) -> Result<T, EngineError> {
        let _turn = self.gang.alone(self.id);
        Ok(call(self.engine.as_mut().expect(HERE))?)
    }

    /// Takes some steps with the gang, as many as may be taken together.
    fn together(
        &mut self,
        images: &Arc<Resident>,
        steps: &[StepInput<'_>],
        training: bool,
    ) -> Result<&mut Engine, CudaError> {
        let mut engine = self.engine.take().expect(HERE);
        engine.lane().write(steps, |_, indices| indices.iter().copied());
        let ready = Ready { id: self.id, engine, images: Arc::clone(images), training };
        let (engine, result) = self.gang.take(ready);
        let engine = self.engine.insert(engine);
        result.map(|()| engine)
    }

    fn train_together(
        &mut self,
        images: &Arc<Resident>,
        steps: &[StepInput<'_>],
        results: &mut [StepResult],
    ) -> Result<(), CudaError> {
        let engine = self.engine.as_mut().expect(HERE);
        engine.check_images(Images::Resident(images))?;
        let together = engine.check_steps(Images::Resident(images), steps)?;
        for (steps, results) in steps.chunks(together).zip(results.chunks_mut(together)) {
            let engine = self.together(images, steps, true)?;
            results.iter_mut().zip(engine.lane().results()).for_each(|(result, found)| *result = found);
        }
        Ok(())
    }

    fn evaluate_together(
        &mut self,
        images: &Arc<Resident>,
        batches: &[&[u32]],
        tell: &mut dyn FnMut(Evaluated<'_>),
    ) -> Result<(), CudaError> {
        let engine = self.engine.as_mut().expect(HERE);
        engine.check_images(Images::Resident(images))?;
        let together = engine.check_batches(Images::Resident(images), batches)?;
        for batches in batches.chunks(together) {
            let engine = self.together(images, &evaluation(batches), false)?;
            for (number, indices) in batches.iter().enumerate() {
                tell(engine.lane().evaluated(number, indices.len()));
            }
        }
        Ok(())
    }
}

/// Why an engine is where it should be.
const HERE: &str = "there until it is dropped";

impl graph::Engine for SharedEngine {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn chunk(&self) -> usize {
        self.chunk
    }

    fn prepare(&mut self, images: &dyn ImageSet) -> Result<(), EngineError> {
        let set = self.set(images)?;
        self.alone_mut(|engine| engine.prepare(set.images(images)))
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
            match &set {
                SharedSet::Resident(resident) => self.train_together(resident, &inputs, results)?,
                SharedSet::Streamed(_) => {
                    self.alone_mut(|engine| engine.steps(set.images(images), &inputs, results))?;
                }
            }
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
            match &set {
                SharedSet::Resident(resident) => self.evaluate_together(resident, &indices, &mut tell)?,
                SharedSet::Streamed(_) => {
                    self.alone_mut(|engine| engine.evaluate_batches(set.images(images), &indices, &mut tell))?;
                }
            }
            first += together.len();
        }
        Ok(())
    }

    fn read_slab(&self, slab: &mut [f32]) -> Result<(), EngineError> {
        self.alone(|engine| engine.read_slab(slab))
    }

    fn write_slab(&mut self, slab: &[f32]) -> Result<(), EngineError> {
        self.alone_mut(|engine| engine.write_slab(slab))
    }

    fn read_optimizer(&self, state: &mut [f32]) -> Result<(), EngineError> {
        self.alone(|engine| engine.read_optimizer(state))
    }

    fn write_optimizer(&mut self, state: &[f32]) -> Result<(), EngineError> {
        self.alone_mut(|engine| engine.write_optimizer(state))
    }

    fn optimizer_len(&self) -> usize {
        self.optimizer_len
    }
}

impl Drop for SharedEngine {
    fn drop(&mut self) {
        // Memory is given back on the stream too.
        let _turn = self.gang.alone(self.id);
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
