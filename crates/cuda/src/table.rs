//! What the host writes ahead of some steps: a row for each, and the numbers of their images.

use tunefork_kernels::{DeviceError, Stream};

use crate::StepSettings;
use crate::memory::Memory;
use crate::settings::{dropout_row, row};

/// Rows and image numbers of the steps to come, with buffers that are made once.
#[derive(Default)]
pub(crate) struct Table {
    /// The counter, what lies between it and the table, and the rows.
    bytes: Vec<u8>,
    indices: Vec<u32>,
    steps: usize,
}

impl Table {
    /// Forgets all steps.
    pub fn clear(&mut self, memory: &Memory) {
        let head = memory.layout.table.start - memory.layout.counter.start;
        self.bytes.clear();
        self.bytes.resize(head, 0);
        self.indices.clear();
        self.steps = 0;
    }

    /// Adds a step with the images of these numbers.
    pub fn push(
        &mut self,
        numbers: impl Iterator<Item = u32>,
        settings: &StepSettings<'_>,
        dropouts: usize,
    ) {
        let first = self.indices.len();
        self.indices.extend(numbers);
        let row = row(settings, self.indices.len() - first, first, self.steps);
        self.bytes.extend_from_slice(bytemuck::bytes_of(&row));
        for layer in 0..dropouts {
            let row = dropout_row(settings, layer);
            self.bytes.extend_from_slice(bytemuck::bytes_of(&row));
        }
        self.steps += 1;
    }

    /// Copies them to the device; the next step is the first of them.
    pub fn upload(&self, stream: &dyn Stream, memory: &Memory) -> Result<(), DeviceError> {
        let rows = self.steps * memory.layout.row_bytes;
        memory.counter_and_table(rows).write(stream, &self.bytes)?;
        memory
            .indices()
            .part(0..self.indices.len())
            .write(stream, &self.indices)
    }
}
