//! What the tasks of a backward step work on.

use std::ops::Range;

use tunefork_graph::{BlockBackward, Gradient};
use tunefork_simd::Isa;

use crate::context::Context;
use crate::shared::Shared;

pub(super) struct Tensors<'a> {
    pub isa: Isa,
    pub slab: &'a [f32],
    pub statistics: Option<&'a [f32]>,
    pub input: Option<Shared<'a>>,
    pub shortcut_input: Option<Shared<'a>>,
    pub saved: Option<Shared<'a>>,
    pub output_gradient: Shared<'a>,
    pub input_gradient: Option<(Shared<'a>, bool)>,
    pub shortcut_gradient: Option<(Shared<'a>, bool)>,
    pub workspace: Shared<'a>,
    pub scratch: Shared<'a>,
    pub scratch_len: usize,
}

impl<'a> Tensors<'a> {
    pub(super) fn new(context: &Context<'a>, step: &BlockBackward) -> Self {
        let tensor = |buffer| context.tensor(buffer);
        let gradient = |gradient: Gradient| (context.tensor(gradient.to), gradient.accumulate);
        // SAFETY: a backward step writes neither parameters nor statistics.
        let (slab, statistics) =
            unsafe { (context.slab.read(), step.statistics.map(|buffer| context.tensor(buffer).read())) };
        Self {
            isa: context.isa,
            slab,
            statistics,
            input: step.input.map(tensor),
            shortcut_input: step.shortcut_input.map(tensor),
            saved: step.saved.map(tensor),
            output_gradient: context.tensor(step.output_gradient),
            input_gradient: step.input_gradient.map(gradient),
            shortcut_gradient: step.shortcut_gradient.map(gradient),
            workspace: step.workspace.map_or(context.arena.part(0..0), tensor),
            scratch: context.scratch,
            scratch_len: context.scratch_len,
        }
    }

    pub(super) fn workspace(&self, part: &Range<usize>) -> Shared<'a> {
        self.workspace.part(part.clone())
    }

    pub(super) fn scratch(&self, thread: usize) -> Shared<'a> {
        self.scratch.piece(thread, self.scratch_len)
    }
}
