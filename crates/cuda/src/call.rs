//! Steps that go to the device together: first their rows, then run after run.

use tunefork_kernels::DeviceError;

use crate::program::{Context, Runner};
use crate::streamed::ImageSource;
use crate::table::Table;
use crate::{CudaError, StepInput};

/// Some steps and what they need, at most as many as the tables have room for.
pub(crate) struct Call<'a> {
    pub context: Context<'a>,
    pub source: ImageSource<'a>,
    pub steps: &'a [StepInput<'a>],
}

impl Call<'_> {
    /// Writes a row for each step, and under which numbers its images will be found on the device.
    pub(crate) fn write(&self, table: &mut Table) {
        let (batch, dropouts) = (self.context.batch, self.context.plan.dropouts);
        table.clear(self.context.memory);
        let weights = self.steps.first().map_or(&[][..], |step| step.settings.class_weights);
        table.weigh(weights, self.context.plan.classes);
        for (number, step) in self.steps.iter().enumerate() {
            let indices = step.indices;
            match &self.source {
                ImageSource::Streamed { ring, .. } => {
                    table.push(ring.numbers(number, batch, indices.len()), step, dropouts)
                }
                ImageSource::Resident(_) => table.push(indices.iter().copied(), step, dropouts),
            }
        }
    }

    /// Orders all steps. Where images are streamed, those of the next steps are gathered and copied while
    /// the device is at work on the steps before.
    pub(crate) fn order(mut self, runner: &mut Runner) -> Result<(), CudaError> {
        let batch = self.context.batch;
        let together = match &self.source {
            ImageSource::Streamed { ring, .. } => ring.steps(batch),
            ImageSource::Resident(_) => self.steps.len().max(1),
        };
        for (group, steps) in self.steps.chunks(together).enumerate() {
            if let ImageSource::Streamed { ring, pixels, labels, .. } = &mut self.source {
                ring.fill(pixels, labels, steps.iter().map(|step| step.indices), batch)?;
            }
            for (number, step) in (group * together..).zip(steps) {
                runner.run(&self.context, &self.source)?;
                if !self.context.training {
                    self.keep_logits(number, step.indices.len())?;
                }
            }
        }
        Ok(())
    }

    /// Puts the logits of a batch where the next one does not write over them.
    fn keep_logits(&self, number: usize, rows: usize) -> Result<(), DeviceError> {
        let Context { stream, plan, memory, .. } = self.context;
        let values = rows * plan.classes;
        let logits = memory.tensor(plan.evaluation.logits, values);
        memory.kept_logits(number, values).copy_from(stream, logits)
    }
}
