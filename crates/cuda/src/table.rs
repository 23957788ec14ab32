//! What the host writes ahead of some steps: a row for each, the numbers of their images, and what
//! happens to these.

use bytemuck::Zeroable;
use tunefork_graph::Transform;
use tunefork_kernels::launch::gather;
use tunefork_kernels::{DeviceError, Progress, Stream};

use crate::StepInput;
use crate::memory::Memory;
use crate::settings::{dropout_row, row};

/// Rows, image numbers and transforms of the steps to come, with buffers that are made once.
#[derive(Default)]
pub(crate) struct Table {
    /// How far the table has been taken, what lies between that and the table, and the rows.
    bytes: Vec<u8>,
    indices: Vec<u32>,
    /// One for each image number, or none at all.
    transforms: Vec<gather::Transform>,
    class_weights: Vec<f32>,
    steps: usize,
    clips: bool,
}

impl Table {
    /// Begins anew with steps of which one clips, or none.
    pub(crate) fn clear(&mut self, memory: &Memory, clips: bool) {
        let head = memory.layout.table.start - memory.layout.progress.start;
        self.bytes.clear();
        self.bytes.resize(head, 0);
        self.indices.clear();
        self.transforms.clear();
        self.class_weights.clear();
        self.steps = 0;
        self.clips = clips;
    }

    /// How many steps there are.
    pub(crate) fn steps(&self) -> usize {
        self.steps
    }

    /// Whether one of them clips its gradients.
    pub(crate) fn clips(&self) -> bool {
        self.clips
    }

    /// How the classes weigh in the steps to come; no weights: all the same.
    pub(crate) fn weigh(&mut self, class_weights: &[f32], classes: usize) {
        self.class_weights.extend_from_slice(class_weights);
        self.class_weights.resize(classes, 1.0);
    }

    /// Adds a step whose images have these numbers.
    pub(crate) fn push(&mut self, numbers: impl Iterator<Item = u32>, step: &StepInput<'_>, dropouts: usize) {
        let first = self.indices.len();
        self.indices.extend(numbers);
        let (settings, rows) = (&step.settings, self.indices.len() - first);
        let changed = !step.transforms.is_empty();
        if changed {
            self.transforms.resize(first, gather::Transform::zeroed());
            self.transforms.extend(step.transforms.iter().map(on_the_device));
        }
        let row = row(settings, rows, changed, first, self.steps);
        self.bytes.extend_from_slice(bytemuck::bytes_of(&row));
        for layer in 0..dropouts {
            let row = dropout_row(settings, layer);
            self.bytes.extend_from_slice(bytemuck::bytes_of(&row));
        }
        self.steps += 1;
    }

    /// Copies them to the device; the next step is the first of them.
    pub(crate) fn upload(&mut self, stream: &dyn Stream, memory: &Memory) -> Result<(), DeviceError> {
        let progress = Progress { next: 0, steps: self.steps as u32 };
        self.bytes[..size_of::<Progress>()].copy_from_slice(bytemuck::bytes_of(&progress));
        let rows = self.steps * memory.layout.row_bytes;
        memory.progress_and_table(rows).write(stream, &self.bytes)?;
        memory.class_weights().write(stream, &self.class_weights)?;
        memory.transforms().part(0..self.transforms.len()).write(stream, &self.transforms)?;
        memory.indices().part(0..self.indices.len()).write(stream, &self.indices)
    }
}

/// A transform as the kernel reads it.
fn on_the_device(transform: &Transform) -> gather::Transform {
    let Transform { column, row, gain, offset, erased } = *transform;
    gather::Transform { column, row, gain, offset, erased }
}
