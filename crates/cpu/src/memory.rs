//! All memory of one network in training.

use tunefork_graph::optimizer::UpdateRule;
use tunefork_graph::{Buffer, Plan};
use tunefork_simd::Isa;

use crate::buffer::AlignedBuffer;
use crate::context::Context;
use crate::optimizer::Buffers;
use crate::pool::Pool;
use crate::shared::Shared;

/// The buffers of a trial. Nothing else that a step touches grows with the network.
pub(crate) struct Memory {
    pub arena: AlignedBuffer,
    /// Parameters and running statistics.
    pub slab: AlignedBuffer,
    /// Gradients of the parameters.
    pub gradients: AlignedBuffer,
    /// The optimizer's state, laid out as the parameters; empty where the plan has no such tensor.
    pub states: [AlignedBuffer; UpdateRule::MOST_STATES],
    /// `scratch_len` elements per thread.
    scratch: AlignedBuffer,
    scratch_len: usize,
}

/// Elements of each buffer.
struct Lengths {
    arena: usize,
    slab: usize,
    trainable: usize,
    /// How many tensors of state.
    states: usize,
    scratch: usize,
}

impl Lengths {
    fn new(plan: &Plan, scratch_len: usize, threads: usize) -> Self {
        Self {
            arena: plan.arena_len(),
            slab: plan.slab.len,
            trainable: plan.slab.trainable_len,
            states: plan.optimizer_states,
            scratch: scratch_len * threads,
        }
    }
}

impl Memory {
    /// Zeros, but for the running variances, which begin at one.
    pub(crate) fn new(plan: &Plan, scratch_len: usize, threads: usize) -> Self {
        let lengths = Lengths::new(plan, scratch_len, threads);
        let mut slab = AlignedBuffer::new(lengths.slab);
        for norm in &plan.slab.norms {
            let [_, variance] = norm.ranges();
            slab.as_mut_slice()[variance].fill(1.0);
        }
        Self {
            arena: AlignedBuffer::new(lengths.arena),
            slab,
            gradients: AlignedBuffer::new(lengths.trainable),
            states: std::array::from_fn(|i| AlignedBuffer::new(if i < lengths.states { lengths.trainable } else { 0 })),
            scratch: AlignedBuffer::new(lengths.scratch),
            scratch_len,
        }
    }

    pub(crate) fn set_threads(&mut self, threads: usize) {
        self.scratch = AlignedBuffer::new(self.scratch_len * threads);
    }

    /// Bytes that [`new`](Self::new) allocates.
    pub(crate) fn bytes(plan: &Plan, scratch_len: usize, threads: usize) -> u64 {
        let lengths = Lengths::new(plan, scratch_len, threads);
        let of_parameters = (1 + lengths.states as u64) * AlignedBuffer::bytes(lengths.trainable);
        of_parameters + [lengths.arena, lengths.slab, lengths.scratch].map(AlignedBuffer::bytes).iter().sum::<u64>()
    }

    pub(crate) fn context<'a>(&'a mut self, isa: Isa, pool: &'a mut Pool, rows: usize) -> Context<'a> {
        Context {
            isa,
            pool,
            arena: Shared::new(self.arena.as_mut_slice()),
            slab: Shared::new(self.slab.as_mut_slice()),
            gradients: Shared::new(self.gradients.as_mut_slice()),
            scratch: Shared::new(self.scratch.as_mut_slice()),
            scratch_len: self.scratch_len,
            rows,
        }
    }

    pub(crate) fn optimizer(&mut self) -> Buffers<'_> {
        Buffers {
            len: self.gradients.as_slice().len(),
            parameters: Shared::new(self.slab.as_mut_slice()),
            gradients: Shared::new(self.gradients.as_mut_slice()),
            states: self.states.each_mut().map(|state| Shared::new(state.as_mut_slice())),
        }
    }

    pub(crate) fn images(&mut self, input: Buffer, len: usize) -> &mut [f32] {
        &mut self.arena.as_mut_slice()[input.range()][..len]
    }
}
