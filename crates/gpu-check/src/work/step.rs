//! What stands around the layers in a step.

use bytemuck::Zeroable;
use tunefork_kernels::launch::COUNTERS;
use tunefork_kernels::launch::gather::{Gather, Table, Transform};
use tunefork_kernels::launch::loss::{Loss, Record};
use tunefork_kernels::launch::optimizer::{Cast, Update, Updated};
use tunefork_kernels::{DeviceError, DeviceMemory, Progress, StepRow};

use super::{Walk, least};

/// Rows of the table that a gathering takes its numbers from.
const STEPS: usize = 1 << 14;

impl Walk<'_, '_> {
    pub(super) fn gather(&mut self, side: usize, channels: usize) -> Result<(), DeviceError> {
        let batch = self.network.batch;
        let gather = Gather { batch, height: side, width: side, channels, precision: self.precision };
        let values = batch * side * side * channels;
        let images = DeviceMemory::of(self.stream, &vec![7u8; values])?;
        let numbers: Vec<u32> = (0..batch as u32).rev().collect();
        let indices = DeviceMemory::of(self.stream, &numbers)?;
        let tables = self.f32(256 * channels)?;
        let transforms = DeviceMemory::of(self.stream, &[Transform::zeroed()])?;
        let out = self.stored(values)?;
        // More steps than anybody times.
        let row = StepRow { rows: batch as u32, ..StepRow::default() };
        let rows = DeviceMemory::of(self.stream, &vec![row; STEPS])?;
        let progress = DeviceMemory::of(self.stream, &[Progress { next: 0, steps: STEPS as u32 }])?;
        let (row, counters) =
            (DeviceMemory::of(self.stream, &[row])?, DeviceMemory::of(self.stream, &[0u32; COUNTERS])?);
        self.work("gather", format!("{batch}x{side}x{side}x{channels}"), least::gather(&gather), &mut |stream| {
            let table = Table { rows: rows.all(), progress: progress.all(), row: row.all(), counters: counters.all() };
            gather.run(stream, table, images.all(), indices.all(), tables.all(), transforms.all(), out.all())
        })
    }

    pub(super) fn loss(&mut self, classes: usize) -> Result<(), DeviceError> {
        let (step, batch, precision) = (self.step, self.network.batch, self.precision);
        let loss = Loss { batch, classes, precision };
        let logits = self.stored(batch * classes)?;
        let gradient = self.stored(batch * classes)?;
        let numbers: Vec<u32> = (0..batch as u32).collect();
        let indices = DeviceMemory::of(self.stream, &numbers)?;
        let labels = DeviceMemory::of(self.stream, &vec![1u16; batch])?;
        let weights = DeviceMemory::of(self.stream, &vec![1f32; classes])?;
        let records = DeviceMemory::of(self.stream, &[Record::zeroed()])?;
        let scale = self.scale()?;
        self.work("loss", format!("{batch}x{classes}"), least::loss(&loss), &mut |stream| {
            let (indices, labels) = (indices.all(), labels.all());
            let gradient = Some(gradient.all());
            loss.run(
                stream,
                step.all(),
                scale.all(),
                logits.all(),
                indices,
                labels,
                weights.all(),
                gradient,
                records.all(),
            )
        })
    }

    pub(super) fn update(&mut self, len: usize) -> Result<(), DeviceError> {
        let (step, precision) = (self.step, self.precision);
        let update = Update { len, precision, clips: false };
        let (parameters, gradients) = (self.f32(len)?, self.f32(len)?);
        let states = [self.f32(len)?, self.f32(len)?];
        let half = precision.bytes() == 2;
        let weights16 = if half { Some(self.stored(len)?) } else { None };
        let workspace = self.f32(update.workspace_len())?;
        let records = DeviceMemory::of(self.stream, &[Record::zeroed()])?;
        let scale = self.scale()?;
        self.work("update (Adam)", len.to_string(), least::update(&update, states.len()), &mut |stream| {
            // Adam has no third state, and spares nothing.
            let (third, spared) = (workspace.all().part(0..0), workspace.all::<u32>().part(0..0));
            let states = [states[0].all(), states[1].all(), third];
            let weights16 = weights16.as_ref().map(DeviceMemory::all);
            let updated = Updated { parameters: parameters.all(), states, weights16 };
            let (workspace, records) = (workspace.all(), records.all());
            update.run(stream, step.all(), scale.all(), gradients.all(), updated, spared, None, workspace, records)
        })?;
        if let Some(weights16) = &weights16 {
            let cast = Cast { len, precision };
            self.work("cast", len.to_string(), least::cast(&cast), &mut |stream| {
                cast.run(stream, parameters.all(), weights16.all())
            })?;
        }
        Ok(())
    }
}
