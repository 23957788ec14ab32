//! Backward pass of a block.
//!
//! Pass A, with a norm: over all images, the sums that the norm's gradients are made of. Pass B, in
//! chunks of images: the gradient dy at the convolution's result, image by image in scratch; the weight
//! gradient of a group of images; then what goes on to x and r. A chunk's weight gradients are partial
//! sums in the workspace, added in the order of the chunks. How many chunks there are depends on the
//! block and the batch alone, so that the number of threads changes no bit.

use std::ops::Range;

use tunefork_graph::{BlockBackward, Gradient, Shortcut, SlabLayout};
use tunefork_simd::Isa;

use super::gradient::{self, Coefficients};
use super::sizes::{BackwardSizes, ConvSizes};
use super::statistics;
use super::tail::{Inputs, Norm, Tail};
use super::{run_forward, shortcut_len};
use crate::context::Context;
use crate::conv::Forward;
use crate::gemm::PANEL;
use crate::layout;
use crate::parameters::{self, NormRanges};
use crate::shared::Shared;

/// Elements that one task adds up over the chunks.
const REDUCTION: usize = 8 * 1024;

/// A block's backward step with all that can be worked out beforehand.
pub struct BackwardTables {
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
    /// Tables for a step of a program for `batch` images.
    pub fn new(step: &BlockBackward, slab: &SlabLayout, batch: usize) -> Self {
        let block = &*step.block;
        let sizes = BackwardSizes::new(
            block,
            batch,
            step.input_gradient.is_some(),
            step.shortcut_gradient.is_some(),
        );
        let weights = block.conv.map(|conv| parameters::range(slab, conv.weights));
        let bias = block
            .conv
            .and_then(|conv| conv.bias)
            .map(|bias| parameters::range(slab, bias));
        let projection_weights = match block.shortcut {
            Shortcut::Projected { weights, .. } => Some(parameters::range(slab, weights)),
            _ => None,
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
                partial.clone().step_by(REDUCTION).map(move |start| {
                    (
                        start..(start + REDUCTION).min(end),
                        gradient.start + start - partial.start,
                    )
                })
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

    /// Elements of scratch per thread.
    pub fn scratch_len(&self) -> usize {
        self.sizes.scratch
    }

    /// Runs the step.
    pub fn run(&self, context: &mut Context<'_>) {
        let memory = Memory::new(context, &self.step);
        self.pack(context, &memory);
        if let Some(norm) = &self.norm {
            self.sum_images(context, &memory);
            self.finish_norm(context, &memory, norm);
        }
        self.run_chunks(context, &memory);
        self.reduce(context, &memory);
    }

    fn pack(&self, context: &mut Context<'_>, memory: &Memory<'_>) {
        let convs = [
            (&self.sizes.conv, &self.weights),
            (&self.sizes.projection, &self.projection_weights),
        ];
        for (conv, weights) in convs {
            let (Some(conv), Some(weights)) = (conv, weights) else {
                continue;
            };
            if !conv.wants_data {
                continue;
            }
            let packed = memory.workspace(&conv.packed);
            context.pool.run(conv.data.panels(), &|task, _| {
                // SAFETY: each task has its own panel.
                let packed = unsafe { packed.part(conv.data.panel_range(task)).write() };
                conv.data.pack(&memory.slab[weights.clone()], task, packed);
            });
        }
        if let (Some(tables), Some(weights)) = (&self.sizes.projected, &self.projection_weights) {
            // SAFETY: no task is running.
            let packed = unsafe { memory.workspace(&self.sizes.projected_weights).write() };
            for panel in 0..Forward::panels(&tables.shape()) {
                let start = panel * PANEL * tables.shape().depth();
                Forward::pack(
                    &tables.shape(),
                    &memory.slab[weights.clone()],
                    panel,
                    &mut packed[start..],
                );
            }
        }
    }

    /// What precedes the tail in one image; a projected shortcut is computed again.
    fn inputs<'a>(
        &self,
        memory: &Memory<'a>,
        image: usize,
        projected: &'a mut [f32],
        padded: &mut [f32],
    ) -> Inputs<'a> {
        let k = self.tail.convolved.channels;
        let projection = self.projection_weights.is_some();
        let r = memory
            .shortcut_input
            .map(|r| r.piece(image, shortcut_len(&self.step.block)));
        // SAFETY: what belongs to an image is written, as gradients, only later and by the same task.
        let (y, r, packed) = unsafe {
            let y = memory
                .saved
                .map(|saved| saved.piece(image, self.tail.convolved.elements()).read());
            (
                y.unwrap_or(&[]),
                r.map(|r| r.read()),
                memory.workspace(&self.sizes.projected_weights).read(),
            )
        };
        let shortcut = match (&self.sizes.projected, r) {
            (Some(tables), Some(r)) => {
                run_forward(memory.isa, tables, r, packed, None, projected, padded);
                Some(&*projected)
            }
            (None, r) if !projection => r,
            _ => None,
        };
        let norm = self
            .norm
            .as_ref()
            .zip(memory.statistics)
            .map(|(norm, statistics)| Norm {
                mean: &statistics[..k],
                rstd: &statistics[k..2 * k],
                scale: &memory.slab[norm.scale.clone()],
                shift: &memory.slab[norm.shift.clone()],
            });
        Inputs { y, norm, shortcut }
    }

    fn output_gradient<'a>(&self, memory: &Memory<'a>, image: usize) -> &'a [f32] {
        // SAFETY: what belongs to an image is written, as gradients, only later and by the same task.
        unsafe {
            memory
                .output_gradient
                .piece(image, self.tail.output.elements())
                .read()
        }
    }

    /// Pass A: what each image adds to the gradients of the norm.
    fn sum_images(&self, context: &mut Context<'_>, memory: &Memory<'_>) {
        let k = self.tail.convolved.channels;
        context.pool.run(context.rows, &|image, thread| {
            // SAFETY: the scratch belongs to this thread, the sums of the image to this task.
            let (scratch, sums) = unsafe {
                (
                    memory.scratch(thread).write(),
                    memory
                        .workspace(&self.sizes.sums)
                        .piece(image, 2 * k)
                        .write(),
                )
            };
            let [projected, padded] =
                layout::parts(scratch, [&self.sizes.shortcut, &self.sizes.shortcut_padded]);
            let inputs = self.inputs(memory, image, projected, padded);
            gradient::sums(
                memory.isa,
                &self.tail,
                &inputs,
                self.output_gradient(memory, image),
                sums,
            );
        });
    }

    /// Gradients of the norm's parameters, and how dy depends on them.
    fn finish_norm(&self, context: &mut Context<'_>, memory: &Memory<'_>, norm: &NormRanges) {
        let k = self.tail.convolved.channels;
        let count = (context.rows * self.tail.convolved.pixels()) as f64;
        // SAFETY: no task is running, and the parts lie apart.
        let (sums, coefficients, gradients) = unsafe {
            let sums = memory
                .workspace(&self.sizes.sums)
                .part(0..context.rows * 2 * k);
            (
                sums.read(),
                memory.workspace(&self.sizes.coefficients).write(),
                context.gradients.write(),
            )
        };
        let statistics = memory.statistics.unwrap_or(&[]);
        let scale = &memory.slab[norm.scale.clone()];
        for channel in 0..k {
            let shift_gradient = statistics::sum_in_order(sums, 2 * k, channel);
            let scale_gradient = statistics::sum_in_order(sums, 2 * k, k + channel);
            gradients[norm.shift.start + channel] = shift_gradient as f32;
            gradients[norm.scale.start + channel] = scale_gradient as f32;
            let rstd = f64::from(statistics[k + channel]);
            let factor = f64::from(scale[channel]) * rstd;
            coefficients[channel] = factor as f32;
            coefficients[k + channel] = (-factor * rstd * scale_gradient / count) as f32;
            coefficients[2 * k + channel] = (-factor * shift_gradient / count) as f32;
        }
    }

    /// Pass B: all other gradients, chunk by chunk.
    fn run_chunks(&self, context: &mut Context<'_>, memory: &Memory<'_>) {
        let (sizes, rows) = (&self.sizes, context.rows);
        context.pool.run(sizes.chunks, &|chunk, thread| {
            let start = (chunk * sizes.chunk).min(rows);
            let end = (start + sizes.chunk).min(rows);
            // SAFETY: the scratch belongs to this thread, the partial sums of the chunk to this task.
            let (scratch, partial) = unsafe {
                let partials = memory.workspace(&sizes.partials);
                (
                    memory.scratch(thread).write(),
                    partials.piece(chunk, sizes.partial_len).write(),
                )
            };
            if start == end {
                partial.fill(0.0);
            }
            partial[sizes.bias.clone()].fill(0.0);
            for first in (start..end).step_by(sizes.group) {
                let group = first..(first + sizes.group).min(end);
                self.run_group(memory, group, first == start, partial, scratch);
            }
        });
    }

    /// All gradients of a group of images; the `fresh` group of a chunk overwrites the partial sums.
    fn run_group(
        &self,
        memory: &Memory<'_>,
        images: Range<usize>,
        fresh: bool,
        partial: &mut [f32],
        scratch: &mut [f32],
    ) {
        let sizes = &self.sizes;
        let (isa, elements) = (memory.isa, self.tail.convolved.elements());
        let [padded, dy, before, projected, shortcut_padded] = layout::parts(
            scratch,
            [
                &sizes.padded,
                &sizes.gradient,
                &sizes.before,
                &sizes.shortcut,
                &sizes.shortcut_padded,
            ],
        );
        for (index, image) in images.clone().enumerate() {
            let inputs = self.inputs(memory, image, projected, shortcut_padded);
            let before = if sizes.keeps_before {
                &mut before[index * elements..][..elements]
            } else {
                &mut *before
            };
            let dy = &mut dy[index * sizes.gradient_len..][..sizes.gradient_len];
            self.image_gradient(memory, image, &inputs, before, dy);
            self.add_bias(isa, dy, &mut partial[sizes.bias.clone()]);
        }
        let convs = [
            (&sizes.conv, memory.input, &*dy),
            (&sizes.projection, memory.shortcut_input, &*before),
        ];
        for (conv, input, gradient) in convs {
            let (Some(conv), Some(input)) = (conv, input) else {
                continue;
            };
            let len = conv.shape.input.elements();
            // SAFETY: the images belong to this task, which writes their gradients only below.
            let input = unsafe { input.part(images.start * len..images.end * len).read() };
            conv.weight.run(
                isa,
                input,
                gradient,
                fresh,
                &mut partial[conv.partial.clone()],
                padded,
            );
        }
        for (index, image) in images.enumerate() {
            let dy = &dy[index * sizes.gradient_len..][..sizes.gradient_len];
            self.deliver(
                memory,
                &sizes.conv,
                dy,
                self.step.block.input.elements(),
                image,
                memory.input_gradient,
            );
            if sizes.keeps_before {
                let before = &before[index * elements..][..elements];
                let len = shortcut_len(&self.step.block);
                self.deliver(
                    memory,
                    &sizes.projection,
                    before,
                    len,
                    image,
                    memory.shortcut_gradient,
                );
            }
        }
    }

    /// The gradient before the activation, in `before`, and from it the gradient before the norm, in
    /// `dy` with the border that the data gradient needs: in bands of rows that stay in the cache where
    /// nobody needs the first one later.
    fn image_gradient(
        &self,
        memory: &Memory<'_>,
        image: usize,
        inputs: &Inputs<'_>,
        before: &mut [f32],
        dy: &mut [f32],
    ) {
        let (tail, isa) = (&self.tail, memory.isa);
        let dout = self.output_gradient(memory, image);
        let row_len = tail.convolved.width * tail.convolved.channels;
        self.sizes.border.clear_border(tail.convolved, dy);
        let mut first_row = 0;
        for start in (0..tail.output.height).step_by(self.sizes.band) {
            let positions = start..(start + self.sizes.band).min(tail.output.height);
            let last = positions.end == tail.output.height;
            let end_row = if last {
                tail.convolved.height
            } else {
                positions.end * tail.window.stride
            };
            let rows = first_row..end_row;
            let elements = rows.start * row_len..rows.end * row_len;
            let before = &mut before[..elements.len()];
            if !self.step.block.saves_output() {
                gradient::before_activation(isa, tail, inputs, dout, positions, first_row, before);
            } else if inputs.y.is_empty() {
                before.copy_from_slice(&dout[elements.clone()]);
            } else {
                let output = &inputs.y[elements.clone()];
                gradient::from_output(
                    isa,
                    tail.activation,
                    output,
                    &dout[elements.clone()],
                    before,
                );
            }
            self.through_norm(memory, inputs, rows, before, dy);
            first_row = end_row;
        }
    }

    /// Takes rows of the gradient through the norm, if there is one, to their place in `dy`.
    fn through_norm(
        &self,
        memory: &Memory<'_>,
        inputs: &Inputs<'_>,
        rows: Range<usize>,
        before: &[f32],
        dy: &mut [f32],
    ) {
        let k = self.tail.convolved.channels;
        let row_len = self.tail.convolved.width * k;
        // SAFETY: the coefficients are written only before the chunks run.
        let coefficients = unsafe { memory.workspace(&self.sizes.coefficients).read() };
        for (row, before) in rows.zip(before.chunks_exact(row_len)) {
            let to = &mut dy[self.sizes.border.row_start(row)..][..row_len];
            match &inputs.norm {
                Some(norm) => {
                    let coefficients = Coefficients {
                        mean: norm.mean,
                        factor: &coefficients[..k],
                        slope: &coefficients[k..2 * k],
                        offset: &coefficients[2 * k..3 * k],
                    };
                    let y = &inputs.y[row * row_len..(row + 1) * row_len];
                    gradient::through_norm(memory.isa, &coefficients, y, before, to);
                }
                None => to.copy_from_slice(before),
            }
        }
    }

    fn add_bias(&self, isa: Isa, dy: &[f32], sum: &mut [f32]) {
        if sum.is_empty() {
            return;
        }
        let row_len = self.tail.convolved.width * self.tail.convolved.channels;
        for row in 0..self.tail.convolved.height {
            gradient::add_pixels(isa, &dy[self.sizes.border.row_start(row)..][..row_len], sum);
        }
    }

    /// Passes an image's gradient on, through the convolution if there is one.
    fn deliver(
        &self,
        memory: &Memory<'_>,
        conv: &Option<ConvSizes>,
        gradient: &[f32],
        len: usize,
        image: usize,
        to: Option<(Shared<'_>, bool)>,
    ) {
        let Some((to, accumulate)) = to else { return };
        // SAFETY: the image belongs to this task, which has read all it needs of it; the packed weights
        // are not written by the chunks.
        let to = unsafe { to.piece(image, len).write() };
        match conv {
            Some(conv) => {
                // SAFETY: as above.
                let packed = unsafe { memory.workspace(&conv.packed).read() };
                conv.data.run(memory.isa, gradient, packed, accumulate, to);
            }
            None => gradient::deliver(memory.isa, gradient, accumulate, to),
        }
    }

    /// Adds the partial sums of all chunks, in their order.
    fn reduce(&self, context: &mut Context<'_>, memory: &Memory<'_>) {
        let gradients = context.gradients;
        context.pool.run(self.reductions.len(), &|task, _| {
            let (part, start) = &self.reductions[task];
            // SAFETY: the partial sums are complete; each task writes its own part of the gradients.
            let (partials, total) = unsafe {
                (
                    memory.workspace(&self.sizes.partials).read(),
                    gradients.part(*start..*start + part.len()).write(),
                )
            };
            let chunk = |chunk: usize| &partials[chunk * self.sizes.partial_len..][part.clone()];
            total.copy_from_slice(chunk(0));
            for index in 1..self.sizes.chunks {
                gradient::deliver(memory.isa, chunk(index), true, total);
            }
        });
    }
}

/// The step's tensors, for its tasks.
struct Memory<'a> {
    isa: Isa,
    slab: &'a [f32],
    statistics: Option<&'a [f32]>,
    input: Option<Shared<'a>>,
    shortcut_input: Option<Shared<'a>>,
    saved: Option<Shared<'a>>,
    output_gradient: Shared<'a>,
    input_gradient: Option<(Shared<'a>, bool)>,
    shortcut_gradient: Option<(Shared<'a>, bool)>,
    workspace: Shared<'a>,
    scratch: Shared<'a>,
    scratch_len: usize,
}

impl<'a> Memory<'a> {
    fn new(context: &Context<'a>, step: &BlockBackward) -> Self {
        let tensor = |buffer| context.tensor(buffer);
        let gradient = |gradient: Gradient| (context.tensor(gradient.to), gradient.accumulate);
        // SAFETY: a backward step writes neither parameters nor statistics.
        let (slab, statistics) = unsafe {
            (
                context.slab.read(),
                step.statistics.map(|buffer| context.tensor(buffer).read()),
            )
        };
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

    fn workspace(&self, part: &Range<usize>) -> Shared<'a> {
        self.workspace.part(part.clone())
    }

    fn scratch(&self, thread: usize) -> Shared<'a> {
        self.scratch.piece(thread, self.scratch_len)
    }
}
