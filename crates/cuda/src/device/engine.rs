//! A network in training on a GPU.

use std::sync::Arc;

use tunefork_graph::{self as graph, Batch, EngineError, Evaluated, ImageSet, Plan, StepResult, TrainingStep};

use super::SharedGpu;
use super::gang::{Gang, Ready};
use super::sets::SharedSet;
use crate::engine::evaluation;
use crate::lane::Lane;
use crate::layout::steps_per_call;
use crate::{CudaError, Engine, Images, StepInput};

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
    fn alone_mut<T>(&mut self, call: impl FnOnce(&mut Engine) -> Result<T, CudaError>) -> Result<T, CudaError> {
        let _turn = self.gang.alone(self.id);
        call(self.engine.as_mut().expect(HERE))
    }

    fn lane(&mut self) -> &mut Lane {
        self.engine.as_mut().expect(HERE).lane()
    }

    /// Orders some steps, as many as may be taken together: with the gang, if the images lie on the GPU.
    fn order(
        &mut self,
        (set, images): (&SharedSet, &dyn ImageSet),
        steps: &[StepInput<'_>],
        training: bool,
    ) -> Result<&mut Lane, CudaError> {
        match set {
            SharedSet::Resident(resident) => {
                self.lane().write(steps, |_, indices| indices.iter().copied());
                let engine = self.engine.take().expect(HERE);
                let ready = Ready { id: self.id, engine, images: Arc::clone(resident), training };
                let (engine, ordered) = self.gang.take(ready);
                self.engine = Some(engine);
                ordered?;
            }
            SharedSet::Streamed(_) => self.alone_mut(|engine| engine.order(set.images(images), steps, training))?,
        }
        Ok(self.lane())
    }

    /// The engine, for images that were checked.
    fn checked(&self, images: Images<'_>) -> Result<&Engine, CudaError> {
        let engine = self.engine.as_ref().expect(HERE);
        engine.check_images(images)?;
        Ok(engine)
    }

    fn order_steps(&mut self, steps: &[TrainingStep<'_>], results: &mut Vec<StepResult>) -> Result<(), CudaError> {
        let mut first = 0;
        while let Some(step) = steps.get(first) {
            let images = step.batch.images();
            let batches = steps[first..].iter().map(|step| &step.batch);
            let count = of_one_set(batches.take(self.chunk));
            let set = self.set(images)?;
            let inputs: Vec<StepInput<'_>> = steps[first..first + count].iter().map(StepInput::of).collect();
            let on_device = set.images(images);
            let together = self.checked(on_device)?.check_steps(on_device, &inputs)?;
            for steps in inputs.chunks(together) {
                self.order((&set, images), steps, true)?.collect_but(1, results)?;
            }
            first += count;
        }
        Ok(())
    }

    /// Evaluates batches of one set; each call is ordered while the device is at the one before.
    fn evaluate_set(
        &mut self,
        (set, images): (&SharedSet, &dyn ImageSet),
        batches: &[&[u32]],
        tell: &mut dyn FnMut(Evaluated<'_>),
    ) -> Result<(), CudaError> {
        let on_device = set.images(images);
        let together = self.checked(on_device)?.check_batches(on_device, batches)?;
        let mut before = None;
        for batches in batches.chunks(together) {
            let lane = self.order((set, images), &evaluation(batches), false)?;
            if let Some(before) = before.replace(batches) {
                lane.tell(before, tell)?;
            }
        }
        before.map_or(Ok(()), |last| self.lane().tell(last, tell))
    }

    /// What became of some work: after an error, nothing is under way.
    fn after<T>(&mut self, work: Result<T, CudaError>) -> Result<T, EngineError> {
        if work.is_err() {
            self.lane().give_up();
        }
        Ok(work?)
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
        Ok(self.alone_mut(|engine| engine.prepare(set.images(images)))?)
    }

    fn train(&mut self, steps: &[TrainingStep<'_>], results: &mut [StepResult]) -> Result<(), EngineError> {
        assert_eq!(steps.len(), results.len(), "one result for each step");
        let mut found = Vec::with_capacity(steps.len());
        self.train_ahead(steps, &mut found)?;
        self.catch_up(&mut found)?;
        results.copy_from_slice(&found);
        Ok(())
    }

    fn train_ahead(&mut self, steps: &[TrainingStep<'_>], results: &mut Vec<StepResult>) -> Result<(), EngineError> {
        let ordered = self.order_steps(steps, results);
        self.after(ordered)
    }

    fn catch_up(&mut self, results: &mut Vec<StepResult>) -> Result<(), EngineError> {
        let caught_up = self.lane().collect_but(0, results);
        self.after(caught_up)
    }

    fn evaluate(
        &mut self,
        batches: &[Batch<'_>],
        tell: &mut dyn FnMut(&Batch<'_>, Evaluated<'_>),
    ) -> Result<(), EngineError> {
        assert_eq!(self.lane().under_way(), 0, "it has caught up");
        let mut first = 0;
        while let Some(batch) = batches.get(first) {
            let images = batch.images();
            let together = &batches[first..first + of_one_set(batches[first..].iter())];
            let set = self.set(images)?;
            let indices: Vec<&[u32]> = together.iter().map(Batch::indices).collect();
            let mut told = together.iter();
            let mut tell = |evaluated: Evaluated<'_>| tell(told.next().expect("each batch once"), evaluated);
            let evaluated = self.evaluate_set((&set, images), &indices, &mut tell);
            self.after(evaluated)?;
            first += together.len();
        }
        Ok(())
    }

    fn read_slab(&self, slab: &mut [f32]) -> Result<(), EngineError> {
        self.alone(|engine| engine.read_slab(slab))
    }

    fn write_slab(&mut self, slab: &[f32]) -> Result<(), EngineError> {
        Ok(self.alone_mut(|engine| engine.write_slab(slab))?)
    }

    fn read_optimizer(&self, state: &mut [f32]) -> Result<(), EngineError> {
        self.alone(|engine| engine.read_optimizer(state))
    }

    fn write_optimizer(&mut self, state: &[f32]) -> Result<(), EngineError> {
        Ok(self.alone_mut(|engine| engine.write_optimizer(state))?)
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
