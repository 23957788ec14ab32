//! One network in training: its memory, and the calls that move it on.

use std::sync::Arc;

use half::{bf16, f16};
use tunefork_graph::optimizer::Kind;
use tunefork_graph::{Plan, Step};
use tunefork_kernels::launch::loss::{LossScale, Record};
use tunefork_kernels::launch::optimizer::Cast;
use tunefork_kernels::{Precision, Stream};

use crate::layout::{Layout, steps_per_call};
use crate::memory::Memory;
use crate::program::{Context, Runner};
use crate::table::Table;
use crate::{CudaError, Evaluated, Resident, StepInput, StepResult, StepSettings, precision_name};

/// Most values of a tensor: kernels count them in 31 bits.
const MOST_VALUES: usize = (1 << 31) - 1;

/// A trial's engine. It owns all memory of the trial, in one allocation, and allocates nothing after
/// it has been made.
///
/// Equal calls give equal bits on one model of GPU, however the steps are divided into calls.
///
/// The first step of an engine runs launch by launch; it is then captured, and from there on each
/// step is one launch of the captured graph, which finds what changes from step to step in a table
/// on the device. See the README for an example.
pub struct Engine {
    // Graphs go before the memory that they work on.
    training: Runner,
    evaluation: Runner,
    memory: Memory,
    table: Table,
    records: Vec<Record>,
    logits: Vec<f32>,
    stored_logits: Vec<u8>,
    plan: Arc<Plan>,
    precision: Precision,
    stream: Arc<dyn Stream>,
}

impl Engine {
    /// An engine with all weights zero and running variances one. The plan must have been made with
    /// [`CudaWorkspace`](crate::CudaWorkspace) of the same precision.
    ///
    /// # Errors
    /// [`CudaError::WrongPlan`], [`CudaError::WrongPrecision`] if the device cannot multiply so,
    /// [`CudaError::TooLarge`]; a device that fails or has not enough memory.
    pub fn new(
        stream: Arc<dyn Stream>,
        plan: Arc<Plan>,
        precision: Precision,
    ) -> Result<Self, CudaError> {
        check(&*stream, &plan, precision)?;
        let memory = Memory::new(&stream, &plan, precision)?;
        let mut engine = Self {
            training: Runner::default(),
            evaluation: Runner::default(),
            memory,
            table: Table::default(),
            records: Vec::new(),
            logits: Vec::new(),
            stored_logits: Vec::new(),
            plan,
            precision,
            stream,
        };
        let mut slab = vec![0.0; engine.plan.slab.len];
        for norm in &engine.plan.slab.norms {
            slab[norm.variance..norm.variance + norm.len].fill(1.0);
        }
        engine.write_slab(&slab)?;
        engine.write_scale(LossScale::initial(precision))?;
        Ok(engine)
    }

    /// Bytes that an engine for this plan allocates on the device: the plan's own, the weights in 16
    /// bits where the precision has them, and the tables of the steps of a call. The data set
    /// ([`Resident::planned_bytes`]) and the device's context are not among them.
    pub fn planned_bytes(plan: &Plan, precision: Precision) -> u64 {
        Layout::new(plan, precision).len as u64
    }

    /// What this engine runs.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How it stores and multiplies numbers.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Where it runs.
    pub fn stream(&self) -> &Arc<dyn Stream> {
        &self.stream
    }

    /// Steps that go to the device together: [`steps`](Self::steps) takes any number, but waits
    /// after so many.
    pub fn steps_per_call(&self) -> usize {
        steps_per_call(&self.plan)
    }

    /// Takes steps one after the other: forward, backward and update with the images of `resident`
    /// that each step names. `results` gets one result for each step. A step whose loss is no number
    /// is reported like any other, and those behind it are taken too.
    ///
    /// # Errors
    /// If the data set does not fit the network, or a step has no images, too many, or a number that
    /// names none: then no step has been taken. If the device fails, some may have been.
    ///
    /// # Panics
    /// If there is not one result for each step.
    pub fn steps(
        &mut self,
        resident: &Arc<Resident>,
        steps: &[StepInput<'_>],
        results: &mut [StepResult],
    ) -> Result<(), CudaError> {
        assert_eq!(steps.len(), results.len(), "one result for each step");
        resident.check(self.plan.image, self.plan.classes)?;
        for step in steps {
            resident.check_batch(step.indices, self.plan.training.batch)?;
        }
        let together = self.steps_per_call();
        for (steps, results) in steps.chunks(together).zip(results.chunks_mut(together)) {
            self.table.clear(&self.memory);
            for step in steps {
                self.table
                    .push(step.indices, &step.settings, self.plan.dropouts);
            }
            self.run(resident, steps.len(), true)?;
            for (result, record) in results.iter_mut().zip(&self.records) {
                *result = StepResult {
                    loss_sum: record.loss_sum,
                    correct: record.correct,
                    skipped: record.skipped != 0,
                };
            }
        }
        Ok(())
    }

    /// Forward in evaluation mode (running statistics, no dropout) with a batch of at most the plan's
    /// evaluation batch.
    ///
    /// # Errors
    /// As for [`steps`](Self::steps).
    pub fn evaluate(
        &mut self,
        resident: &Arc<Resident>,
        indices: &[u32],
    ) -> Result<Evaluated<'_>, CudaError> {
        resident.check(self.plan.image, self.plan.classes)?;
        resident.check_batch(indices, self.plan.evaluation.batch)?;
        self.table.clear(&self.memory);
        let settings = StepSettings::new(Kind::SGD);
        self.table.push(indices, &settings, self.plan.dropouts);
        self.run(resident, 1, false)?;
        self.read_logits(indices.len() * self.plan.classes)?;
        Ok(Evaluated {
            loss_sum: self.records[0].loss_sum,
            correct: self.records[0].correct,
            logits: &self.logits,
        })
    }

    /// Runs what is in the table and reads the records.
    fn run(
        &mut self,
        resident: &Arc<Resident>,
        steps: usize,
        training: bool,
    ) -> Result<(), CudaError> {
        self.table.upload(&*self.stream, &self.memory)?;
        let (runner, program) = match training {
            true => (&mut self.training, &self.plan.training),
            false => (&mut self.evaluation, &self.plan.evaluation),
        };
        let context = Context {
            stream: &*self.stream,
            plan: &self.plan,
            memory: &self.memory,
            precision: self.precision,
            batch: program.batch,
            training,
        };
        for _ in 0..steps {
            runner.run(&context, resident)?;
        }
        self.records.resize(steps, Record::default());
        let records = self.memory.records().part(0..steps);
        Ok(records.read_into(&*self.stream, &mut self.records)?)
    }

    /// The first logits of the arena, as f32.
    fn read_logits(&mut self, values: usize) -> Result<(), CudaError> {
        let stored = self.memory.tensor(self.plan.evaluation.logits, values);
        self.stored_logits.resize(stored.len(), 0);
        stored.read_into(&*self.stream, &mut self.stored_logits)?;
        self.logits.resize(values, 0.0);
        let pairs = || self.stored_logits.chunks_exact(2).map(|b| [b[0], b[1]]);
        match self.precision {
            Precision::F32 | Precision::Tf32 => {
                bytemuck::cast_slice_mut(&mut self.logits).copy_from_slice(&self.stored_logits);
            }
            Precision::F16 => {
                for (logit, bytes) in self.logits.iter_mut().zip(pairs()) {
                    *logit = f16::from_ne_bytes(bytes).to_f32();
                }
            }
            Precision::Bf16 => {
                for (logit, bytes) in self.logits.iter_mut().zip(pairs()) {
                    *logit = bf16::from_ne_bytes(bytes).to_f32();
                }
            }
        }
        Ok(())
    }

    /// Copies parameters, then running statistics, as the plan lays them out.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If `slab` has another length than the plan's slab.
    pub fn read_slab(&self, slab: &mut [f32]) -> Result<(), CudaError> {
        Ok(self.memory.slab().read_into(&*self.stream, slab)?)
    }

    /// Replaces them.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If `slab` has another length than the plan's slab.
    pub fn write_slab(&mut self, slab: &[f32]) -> Result<(), CudaError> {
        let memory = &self.memory;
        memory.slab().write(&*self.stream, slab)?;
        if let Some(weights16) = memory.weights16() {
            let cast = Cast {
                len: self.plan.slab.trainable_len,
                precision: self.precision,
            };
            cast.run(&*self.stream, memory.parameters(), weights16)?;
        }
        Ok(())
    }

    /// Copies the gradients of the last step, before clipping, laid out as the parameters; with
    /// [`Precision::F16`] they are multiplied by the loss scale of that step.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If `gradients` is not as long as the parameters with their gaps.
    pub fn read_gradients(&self, gradients: &mut [f32]) -> Result<(), CudaError> {
        Ok(self
            .memory
            .gradients()
            .read_into(&*self.stream, gradients)?)
    }

    /// Number of values in the state of the optimizer: its two tensors, laid out as the parameters,
    /// and with [`Precision::F16`] the loss scale and how many steps it has stood.
    pub fn optimizer_len(&self) -> usize {
        let scale = if self.precision == Precision::F16 {
            2
        } else {
            0
        };
        Kind::STATES * self.plan.slab.trainable_len + scale
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
        let (len, stream) = (self.plan.slab.trainable_len, &*self.stream);
        let (states, scale) = state.split_at_mut(Kind::STATES * len);
        for (from, to) in self
            .memory
            .states()
            .iter()
            .zip(states.chunks_exact_mut(len))
        {
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
        let (len, stream) = (self.plan.slab.trainable_len, &*self.stream);
        let (states, scale) = state.split_at(Kind::STATES * len);
        for (to, from) in self.memory.states().iter().zip(states.chunks_exact(len)) {
            to.write(stream, from)?;
        }
        match *scale {
            [scale, clean] => self.write_scale(LossScale {
                scale,
                clean: clean as u32,
            }),
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
        Ok(self.memory.scale().read(&*self.stream)?[0])
    }

    fn write_scale(&mut self, scale: LossScale) -> Result<(), CudaError> {
        Ok(self.memory.scale().write(&*self.stream, &[scale])?)
    }
}

fn check(stream: &dyn Stream, plan: &Plan, precision: Precision) -> Result<(), CudaError> {
    let name = precision_name(precision);
    let planned = plan.key.split('-').next().unwrap_or_default();
    if planned != name {
        return Err(CudaError::WrongPlan {
            planned: planned.to_owned(),
            precision: name,
        });
    }
    let architecture = stream.architecture();
    if matches!(precision, Precision::Tf32 | Precision::Bf16) && architecture < 80 {
        return Err(CudaError::WrongPrecision {
            precision: name,
            architecture,
        });
    }
    // A plan's buffers are in elements of 4 bytes.
    let per_element = 4 / precision.bytes();
    let buffers = [&plan.training, &plan.evaluation]
        .into_iter()
        .flat_map(|program| &program.steps)
        .flat_map(Step::uses)
        .map(|used| used.tensor.len * per_element);
    let largest = buffers.max().unwrap_or(0).max(plan.slab.len);
    match largest {
        0..=MOST_VALUES => Ok(()),
        values => Err(CudaError::TooLarge { values }),
    }
}
