//! One trial on the device: its memory, and what goes there and comes back in a call.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;

use tunefork_graph::Plan;
use tunefork_kernels::launch::loss::Record;
use tunefork_kernels::{DeviceError, Precision, Readback, Stream};

use crate::memory::Memory;
use crate::program::Context;
use crate::table::Table;
use crate::{CudaError, Evaluated, StepInput, StepResult, read_stored};

pub(crate) struct Lane {
    pub memory: Memory,
    pub plan: Arc<Plan>,
    pub precision: Precision,
    table: Table,
    /// What calls leave, on its way: two take turns, so that the next call can be ordered while this one is under way.
    readbacks: [Box<dyn Readback>; 2],
    next: usize,
    /// The calls that were ordered and not collected, the oldest first. Behind the memory, which is given back after their work.
    under_way: VecDeque<UnderWay>,
    records: Vec<Record>,
    logits: Vec<f32>,
}

/// A call whose results are on their way.
struct UnderWay {
    steps: usize,
    training: bool,
    /// The images that it reads, which have to live as long.
    _images: Arc<dyn Any + Send + Sync>,
}

impl Lane {
    pub(crate) fn new(
        stream: &dyn Stream,
        memory: Memory,
        plan: Arc<Plan>,
        precision: Precision,
    ) -> Result<Self, DeviceError> {
        let bytes = memory.layout.records.len() + memory.layout.logits.len();
        Ok(Self {
            memory,
            plan,
            precision,
            table: Table::default(),
            readbacks: [stream.readback(bytes)?, stream.readback(bytes)?],
            next: 0,
            under_way: VecDeque::new(),
            records: Vec::new(),
            logits: Vec::new(),
        })
    }

    /// Writes the rows of some steps, at most as many as the tables have room for. `numbers` gives the numbers under which
    /// the device will have the images of a step.
    pub(crate) fn write<'a, I: Iterator<Item = u32>>(
        &mut self,
        steps: &[StepInput<'a>],
        numbers: impl Fn(usize, &'a [u32]) -> I,
    ) {
        let plan = &self.plan;
        self.table.clear(&self.memory, steps.iter().any(|step| step.settings.clip_norm.is_some()));
        let weights = steps.first().map_or(&[][..], |step| step.settings.class_weights);
        self.table.weigh(weights, plan.classes);
        for (number, step) in steps.iter().enumerate() {
            self.table.push(numbers(number, step.indices), step, plan.dropouts);
        }
    }

    /// How many steps were written.
    pub(crate) fn steps(&self) -> usize {
        self.table.steps()
    }

    /// Whether one of them clips its gradients.
    pub(crate) fn clips(&self) -> bool {
        self.table.clips()
    }

    /// Copies them to the device.
    pub(crate) fn upload(&mut self, stream: &dyn Stream) -> Result<(), DeviceError> {
        self.table.upload(stream, &self.memory)
    }

    /// What the launches of a program work on, where this trial is the only one or the first.
    pub(crate) fn context<'a>(&'a self, stream: &'a dyn Stream, training: bool, clips: bool) -> Context<'a> {
        let (plan, precision) = (&*self.plan, self.precision);
        let batch = if training { plan.training.batch } else { plan.evaluation.batch };
        Context { stream, plan, memory: &self.memory, precision, batch, training, clips }
    }

    /// Orders the way back of what the steps that were written leave. They read these images.
    pub(crate) fn order(&mut self, training: bool, images: Arc<dyn Any + Send + Sync>) -> Result<(), DeviceError> {
        let steps = self.steps();
        let records = self.memory.records().part(0..steps).cast();
        let readback = &mut self.readbacks[self.next];
        match training {
            true => readback.order(&[records])?,
            false => readback.order(&[records, self.memory.all_kept_logits(steps)])?,
        }
        self.next = 1 - self.next;
        self.under_way.push_back(UnderWay { steps, training, _images: images });
        Ok(())
    }

    /// Calls that were ordered and not collected.
    pub(crate) fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// Waits for the oldest call under way, and keeps what it has left.
    pub(crate) fn collect(&mut self) -> Result<(), DeviceError> {
        let readback = &mut self.readbacks[(self.next + self.under_way.len()) % 2];
        let UnderWay { steps, training, .. } = self.under_way.pop_front().expect("a call is under way");
        let (records, logits) = readback.wait()?.split_at(steps * size_of::<Record>());
        self.records.resize(steps, Record::default());
        bytemuck::cast_slice_mut(&mut self.records).copy_from_slice(records);
        if !training {
            read_stored(logits, self.precision, &mut self.logits);
        }
        Ok(())
    }

    /// Collects calls of training until no more than `left` are under way, and adds the results of their steps, in order.
    pub(crate) fn collect_but(&mut self, left: usize, results: &mut Vec<StepResult>) -> Result<(), CudaError> {
        while self.under_way() > left {
            self.collect()?;
            results.extend(self.records.iter().map(|record| StepResult {
                loss_sum: record.loss_sum,
                correct: record.correct,
                gradient_norm: None,
                skipped: record.skipped != 0,
            }));
        }
        Ok(())
    }

    /// Collects the oldest call, which has evaluated these batches, and tells of each.
    pub(crate) fn tell(&mut self, batches: &[&[u32]], tell: &mut dyn FnMut(Evaluated<'_>)) -> Result<(), CudaError> {
        self.collect()?;
        for (number, indices) in batches.iter().enumerate() {
            tell(self.evaluated(number, indices.len()));
        }
        Ok(())
    }

    /// Waits for what is under way, after an error, and wants none of it.
    pub(crate) fn give_up(&mut self) {
        while self.under_way() > 0 {
            // The error that came first is the one that is told.
            let _ = self.collect();
        }
    }

    /// Batch `number` of those that were evaluated together.
    pub(crate) fn evaluated(&self, number: usize, rows: usize) -> Evaluated<'_> {
        let classes = self.plan.classes;
        let start = number * self.plan.evaluation.batch * classes;
        Evaluated {
            loss_sum: self.records[number].loss_sum,
            correct: self.records[number].correct,
            logits: &self.logits[start..start + rows * classes],
        }
    }
}
