//! All memory of one network in training.

use std::ops::Range;
use std::sync::Arc;

use bytemuck::Pod;
use tunefork_graph::optimizer::UpdateRule;
use tunefork_graph::{Buffer, NormId, ParameterId, Plan};
use tunefork_kernels::launch::gather::Transform;
use tunefork_kernels::launch::loss::{LossScale, Record};
use tunefork_kernels::launch::optimizer::Updated;
use tunefork_kernels::{DeviceError, DeviceMemory, DropoutRow, Precision, Progress, Span, StepRow, Stream};

use crate::layout::Layout;

/// The memory of a trial: one allocation, and the places of its parts.
pub(crate) struct Memory {
    memory: DeviceMemory,
    pub layout: Layout,
    plan: Arc<Plan>,
    precision: Precision,
}

/// The parts of [`Layout`] that are rows of numbers.
macro_rules! parts {
    ($($part:ident: $number:ty),* $(,)?) => {
        impl Memory {
            $(pub(crate) fn $part(&self) -> Span<'_, $number> {
                self.part(self.layout.$part.clone())
            })*
        }
    };
}

parts! {
    slab: f32,
    gradients: f32,
    norms_and_biases: u32,
    update: f32,
    scale: LossScale,
    row: u32,
    counters: u32,
    progress: Progress,
    table: u32,
    indices: u32,
    transforms: Transform,
    class_weights: f32,
    records: Record,
}

impl Memory {
    /// Zeros, but for the arena, whose values nobody reads before they are written.
    pub(crate) fn new(stream: &Arc<dyn Stream>, plan: &Arc<Plan>, precision: Precision) -> Result<Self, DeviceError> {
        let layout = Layout::new(plan, precision);
        let memory = DeviceMemory::new(stream, layout.len)?;
        memory.all::<u8>().part(layout.arena.end..layout.len).fill(&**stream, 0)?;
        Ok(Self { memory, layout, plan: Arc::clone(plan), precision })
    }

    /// All of it.
    pub(crate) fn all(&self) -> Span<'_, u8> {
        self.memory.all()
    }

    fn part<T: Pod>(&self, bytes: Range<usize>) -> Span<'_, T> {
        self.all().part(bytes).cast()
    }

    /// `values` stored values in a buffer of the arena.
    pub(crate) fn tensor(&self, buffer: Buffer, values: usize) -> Span<'_, u8> {
        self.stored(buffer.range(), values)
    }

    /// The same in some elements of the arena.
    pub(crate) fn stored(&self, elements: Range<usize>, values: usize) -> Span<'_, u8> {
        let bytes = values * self.precision.bytes();
        assert!(bytes <= 4 * elements.len(), "the buffer is large enough");
        let start = self.layout.arena.start + 4 * elements.start;
        self.part(start..start + bytes)
    }

    /// Elements of the arena that hold f32.
    pub(crate) fn floats(&self, elements: Range<usize>) -> Span<'_, f32> {
        let start = self.layout.arena.start;
        self.part(start + 4 * elements.start..start + 4 * elements.end)
    }

    pub(crate) fn parameters(&self) -> Span<'_, f32> {
        self.slab().part(0..self.plan.slab.trainable_len)
    }

    /// A parameter in f32.
    pub(crate) fn parameter(&self, id: ParameterId) -> Span<'_, f32> {
        self.slab().part(self.plan.slab.parameter(id).range())
    }

    /// A parameter as products read it.
    pub(crate) fn weights(&self, id: ParameterId) -> Span<'_, u8> {
        match self.weights16() {
            Some(all) => {
                let slot = self.plan.slab.parameter(id).range();
                all.part(2 * slot.start..2 * slot.end)
            }
            None => self.parameter(id).cast(),
        }
    }

    /// All parameters in 16 bits, where products read them so.
    pub(crate) fn weights16(&self) -> Option<Span<'_, u8>> {
        self.layout.weights16.clone().map(|bytes| self.part(bytes))
    }

    pub(crate) fn gradient(&self, id: ParameterId) -> Span<'_, f32> {
        self.gradients().part(self.plan.slab.parameter(id).range())
    }

    pub(crate) fn states(&self) -> [Span<'_, f32>; UpdateRule::MOST_STATES] {
        self.layout.states.each_ref().map(|bytes| self.part(bytes.clone()))
    }

    /// Some parameters and all that an update of them changes.
    pub(crate) fn updated(&self, range: Range<usize>) -> Updated<'_> {
        Updated {
            parameters: self.parameters().part(range.clone()),
            states: self.states().map(|state| if state.is_empty() { state } else { state.part(range.clone()) }),
            weights16: self.weights16().map(|all| all.part(2 * range.start..2 * range.end)),
        }
    }

    /// What the update of all parameters has left to do where dense layers update their weights.
    pub(crate) fn parts(&self) -> Option<Span<'_, u32>> {
        self.layout.parts.clone().map(|bytes| self.part(bytes))
    }

    /// Running mean and variance.
    pub(crate) fn running(&self, id: NormId) -> [Span<'_, f32>; 2] {
        self.plan.slab.norm(id).ranges().map(|values| self.slab().part(values))
    }

    /// The numbers that all kernels of a step read.
    pub(crate) fn step(&self) -> Span<'_, StepRow> {
        let start = self.layout.row.start;
        self.part(start..start + size_of::<StepRow>())
    }

    /// One of the dropouts of the step that runs.
    pub(crate) fn dropout(&self, layer: usize) -> Span<'_, DropoutRow> {
        let first = self.layout.row.start + size_of::<StepRow>();
        let start = first + layer * size_of::<DropoutRow>();
        self.part(start..start + size_of::<DropoutRow>())
    }

    /// How far the table has been taken and `bytes` bytes of it, with what lies between: to be written at once.
    pub(crate) fn progress_and_table(&self, bytes: usize) -> Span<'_, u8> {
        self.part(self.layout.progress.start..self.layout.table.start + bytes)
    }

    /// The logits of batch number `batch` of a call that evaluates, `values` of them.
    pub(crate) fn kept_logits(&self, batch: usize, values: usize) -> Span<'_, u8> {
        let size = self.precision.bytes();
        let start = batch * self.plan.evaluation.batch * self.plan.classes * size;
        self.part::<u8>(self.layout.logits.clone()).part(start..start + values * size)
    }

    /// All of them, of so many batches.
    pub(crate) fn all_kept_logits(&self, batches: usize) -> Span<'_, u8> {
        self.kept_logits(0, batches * self.plan.evaluation.batch * self.plan.classes)
    }
}
