//! The plan: programs with addresses, known to the byte before the first step.

mod lifetimes;
mod place;
mod rename;
mod schedule;
mod slab;

use std::collections::BTreeSet;

use schedule::Schedule;
pub use slab::{NormSlot, SlabLayout, Slot};

use crate::optimizer::UpdateRule;
use crate::{Block, Cost, Dense, Graph, GraphError, GroupNorm, Image, Op, Precision, Step, cost, differentiate, fuse};

/// A piece of the arena, in elements of 4 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Buffer {
    /// The first element, a multiple of 64 (256 bytes).
    pub offset: usize,
    /// Elements of 4 bytes, where values are stored in 16 bits too.
    pub len: usize,
}

impl Buffer {
    /// The elements of the arena that belong to it.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.offset..self.offset + self.len
    }
}

/// What an engine says of its use of the arena: the room that it needs beside the tensors, for packed
/// weights, partial sums and the like, and how it stores a tensor's values.
pub trait Workspace {
    /// Elements of the arena that one step needs while it runs; a function of the shape only,
    /// never of the machine's load or the number of threads.
    fn len(&self, step: StepShape<'_>) -> usize;

    /// Elements of 4 bytes that a tensor of so many values takes. Engines that store values in 16 bits
    /// answer half of them, rounded up; statistics and workspaces are not asked about.
    fn tensor_len(&self, values: usize) -> usize {
        values
    }

    /// How the engine stores and multiplies numbers.
    fn precision(&self) -> Precision {
        Precision::F32
    }
}

/// The workspace of an engine that needs none.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoWorkspace;

impl Workspace for NoWorkspace {
    fn len(&self, _: StepShape<'_>) -> usize {
        0
    }
}

/// What a step's workspace may depend on.
#[derive(Clone, Copy, Debug)]
pub enum StepShape<'a> {
    /// For a [`BlockForward`](crate::BlockForward).
    BlockForward {
        /// Its parts and sizes.
        block: &'a Block,
        /// Images in the batch.
        batch: usize,
        /// With batch statistics and kept values, or by running statistics.
        training: bool,
    },
    /// For a [`BlockBackward`](crate::BlockBackward).
    BlockBackward {
        /// Its parts and sizes.
        block: &'a Block,
        /// Images in the batch.
        batch: usize,
        /// Whether the gradient of x is asked for.
        input_gradient: bool,
        /// Whether the gradient of r is asked for.
        shortcut_gradient: bool,
    },
    /// For a [`DenseForward`](crate::DenseForward).
    DenseForward {
        /// Its parts and sizes.
        dense: &'a Dense,
        /// Images in the batch.
        batch: usize,
        /// With dropout, or without.
        training: bool,
    },
    /// For a [`DenseBackward`](crate::DenseBackward).
    DenseBackward {
        /// Its parts and sizes.
        dense: &'a Dense,
        /// Images in the batch.
        batch: usize,
        /// Whether the gradient of x is asked for.
        input_gradient: bool,
    },
    /// For a [`GroupNormBackward`](crate::GroupNormBackward).
    GroupNormBackward {
        /// Its groups and the size of an image.
        norm: &'a GroupNorm,
        /// Images in the batch.
        batch: usize,
    },
}

/// Steps in order, and the memory they share.
///
/// A batch may have fewer real images than `batch`: how many is given with each run. Rows behind
/// them are never read, neither for statistics nor for the loss, and what they hold is undefined.
#[derive(Clone, PartialEq, Debug)]
pub struct Program {
    /// Images in a batch.
    pub batch: usize,
    /// In the order in which an engine takes them.
    pub steps: Vec<Step>,
    /// Elements of the arena that the steps need.
    pub arena_len: usize,
    /// Where the batch of images is expected before the first step, `[N, H, W, C]`. It is not
    /// preserved.
    pub input: Buffer,
    /// Where the logits lie, `[N, classes]`: after the last step of an evaluation; in training only
    /// until the loss has been computed.
    pub logits: Buffer,
    /// What one run costs; in training with the update of the parameters.
    pub cost: Cost,
}

/// The memory of a trial in bytes, by use. Scratch of single threads is the engine's and not in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bytes {
    /// The slab: parameters and running statistics.
    pub slab: u64,
    /// Gradients of the parameters.
    pub gradients: u64,
    /// State of the optimizer, [`Plan::optimizer_states`] values per parameter.
    pub optimizer: u64,
    /// The arena, shared by training and evaluation.
    pub arena: u64,
}

impl Bytes {
    /// Slab, gradients, optimizer state and arena together.
    pub fn total(&self) -> u64 {
        self.slab + self.gradients + self.optimizer + self.arena
    }
}

/// A network ready to be trained and evaluated.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Size of an input image.
    pub image: Image,
    /// Values of an image's row of logits.
    pub classes: usize,
    /// How many dropout probabilities a step is given.
    pub dropouts: usize,
    /// Where the parameters lie.
    pub slab: SlabLayout,
    /// Forward, loss, backward. The engine's update of the parameters follows.
    pub training: Program,
    /// Forward and loss by the running statistics, without dropout.
    pub evaluation: Program,
    /// How its engine stores and multiplies numbers.
    pub precision: Precision,
    /// Tensors like the parameters that the optimizer has for its state: as many as Adam's, unless it is set to
    /// another rule's [`UpdateRule::states`]. An engine does not train with a rule that has more.
    pub optimizer_states: usize,
    /// Equal for two plans exactly when they do the same work: graph, shapes, batches and
    /// precision, but not names and run-time scalars.
    pub key: String,
}

impl Plan {
    /// Plans training by the graph's batch and evaluation by `evaluation_batch` images at a time.
    ///
    /// # Errors
    /// If the graph has no loss, no parameters, or parameters that do not reach the loss; or if
    /// `evaluation_batch` is zero.
    pub fn new(graph: &Graph, evaluation_batch: usize, workspace: &dyn Workspace) -> Result<Self, GraphError> {
        let gradients = differentiate(graph)?;
        check_batch(graph, evaluation_batch)?;
        let groups = fuse::fuse(graph);
        let slab = SlabLayout::new(graph);
        let program = |batch, gradients| {
            let schedule = Schedule::new(graph, &groups, batch, gradients, workspace);
            Program::new(&schedule, batch)
        };
        let mut training = program(graph.batch(), Some(&gradients));
        // One pass over parameters, gradients and state: Adam's 7 accesses of 4 bytes.
        training.cost = training.cost + Cost { flops: 0, bytes: 28 * slab.trainable_len as u64, steps: 1 };
        Ok(Self {
            image: graph.image(),
            classes: graph.classes().expect("the graph was differentiated"),
            dropouts: graph.dropouts(),
            training,
            evaluation: program(evaluation_batch, None),
            slab,
            precision: workspace.precision(),
            optimizer_states: UpdateRule::ADAM.states(),
            key: key(graph, evaluation_batch, workspace.precision()),
        })
    }

    /// Elements of the arena: what the larger program needs.
    pub fn arena_len(&self) -> usize {
        self.training.arena_len.max(self.evaluation.arena_len)
    }

    /// Number of parameters, padding not counted.
    pub fn parameter_count(&self) -> usize {
        self.slab.parameters.iter().map(|slot| slot.len).sum()
    }

    /// The memory of a trial.
    pub fn bytes(&self) -> Bytes {
        let bytes = |elements: usize| 4 * elements as u64;
        Bytes {
            slab: bytes(self.slab.len),
            gradients: bytes(self.slab.trainable_len),
            optimizer: bytes(self.slab.trainable_len * self.optimizer_states),
            arena: bytes(self.arena_len()),
        }
    }
}

impl Program {
    fn new(schedule: &Schedule, batch: usize) -> Self {
        let (buffers, arena_len) = schedule.place();
        let steps = schedule.finish(&buffers);
        let cost = steps.iter().map(|step| step_cost(step, batch)).fold(Cost::default(), |sum, cost| sum + cost);
        let (input, logits) = (schedule.input.of(&buffers), schedule.logits.of(&buffers));
        Self { batch, steps, arena_len, input, logits, cost }
    }
}

fn check_batch(graph: &Graph, batch: usize) -> Result<(), GraphError> {
    let layer = || "the evaluation".to_owned();
    if batch == 0 {
        return Err(GraphError::Zero { layer: layer(), what: "the batch" });
    }
    for node in graph.nodes().iter().filter(|node| !matches!(node.op, Op::Parameter(_))) {
        let elements = node.shape.image().map_or(0, |image| image.elements()); // the loss is one number
        if elements.checked_mul(batch).is_none_or(|elements| elements > Graph::MAX_ELEMENTS) {
            return Err(GraphError::TooLarge { layer: layer(), shape: node.shape });
        }
    }
    Ok(())
}

/// Every buffer once, the parameters once more (weights forward, their gradients backward).
fn step_cost(step: &Step, batch: usize) -> Cost {
    let buffers: BTreeSet<Buffer> = step.uses().iter().map(|used| used.tensor).collect();
    let elements: usize = buffers.iter().map(|buffer| buffer.len).sum();
    let parameters = match step {
        Step::BlockForward(s) => s.block.parameters(),
        Step::BlockBackward(s) => 2 * s.block.parameters(),
        Step::DenseForward(s) => s.dense.parameters(),
        Step::DenseBackward(s) => 2 * s.dense.parameters(),
        Step::GroupNormForward(s) => 2 * s.norm.image.channels,
        Step::GroupNormBackward(s) => 4 * s.norm.image.channels,
        Step::GlobalAverageForward(_)
        | Step::GlobalAverageBackward(_)
        | Step::DropoutForward(_)
        | Step::DropoutBackward(_)
        | Step::Loss(_) => 0,
    };
    Cost { flops: batch as u64 * cost::flops(step), bytes: 4 * (elements + parameters) as u64, steps: 1 }
}

/// A short stable name for the work: FNV-1a over 128 bits of the graph's signature.
fn key(graph: &Graph, evaluation_batch: usize, precision: Precision) -> String {
    let signature = graph.signature();
    let hash = signature.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0100_0000_0000_0000_0000_013b)
    });
    let batch = graph.batch();
    format!("{precision}-b{batch}-e{evaluation_batch}-{hash:032x}")
}
