//! Backward pass of a block.
//!
//! Pass A, with a norm: over all images, the sums that the norm's gradients are made of. Pass B, in
//! chunks of images: the gradient dy at the convolution's result, image by image in scratch; the weight
//! gradient of a group of images; then what goes on to x and r. A chunk's weight gradients are partial
//! sums in the workspace, added in the order of the chunks. How many chunks there are depends on the
//! block and the batch alone, so that the number of threads changes no bit.

mod images;
mod norm;
mod sizes;
mod tensors;

pub(crate) use sizes::BackwardSizes;

use std::ops::Range;

use tunefork_graph::{BlockBackward, Shortcut, SlabLayout};

use self::sizes::ConvSizes;
use self::tensors::Tensors;
use super::gradient;
use super::tail::Tail;
use crate::context::Context;
use crate::conv::Forward;
use crate::gemm::PANEL;
use crate::parameters::NormRanges;

/// Elements that one task adds up over the chunks.
const REDUCTION: usize = 8 * 1024;

/// A block's backward step with all that can be worked out beforehand.
pub(crate) struct BackwardTables {
    step: BlockBackward,
    sizes: BackwardSizes,
    tail: Tail,
    norm: Option<NormRanges>,
    weights: Option<Range<usize>>,
    projection_weights: Option<Range<usize>>,
    /// Parts of a chunk's partial sums, and where their totals go in the gradients.
    reductions: Vec<(Range<usize>, usize)>,
}

impl BackwardTables {
    pub(crate) fn new(step: &BlockBackward, slab: &SlabLayout, batch: usize) -> Self {
        let block = &*step.block;
        let sizes = BackwardSizes::new(block, batch, step.input_gradient.is_some(), step.shortcut_gradient.is_some());
        let weights = block.conv.map(|conv| slab.parameter(conv.weights).range());
        let bias = block.conv.and_then(|conv| conv.bias).map(|bias| slab.parameter(bias).range());
        let projection_weights = match block.shortcut {
            Shortcut::Projected { weights, .. } => Some(slab.parameter(weights).range()),
            Shortcut::None | Shortcut::Identity => None,
        };
        let partial = |conv: &Option<ConvSizes>| conv.as_ref().map(|conv| conv.partial.clone());
        let sums = [
            (partial(&sizes.conv), &weights),
            (Some(sizes.bias.clone()), &bias),
            (partial(&sizes.projection), &projection_weights),
        ];
        let reductions = sums
            .into_iter()
            .filter_map(|(partial, gradient)| Some((partial?, gradient.clone()?)))
            .flat_map(|(partial, gradient)| {
                let end = partial.end;
                partial
                    .clone()
                    .step_by(REDUCTION)
                    .map(move |start| (start..(start + REDUCTION).min(end), gradient.start + start - partial.start))
            })
            .collect();
        Self {
            step: step.clone(),
            tail: Tail::new(block),
            norm: block.norm.as_ref().map(|norm| NormRanges::new(slab, norm)),
            weights,
            projection_weights,
            reductions,
            sizes,
        }
    }

    pub(crate) fn scratch_len(&self) -> usize {
        self.sizes.scratch
    }

    pub(crate) fn run(&self, context: &mut Context<'_>) {
        let tensors = Tensors::new(context, &self.step);
        self.pack(context, &tensors);
        if let Some(norm) = &self.norm {
            self.sum_images(context, &tensors);
            self.finish_norm(context, &tensors, norm);
        }
        self.run_chunks(context, &tensors);
        self.reduce(context, &tensors);
    }

    fn pack(&self, context: &mut Context<'_>, tensors: &Tensors<'_>) {
        let convs = [(&self.sizes.conv, &self.weights), (&self.sizes.projection, &self.projection_weights)];
        for (conv, weights) in convs {
            let (Some(conv), Some(weights)) = (conv, weights) else {
                continue;
            };
            if !conv.wants_data {
                continue;
            }
            let packed = tensors.workspace(&conv.packed);
            context.pool.run(conv.data.panels(), &|task, _| {
                // SAFETY: each task has its own panel.
                let packed = unsafe { packed.part(conv.data.panel_range(task)).write() };
                conv.data.pack(&tensors.slab[weights.clone()], task, packed);
            });
        }
        if let (Some(tables), Some(weights)) = (&self.sizes.projected, &self.projection_weights) {
            // SAFETY: no task is running.
            let packed = unsafe { tensors.workspace(&self.sizes.projected_weights).write() };
            for panel in 0..Forward::panels(&tables.shape()) {
                let start = panel * PANEL * tables.shape().depth();
                Forward::pack(&tables.shape(), &tensors.slab[weights.clone()], panel, &mut packed[start..]);
            }
        }
    }

    /// Pass B: all other gradients, chunk by chunk.
    fn run_chunks(&self, context: &mut Context<'_>, tensors: &Tensors<'_>) {
        let (sizes, rows) = (&self.sizes, context.rows);
        context.pool.run(sizes.chunks, &|chunk, thread| {
            let start = (chunk * sizes.chunk).min(rows);
            let end = (start + sizes.chunk).min(rows);
            // SAFETY: the scratch belongs to this thread, the partial sums of the chunk to this task.
            let (scratch, partial) = unsafe {
                let partials = tensors.workspace(&sizes.partials);
                (tensors.scratch(thread).write(), partials.piece(chunk, sizes.partial_len).write())
            };
            if start == end {
                partial.fill(0.0);
            }
            partial[sizes.bias.clone()].fill(0.0);
            for first in (start..end).step_by(sizes.group) {
                let group = first..(first + sizes.group).min(end);
                self.run_group(tensors, group, first == start, partial, scratch);
            }
        });
    }

    /// Adds the partial sums of all chunks, in their order.
    fn reduce(&self, context: &mut Context<'_>, tensors: &Tensors<'_>) {
        let gradients = context.gradients;
        context.pool.run(self.reductions.len(), &|task, _| {
            let (part, start) = &self.reductions[task];
            // SAFETY: the partial sums are complete; each task writes its own part of the gradients.
            let (partials, total) = unsafe {
                (tensors.workspace(&self.sizes.partials).read(), gradients.part(*start..*start + part.len()).write())
            };
            let chunk = |chunk: usize| &partials[chunk * self.sizes.partial_len..][part.clone()];
            total.copy_from_slice(chunk(0));
            for index in 1..self.sizes.chunks {
                gradient::deliver(tensors.isa, chunk(index), true, total);
            }
        });
    }
}
