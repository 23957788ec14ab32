//! Forward pass of a block.
//!
//! With a norm in training the batch is met twice: the convolution of every strip and its statistics,
//! then, when mean and variance are known, the rest of every image. Otherwise each image goes through
//! in one go.

mod sizes;
mod statistics;

pub(crate) use sizes::ForwardSizes;

use std::ops::Range;

use tunefork_graph::{BlockForward, Buffer, Shortcut, SlabLayout};
use tunefork_simd::Isa;

use super::moments;
use super::tail::{self, Inputs, Norm, Tail};
use super::{conv_shape, projection_shape, run_forward, shortcut_len};
use crate::context::Context;
use crate::conv::{ConvShape, Forward};
use crate::gemm::PANEL;
use crate::layout;
use crate::parameters::NormRanges;
use crate::shared::Shared;

/// A block's forward step with all that can be worked out beforehand.
pub(crate) struct ForwardTables {
    step: BlockForward,
    sizes: ForwardSizes,
    training: bool,
    tail: Tail,
    conv: Option<Conv>,
    projection: Option<Conv>,
    norm: Option<NormRanges>,
}

struct Conv {
    shape: ConvShape,
    tables: Forward,
    weights: Range<usize>,
    bias: Option<Range<usize>>,
}

impl ForwardTables {
    pub(crate) fn new(step: &BlockForward, slab: &SlabLayout, batch: usize, training: bool) -> Self {
        let block = &*step.block;
        let conv = block.conv.zip(conv_shape(block)).map(|(conv, shape)| Conv {
            shape,
            tables: Forward::new(shape),
            weights: slab.parameter(conv.weights).range(),
            bias: conv.bias.map(|bias| slab.parameter(bias).range()),
        });
        let projection = match (block.shortcut, projection_shape(block)) {
            (Shortcut::Projected { weights, .. }, Some(shape)) => {
                Some(Conv { shape, tables: Forward::new(shape), weights: slab.parameter(weights).range(), bias: None })
            }
            _ => None,
        };
        Self {
            step: step.clone(),
            sizes: ForwardSizes::new(block, batch, training),
            training,
            tail: Tail::new(block),
            conv,
            projection,
            norm: block.norm.as_ref().map(|norm| NormRanges::new(slab, norm)),
        }
    }

    pub(crate) fn scratch_len(&self) -> usize {
        self.sizes.scratch
    }

    pub(crate) fn run(&self, context: &mut Context<'_>) {
        self.pack(context);
        if self.norm.is_some() && self.training {
            self.convolve_batch(context);
            self.finish_statistics(context);
            self.finish_images(context, false);
        } else {
            if let Some(norm) = &self.norm {
                self.running_statistics(context, norm);
            }
            self.finish_images(context, true);
        }
    }

    fn pack(&self, context: &mut Context<'_>) {
        let Some(workspace) = self.step.workspace else {
            return;
        };
        let workspace = context.tensor(workspace);
        let parts = [(&self.conv, &self.sizes.packed), (&self.projection, &self.sizes.projection)];
        for (conv, part) in parts {
            let Some(conv) = conv else { continue };
            let (slab, packed) = (context.slab, workspace.part(part.clone()));
            context.pool.run(Forward::panels(&conv.shape), &|panel, _| {
                let start = panel * PANEL * conv.shape.depth();
                let end = (start + PANEL * conv.shape.depth()).min(part.len());
                // SAFETY: nobody writes parameters during a step's tasks; each task has its own panel.
                let (weights, packed) =
                    unsafe { (slab.part(conv.weights.clone()).read(), packed.part(start..end).write()) };
                Forward::pack(&conv.shape, weights, panel, packed);
            });
        }
    }

    /// Convolves all strips of all images and takes their statistics.
    fn convolve_batch(&self, context: &mut Context<'_>) {
        let (isa, slab, scratch, scratch_len) = (context.isa, context.slab, context.scratch, context.scratch_len);
        let k = self.tail.convolved.channels;
        let strips = self.strips();
        let (input, saved) = (context.tensor(self.step.input), self.step.saved.map(|b| context.tensor(b)));
        let workspace = context.tensor(self.step.workspace.expect("statistics need a workspace"));
        context.pool.run(context.rows * strips, &|piece, thread| {
            let (image, strip) = (piece / strips, piece % strips);
            // SAFETY: the step reads its input and the parameters, and writes neither.
            let x = unsafe { input.piece(image, self.input_len()).read() };
            let y = match (&self.conv, saved) {
                (Some(conv), Some(saved)) => {
                    let width = self.tail.convolved.width * k;
                    let rows = conv.tables.strip_rows(strip);
                    let y =
                        saved.piece(image, self.tail.convolved.elements()).part(rows.start * width..rows.end * width);
                    // SAFETY: this strip of this image belongs to this task, the scratch to this thread.
                    let (y, scratch) = unsafe { (y.write(), scratch.piece(thread, scratch_len).write()) };
                    // SAFETY: as for the input.
                    let (packed, slab) = unsafe { (workspace.part(self.sizes.packed.clone()).read(), slab.read()) };
                    let bias = conv.bias.clone().map(|range| &slab[range]);
                    conv.tables.run(isa, x, packed, bias, strip, y, &mut scratch[self.sizes.padded.clone()]);
                    &*y
                }
                _ => x,
            };
            // SAFETY: the moments of this piece belong to this task.
            let moments = unsafe { workspace.part(self.sizes.moments.clone()).piece(piece, 2 * k).write() };
            let (means, deviations) = moments.split_at_mut(k);
            moments::moments(isa, y, means, deviations);
        });
    }

    /// The rest of each image, or all of it with `convolve`.
    fn finish_images(&self, context: &mut Context<'_>, convolve: bool) {
        let (isa, slab, scratch, scratch_len) = (context.isa, context.slab, context.scratch, context.scratch_len);
        let k = self.tail.convolved.channels;
        let tensor = |buffer: Option<Buffer>| buffer.map(|buffer| context.tensor(buffer));
        let (input, output) = (context.tensor(self.step.input), context.tensor(self.step.output));
        let (saved, shortcut) = (tensor(self.step.saved), tensor(self.step.shortcut_input));
        let (workspace, statistics) = (tensor(self.step.workspace), tensor(self.step.statistics));
        let in_place = self.step.block.saves_output();
        context.pool.run(context.rows, &|image, thread| {
            // SAFETY: the scratch belongs to this thread; parameters, statistics and packed weights are
            // not written by these tasks.
            let (scratch, slab, statistics, workspace) = unsafe {
                (
                    scratch.piece(thread, scratch_len).write(),
                    slab.read(),
                    statistics.map(|s| s.read()),
                    workspace.map(|w| w.read()),
                )
            };
            let workspace = workspace.unwrap_or(&[]);
            let output = output.piece(image, self.tail.output.elements());
            // SAFETY: an elementwise block may have its output on an input, and then reads each image
            // before it writes it, see `elementwise`; otherwise the inputs are not written at all.
            let (x, r) = unsafe {
                let r = shortcut.map(|r| r.piece(image, shortcut_len(&self.step.block)));
                if self.step.block.is_elementwise() {
                    let on_shortcut = self.step.shortcut_input == Some(self.step.output);
                    self.elementwise(isa, input.piece(image, self.input_len()), r, on_shortcut, output);
                    return;
                }
                (input.piece(image, self.input_len()).read(), r.map(|r| r.read()))
            };
            let ForwardSizes { padded, convolved, shortcut: projected, .. } = &self.sizes;
            let [padded, convolved, projected] = layout::parts(scratch, [padded, convolved, projected]);
            let shortcut = match (&self.projection, r) {
                (Some(projection), Some(r)) => {
                    projection.run_image(isa, r, &workspace[self.sizes.projection.clone()], slab, projected, padded);
                    Some(&*projected)
                }
                (_, r) => r,
            };
            let run = |y: &mut [f32], padded: &mut [f32]| {
                if let (Some(conv), true) = (&self.conv, convolve) {
                    conv.run_image(isa, x, &workspace[self.sizes.packed.clone()], slab, y, padded);
                }
            };
            // SAFETY: this image of the output and of the saved values belongs to this task.
            let output = unsafe { output.write() };
            if in_place {
                run(output, padded);
                tail::activate(isa, self.tail.activation, shortcut, output);
                return;
            }
            let y = match (&self.conv, saved) {
                (None, _) => x,
                (Some(_), Some(saved)) => {
                    // SAFETY: as for the output.
                    let y = unsafe { saved.piece(image, self.tail.convolved.elements()).write() };
                    run(y, padded);
                    y
                }
                (Some(_), None) => {
                    run(convolved, padded);
                    convolved
                }
            };
            let norm = self.norm.as_ref().zip(statistics).map(|(norm, statistics)| Norm {
                mean: &statistics[..k],
                rstd: &statistics[k..2 * k],
                scale: &slab[norm.scale.clone()],
                shift: &slab[norm.shift.clone()],
            });
            tail::forward(isa, &self.tail, &Inputs { y, norm, shortcut }, output);
        });
    }

    /// One image of a block that is an activation, a sum, or both: the output may lie on x or on r.
    ///
    /// # Safety
    ///
    /// The image of all three must belong to the calling task.
    unsafe fn elementwise(
        &self,
        isa: Isa,
        x: Shared<'_>,
        r: Option<Shared<'_>>,
        on_shortcut: bool,
        output: Shared<'_>,
    ) {
        let (first, second) = match r {
            Some(r) if on_shortcut => (r, Some(x)),
            r => (x, r),
        };
        let on_first = self.step.input == self.step.output || on_shortcut;
        let same = self.step.shortcut_input == Some(self.step.input);
        // SAFETY: the caller's promise; a tensor that the output lies on is read through the output.
        unsafe {
            let output = output.write();
            if !on_first {
                output.copy_from_slice(first.read());
            }
            if same {
                output.iter_mut().for_each(|value| *value += *value);
                tail::activate(isa, self.tail.activation, None, output);
            } else {
                tail::activate(isa, self.tail.activation, second.map(|second| second.read()), output);
            }
        }
    }

    fn strips(&self) -> usize {
        self.conv.as_ref().map_or(1, |conv| conv.tables.strips())
    }

    fn input_len(&self) -> usize {
        self.step.block.input.elements()
    }
}

impl Conv {
    fn run_image(&self, isa: Isa, x: &[f32], packed: &[f32], slab: &[f32], y: &mut [f32], padded: &mut [f32]) {
        let bias = self.bias.clone().map(|range| &slab[range]);
        run_forward(isa, &self.tables, x, packed, bias, y, padded);
    }
}
