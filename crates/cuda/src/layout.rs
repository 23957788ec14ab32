//! One allocation for a trial, and what lies where in it.

use std::ops::Range;

use tunefork_graph::optimizer::UpdateRule;
use tunefork_graph::{Plan, SlabLayout};
use tunefork_kernels::launch::COUNTERS;
use tunefork_kernels::launch::gather::Transform;
use tunefork_kernels::launch::loss::{LossScale, Record};
use tunefork_kernels::launch::optimizer::Update;
use tunefork_kernels::{DropoutRow, Precision, Progress, StepRow};

use crate::launches::updated_by_layers;

/// Parts start at multiples of so many bytes.
const ALIGNMENT: usize = 256;
/// Most steps of a call, and most image numbers for them.
const STEPS: usize = 256;
const INDICES: usize = 1 << 16;
/// Most images that are changed in a call, if a batch does not have more.
const TRANSFORMS: usize = 1 << 13;
/// Most logits that are kept until a call ends, if a batch does not have more.
const LOGITS: usize = 1 << 18;

/// Bytes of each part, in one row of memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Layout {
    /// The plan's arena: everything that lives within one step.
    pub arena: Range<usize>,
    /// Parameters and running statistics.
    pub slab: Range<usize>,
    /// Gradients of the parameters.
    pub gradients: Range<usize>,
    /// The optimizer's state, laid out as the parameters; empty where the plan has no such tensor.
    pub states: [Range<usize>; UpdateRule::MOST_STATES],
    /// The ranges of the parameters of one axis.
    pub norms_and_biases: Range<usize>,
    /// What the update of all parameters has left to do where dense layers update their weights.
    pub parts: Option<Range<usize>>,
    /// The parameters once more, in 16 bits, where products read them so.
    pub weights16: Option<Range<usize>>,
    /// What the optimizer needs for itself.
    pub update: Range<usize>,
    pub scale: Range<usize>,
    /// The row of the step that runs.
    pub row: Range<usize>,
    /// Counts the blocks of a launch that arrive; zeros between launches.
    pub counters: Range<usize>,
    /// How far the table has been taken.
    pub progress: Range<usize>,
    /// The rows of the steps to come; they follow the progress, so that one copy sets both.
    pub table: Range<usize>,
    /// The numbers of their images.
    pub indices: Range<usize>,
    /// What happens to these images.
    pub transforms: Range<usize>,
    /// How the classes weigh in the loss.
    pub class_weights: Range<usize>,
    /// Their results, one record for each step.
    pub records: Range<usize>,
    /// The logits of the batches that are evaluated.
    pub logits: Range<usize>,
    /// Bytes of a row.
    pub row_bytes: usize,
    pub len: usize,
}

impl Layout {
    pub(crate) fn new(plan: &Plan, precision: Precision) -> Self {
        let mut len = 0;
        let mut take = |bytes: usize| {
            let start = len;
            len = (start + bytes).next_multiple_of(ALIGNMENT);
            start..start + bytes
        };
        let parameters = plan.slab.trainable_len;
        let update = Update { len: parameters, precision, clips: true };
        let row_bytes = size_of::<StepRow>() + plan.dropouts * size_of::<DropoutRow>();
        let steps = steps_per_call(plan);
        let batches = batches_per_call(plan);
        let indices = (steps * plan.training.batch).max(batches * plan.evaluation.batch);
        let logits = batches * plan.evaluation.batch * plan.classes;
        let mut layout = Self {
            arena: take(4 * plan.arena_len()),
            slab: take(4 * plan.slab.len),
            gradients: take(4 * parameters),
            states: std::array::from_fn(|i| take(if i < plan.optimizer_states { 4 * parameters } else { 0 })),
            norms_and_biases: take(4 * norms_and_biases(&plan.slab).len()),
            parts: parts(plan, precision).map(|parts| take(4 * parts.len())),
            weights16: (precision.bytes() == 2).then(|| take(2 * parameters)),
            update: take(4 * update.workspace_len()),
            scale: take(size_of::<LossScale>()),
            row: take(row_bytes),
            counters: take(4 * COUNTERS),
            progress: take(size_of::<Progress>()),
            table: take(steps * row_bytes),
            indices: take(4 * indices),
            transforms: take(changed_steps_per_call(plan) * plan.training.batch * size_of::<Transform>()),
            class_weights: take(4 * plan.classes),
            records: take(steps * size_of::<Record>()),
            logits: take(logits * precision.bytes()),
            row_bytes,
            len: 0,
        };
        layout.len = len;
        layout
    }
}

/// The parts of the parameters that no dense layer updates, a start and an end each. None where they are all.
pub(crate) fn parts(plan: &Plan, precision: Precision) -> Option<Vec<u32>> {
    let updated = updated_by_layers(plan, precision);
    let update = Update { len: plan.slab.trainable_len, precision, clips: false };
    (!updated.is_empty()).then(|| update.parts(&updated))
}

/// The ranges of the parameters of one axis, a start and an end each, in order.
pub(crate) fn norms_and_biases(slab: &SlabLayout) -> Vec<u32> {
    let slots = slab.parameters.iter().filter(|slot| slot.shape.rank() == 1);
    slots.flat_map(|slot| [slot.offset as u32, (slot.offset + slot.len) as u32]).collect()
}

/// Steps that are prepared together: enough that the host is rarely waited for, few enough that
/// their tables stay small beside the network.
pub(crate) fn steps_per_call(plan: &Plan) -> usize {
    (INDICES / plan.training.batch).clamp(1, STEPS)
}

/// The same where their images are changed: what happens to an image takes more than its number.
pub(crate) fn changed_steps_per_call(plan: &Plan) -> usize {
    (TRANSFORMS / plan.training.batch).clamp(1, steps_per_call(plan))
}

/// Batches that are evaluated together, so that what is kept of them stays small too.
pub(crate) fn batches_per_call(plan: &Plan) -> usize {
    let batch = plan.evaluation.batch;
    let most = (INDICES / batch).min(LOGITS / (batch * plan.classes));
    most.clamp(1, steps_per_call(plan))
}
