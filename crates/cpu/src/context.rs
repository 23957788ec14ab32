//! What every step of a program is given.

use tunefork_graph::Buffer;
use tunefork_simd::Isa;

use crate::pool::Pool;
use crate::shared::Shared;

/// Machine, memory and the batch at hand.
///
/// The memory is shared between threads by the rules of the plan: a step touches the tensors it names,
/// and each of its tasks its own images of them.
pub(crate) struct Context<'a> {
    pub isa: Isa,
    pub pool: &'a mut Pool,
    pub arena: Shared<'a>,
    /// Parameters and running statistics.
    pub slab: Shared<'a>,
    /// Gradients of the parameters.
    pub gradients: Shared<'a>,
    /// `scratch_len` elements per thread.
    pub scratch: Shared<'a>,
    pub scratch_len: usize,
    /// Real images in the batch.
    pub rows: usize,
}

impl<'a> Context<'a> {
    pub(crate) fn tensor(&self, buffer: Buffer) -> Shared<'a> {
        self.arena.part(buffer.range())
    }
}
