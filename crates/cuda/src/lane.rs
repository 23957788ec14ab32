//! One trial on the device: its memory, and what goes there and comes back in a call.

use std::sync::Arc;

use tunefork_graph::Plan;
use tunefork_kernels::launch::loss::Record;
use tunefork_kernels::{DeviceError, Precision, Stream};

use crate::memory::Memory;
use crate::program::Context;
use crate::table::Table;
use crate::{Evaluated, StepInput, StepResult, read_stored};

pub(crate) struct Lane {
    pub memory: Memory,
    pub plan: Arc<Plan>,
    pub precision: Precision,
    table: Table,
    records: Vec<Record>,
    logits: Vec<f32>,
    stored_logits: Vec<u8>,
}

impl Lane {
    pub(crate) fn new(memory: Memory, plan: Arc<Plan>, precision: Precision) -> Self {
        Self {
            memory,
            plan,
            precision,
            table: Table::default(),
            records: Vec::new(),
            logits: Vec::new(),
            stored_logits: Vec::new(),
        }
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

    /// Reads what the steps have left, waiting for them.
    pub(crate) fn read(&mut self, stream: &dyn Stream, training: bool) -> Result<(), DeviceError> {
        let steps = self.steps();
        self.records.resize(steps, Record::default());
        self.memory.records().part(0..steps).read_into(stream, &mut self.records)?;
        if !training {
            let kept = self.memory.all_kept_logits(steps);
            self.stored_logits.resize(kept.len(), 0);
            kept.read_into(stream, &mut self.stored_logits)?;
            read_stored(&self.stored_logits, self.precision, &mut self.logits);
        }
        Ok(())
    }

    /// The results of the steps that were read, in order.
    pub(crate) fn results(&self) -> impl Iterator<Item = StepResult> + '_ {
        self.records.iter().map(|record| StepResult {
            loss_sum: record.loss_sum,
            correct: record.correct,
            gradient_norm: None,
            skipped: record.skipped != 0,
        })
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
