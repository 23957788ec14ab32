//! One network in training: its memory, and the calls that move it on.

use std::sync::Arc;

use tunefork_graph::Plan;
use tunefork_graph::optimizer::UpdateRule;
use tunefork_kernels::launch::loss::LossScale;
use tunefork_kernels::launch::optimizer::Cast;
use tunefork_kernels::{Precision, Stream};

use crate::call::{streamed, together};
use crate::check::{check, check_settings};
use crate::lane::Lane;
use crate::layout::{Layout, batches_per_call, changed_steps_per_call, norms_and_biases, parts, steps_per_call};
use crate::memory::Memory;
use crate::program::Runner;
use crate::streamed::Ring;
use crate::{CudaError, Evaluated, Images, StepInput, StepResult, StepSettings};

/// A trial's engine. It owns all memory of the trial, in one allocation, and allocates nothing after
/// it has been made; only the ring that streamed images need is made for the first of them.
///
/// Equal calls give equal bits on one model of GPU, however the steps are divided into calls and
/// wherever the images are.
///
/// The first step of an engine runs launch by launch; it is then captured, and from there on each
/// step is one launch of the captured graph, which finds what changes from step to step in a table
/// on the device. See the README for an example.
pub struct Engine {
    // Graphs go before the memory that they work on.
    training: Runner,
    evaluation: Runner,
    ring: Option<Ring>,
    lane: Lane,
    stream: Arc<dyn Stream>,
}

/// Batches as steps whose settings mean nothing.
pub(crate) fn evaluation<'a>(batches: &[&'a [u32]]) -> Vec<StepInput<'a>> {
    let settings = StepSettings::new(UpdateRule::SGD);
    batches.iter().map(|indices| StepInput::new(indices, settings)).collect()
}

impl Engine {
    /// An engine with all weights zero and running variances one. The plan must have been made with
    /// [`CudaWorkspace`](crate::CudaWorkspace) of the same precision.
    ///
    /// # Errors
    /// [`CudaError::WrongPlan`], [`CudaError::WrongPrecision`] if the device cannot multiply so,
    /// [`CudaError::TooLarge`]; a device that fails or has not enough memory.
    pub fn new(stream: Arc<dyn Stream>, plan: Arc<Plan>, precision: Precision) -> Result<Self, CudaError> {
        check(&*stream, &plan, precision)?;
        let memory = Memory::new(&stream, &plan, precision)?;
        let mut engine = Self {
            training: Runner::default(),
            evaluation: Runner::default(),
            ring: None,
            lane: Lane::new(&*stream, memory, plan, precision)?,
            stream,
        };
        let mut slab = vec![0.0; engine.lane.plan.slab.len];
        for norm in &engine.lane.plan.slab.norms {
            let [_, variance] = norm.ranges();
            slab[variance].fill(1.0);
        }
        engine.write_slab(&slab)?;
        engine.lane.memory.norms_and_biases().write(&*engine.stream, &norms_and_biases(&engine.lane.plan.slab))?;
        if let (Some(parts), Some(to)) = (parts(&engine.lane.plan, precision), engine.lane.memory.parts()) {
            to.write(&*engine.stream, &parts)?;
        }
        engine.write_scale(LossScale::initial(precision))?;
        Ok(engine)
    }

    /// Bytes that an engine for this plan allocates on the device: the plan's own, the weights in 16
    /// bits where the precision has them, the tables of the steps of a call and its logits. The data set
    /// ([`Resident::planned_bytes`](crate::Resident::planned_bytes)) or the ring for it
    /// ([`Streamed::ring_bytes`](crate::Streamed::ring_bytes)) and the device's context are not among them.
    pub fn planned_bytes(plan: &Plan, precision: Precision) -> u64 {
        Layout::new(plan, precision).len as u64
    }

    /// What this engine runs.
    pub fn plan(&self) -> &Plan {
        &self.lane.plan
    }

    pub(crate) fn shared_plan(&self) -> &Arc<Plan> {
        &self.lane.plan
    }

    /// How it stores and multiplies numbers.
    pub fn precision(&self) -> Precision {
        self.lane.precision
    }

    /// The stream that all its work goes to.
    pub fn stream(&self) -> &Arc<dyn Stream> {
        &self.stream
    }

    /// Allocates what these images need besides: a ring if they are streamed and there is none yet. The
    /// first call that is given them does so too.
    ///
    /// # Errors
    /// If the data set does not fit the network; a device that fails or has not enough memory.
    pub fn prepare<'a>(&mut self, images: impl Into<Images<'a>>) -> Result<(), CudaError> {
        let images = images.into();
        self.check_images(images)?;
        let plan = &self.lane.plan;
        if let (Images::Streamed { set, .. }, None) = (images, &self.ring) {
            self.ring = Some(Ring::new(&self.stream, plan, set)?);
        }
        Ok(())
    }

    /// Takes steps one after the other: forward, backward and update with the images that each step
    /// names. `results` gets one result for each step. A step whose loss is no number is reported like
    /// any other, and those behind it are taken too.
    ///
    /// # Errors
    /// If the data set does not fit the network, or a step has no images, too many, or a number that
    /// names none: then no step has been taken. If the device fails, some may have been.
    ///
    /// # Panics
    /// If there is not one result for each step, or an optimizer has more tensors of state than the plan.
    pub fn steps<'a>(
        &mut self,
        images: impl Into<Images<'a>>,
        steps: &[StepInput<'_>],
        results: &mut [StepResult],
    ) -> Result<(), CudaError> {
        assert_eq!(steps.len(), results.len(), "one result for each step");
        let images = images.into();
        self.prepare(images)?;
        let together = self.check_steps(images, steps)?;
        let mut found = Vec::with_capacity(steps.len());
        let taken = self.take(images, steps.chunks(together), &mut found);
        self.lane.give_up();
        taken?;
        results.copy_from_slice(&found);
        Ok(())
    }

    /// Takes the steps of some calls, each of which is ordered while the device is at the one before.
    fn take<'a>(
        &mut self,
        images: Images<'_>,
        calls: impl Iterator<Item = &'a [StepInput<'a>]>,
        found: &mut Vec<StepResult>,
    ) -> Result<(), CudaError> {
        for steps in calls {
            self.order(images, steps, true)?;
            self.lane.collect_but(1, found)?;
        }
        self.lane.collect_but(0, found)
    }

    /// Whether a network of this plan can learn from these images.
    pub(crate) fn check_images(&self, images: Images<'_>) -> Result<(), CudaError> {
        images.check(self.lane.plan.image, self.lane.plan.classes)
    }

    /// How many of these steps may be taken together.
    ///
    /// # Errors
    /// As for [`steps`](Self::steps).
    pub(crate) fn check_steps(&self, images: Images<'_>, steps: &[StepInput<'_>]) -> Result<usize, CudaError> {
        let plan = &self.lane.plan;
        for step in steps {
            let states = step.settings.optimizer.states();
            assert!(states <= plan.optimizer_states, "the plan has room for the optimizer");
            images.check_batch(step.indices, plan.training.batch, plan.classes)?;
        }
        check_settings(steps, plan.classes)?;
        Ok(match steps.iter().any(|step| !step.transforms.is_empty()) {
            true => changed_steps_per_call(plan),
            false => steps_per_call(plan),
        })
    }

    /// How many batches may be evaluated together.
    ///
    /// # Errors
    /// As for [`steps`](Self::steps).
    pub(crate) fn check_batches(&self, images: Images<'_>, batches: &[&[u32]]) -> Result<usize, CudaError> {
        let plan = &self.lane.plan;
        for indices in batches {
            images.check_batch(indices, plan.evaluation.batch, plan.classes)?;
        }
        Ok(batches_per_call(plan))
    }

    /// What it has on the device.
    pub(crate) fn lane(&mut self) -> &mut Lane {
        &mut self.lane
    }

    /// Forward in evaluation mode (running statistics, no dropout) with a batch of at most the plan's
    /// evaluation batch.
    ///
    /// # Errors
    /// As for [`steps`](Self::steps).
    pub fn evaluate<'a>(&mut self, images: impl Into<Images<'a>>, indices: &[u32]) -> Result<Evaluated<'_>, CudaError> {
        self.evaluate_batches(images, &[indices], &mut |_| {})?;
        Ok(self.lane.evaluated(0, indices.len()))
    }

    /// The same with many batches; `tell` is called with each of them in order. The device is waited
    /// for when the logits of some batches are there, not after each.
    ///
    /// # Errors
    /// As for [`steps`](Self::steps); `tell` may then have been called with some.
    pub fn evaluate_batches<'a>(
        &mut self,
        images: impl Into<Images<'a>>,
        batches: &[&[u32]],
        tell: &mut dyn FnMut(Evaluated<'_>),
    ) -> Result<(), CudaError> {
        let images = images.into();
        self.prepare(images)?;
        let together = self.check_batches(images, batches)?;
        for batches in batches.chunks(together) {
            self.order(images, &evaluation(batches), false)?;
            self.lane.tell(batches, tell)?;
        }
        Ok(())
    }

    /// Orders some steps, at most as many as the tables have room for.
    pub(crate) fn order(
        &mut self,
        images: Images<'_>,
        steps: &[StepInput<'_>],
        training: bool,
    ) -> Result<(), CudaError> {
        let runner = if training { &mut self.training } else { &mut self.evaluation };
        let (stream, lane) = (&*self.stream, &mut self.lane);
        match images {
            Images::Resident(resident) => {
                lane.write(steps, |_, indices| indices.iter().copied());
                together(stream, runner, &mut [(lane, resident)], training)
            }
            Images::Streamed { set, pixels, labels } => {
                let ring = self.ring.as_mut().expect("prepared");
                let batch = if training { lane.plan.training.batch } else { lane.plan.evaluation.batch };
                lane.write(steps, |number, indices| ring.numbers(number, batch, indices.len()));
                streamed(stream, runner, lane, (ring, set), (pixels, labels), steps, training)
            }
        }
    }

    /// Copies parameters, then running statistics, as the plan lays them out.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If `slab` has another length than the plan's slab.
    pub fn read_slab(&self, slab: &mut [f32]) -> Result<(), CudaError> {
        Ok(self.lane.memory.slab().read_into(&*self.stream, slab)?)
    }

    /// Replaces them.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If `slab` has another length than the plan's slab.
    pub fn write_slab(&mut self, slab: &[f32]) -> Result<(), CudaError> {
        let memory = &self.lane.memory;
        memory.slab().write(&*self.stream, slab)?;
        if let Some(weights16) = memory.weights16() {
            let cast = Cast { len: self.lane.plan.slab.trainable_len, precision: self.lane.precision };
            cast.run(&*self.stream, memory.parameters(), weights16)?;
        }
        Ok(())
    }

    /// Copies the gradients of the last step, before clipping, laid out as the parameters; with
    /// [`Precision::F16`] they are multiplied by the loss scale of that step. Where nothing clips, a dense layer may have applied
    /// the gradient of its weights and not stored it.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If `gradients` is not as long as the parameters with their gaps.
    pub fn read_gradients(&self, gradients: &mut [f32]) -> Result<(), CudaError> {
        Ok(self.lane.memory.gradients().read_into(&*self.stream, gradients)?)
    }

    /// Number of values in the state of the optimizer: its tensors, laid out as the parameters,
    /// and with [`Precision::F16`] the loss scale and how many steps it has stood.
    pub fn optimizer_len(&self) -> usize {
        let scale = if self.lane.precision == Precision::F16 { 2 } else { 0 };
        self.lane.plan.optimizer_states * self.lane.plan.slab.trainable_len + scale
    }

    /// Copies the state of the optimizer.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If `state` does not have [`optimizer_len`](Self::optimizer_len) values.
    pub fn read_optimizer(&self, state: &mut [f32]) -> Result<(), CudaError> {
        assert_eq!(state.len(), self.optimizer_len(), "the optimizer's values");
        let (len, stream) = (self.lane.plan.slab.trainable_len, &*self.stream);
        let (states, scale) = state.split_at_mut(self.lane.plan.optimizer_states * len);
        for (from, to) in self.lane.memory.states().iter().zip(states.chunks_exact_mut(len)) {
            from.read_into(stream, to)?;
        }
        if let [factor, clean] = scale {
            let stored = self.scale()?;
            *factor = stored.scale;
            *clean = stored.clean as f32; // at most 2000
        }
        Ok(())
    }

    /// Replaces the state of the optimizer.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If `state` does not have [`optimizer_len`](Self::optimizer_len) values.
    pub fn write_optimizer(&mut self, state: &[f32]) -> Result<(), CudaError> {
        assert_eq!(state.len(), self.optimizer_len(), "the optimizer's values");
        let (len, stream) = (self.lane.plan.slab.trainable_len, &*self.stream);
        let (states, scale) = state.split_at(self.lane.plan.optimizer_states * len);
        for (to, from) in self.lane.memory.states().iter().zip(states.chunks_exact(len)) {
            to.write(stream, from)?;
        }
        match *scale {
            [scale, clean] => self.write_scale(LossScale::new(scale, clean as u32)),
            _ => Ok(()),
        }
    }

    /// What the gradients are multiplied by now while they are stored in 16 bits.
    ///
    /// # Errors
    /// A device that fails.
    pub fn loss_scale(&self) -> Result<f32, CudaError> {
        Ok(self.scale()?.scale)
    }

    fn scale(&self) -> Result<LossScale, CudaError> {
        Ok(self.lane.memory.scale().read(&*self.stream)?[0])
    }

    fn write_scale(&mut self, scale: LossScale) -> Result<(), CudaError> {
        Ok(self.lane.memory.scale().write(&*self.stream, &[scale])?)
    }
}
