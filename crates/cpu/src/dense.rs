//! Dense layers: out = dropout(activation(x W + b)).
//!
//! W, `[in, out]`, is used as it lies: its rows are the right operand forwards, and broadcast values of
//! the left operand backwards, so that nothing large is packed.

use std::ops::Range;

use tunefork_graph::{Activation, DenseBackward, DenseForward, SlabLayout};
use tunefork_simd::dispatch;

use crate::activation::{Function, with_activation};
use crate::block::gradient::add_pixels;
use crate::context::Context;
use crate::dropout::{self, Mask};
use crate::gemm::{Left, PANEL, Right, Row, Segment, Start, pack_transposed, packed_len, product};

/// Inputs that a forward task goes through at once: their weights and values stay in the cache while
/// all images meet them.
const DEPTH: usize = 512;
/// Images of a forward task where there are too few panels for several threads.
const IMAGES: usize = 28;
/// Inputs of a backward task: eight tiles.
const INPUTS: usize = 112;

/// Elements of workspace that a backward step needs: the transposed gradient.
pub(crate) fn backward_workspace(outputs: usize, batch: usize, input_gradient: bool) -> usize {
    if input_gradient { packed_len(outputs, batch) } else { 0 }
}

/// A dense layer's forward step with all that can be worked out beforehand.
pub(crate) struct ForwardTables {
    step: DenseForward,
    weights: Range<usize>,
    bias: Option<Range<usize>>,
    rows: Vec<Row>,
    /// Images of a task.
    block: usize,
}

impl ForwardTables {
    pub(crate) fn new(step: &DenseForward, slab: &SlabLayout, batch: usize) -> Self {
        let dense = &*step.dense;
        let block = if dense.outputs.div_ceil(PANEL) < 4 { IMAGES.min(batch) } else { batch };
        Self {
            step: step.clone(),
            weights: slab.parameter(dense.weights).range(),
            bias: dense.bias.map(|bias| slab.parameter(bias).range()),
            rows: (0..block)
                .map(|row| Row { left: (row * dense.inputs) as u32, output: (row * PANEL) as u32 })
                .collect(),
            block,
        }
    }

    pub(crate) fn scratch_len(&self) -> usize {
        self.block * PANEL
    }

    pub(crate) fn run(&self, context: &mut Context<'_>, mask: Option<&Mask>) {
        let (isa, rows, scratch, scratch_len) = (context.isa, context.rows, context.scratch, context.scratch_len);
        let dense = &*self.step.dense;
        let (inputs, outputs) = (dense.inputs, dense.outputs);
        // SAFETY: the step writes neither its input nor the parameters.
        let (x, slab) = unsafe { (context.tensor(self.step.input).read(), context.slab.read()) };
        let (weights, bias) = (&slab[self.weights.clone()], self.bias.clone().map(|bias| &slab[bias]));
        let output = context.tensor(self.step.output);
        let panels = outputs.div_ceil(PANEL);
        context.pool.run(panels * rows.div_ceil(self.block), &|task, thread| {
            let (block, column) = (task / panels, task % panels * PANEL);
            let images = block * self.block..((block + 1) * self.block).min(rows);
            let columns = PANEL.min(outputs - column);
            // SAFETY: the scratch belongs to this thread.
            let sums = unsafe { scratch.piece(thread, scratch_len).write() };
            for start in (0..inputs).step_by(DEPTH) {
                let segments = [Segment { left: 0, right: 0, len: DEPTH.min(inputs - start) as u32 }];
                let data = &x[images.start * inputs + start..];
                let left = Left { data, rows: &self.rows[..images.len()], segments: &segments, step: 1 };
                let right = Right::Strided { data: &weights[start * outputs + column..], step: outputs };
                let first = match bias {
                    _ if start > 0 => Start::Output,
                    Some(bias) => Start::Bias(&bias[column..]),
                    None => Start::Zero,
                };
                product(isa, left, right, columns, first, sums);
            }
            for (image, sums) in images.zip(sums.chunks_exact_mut(PANEL)) {
                let sums = &mut sums[..columns];
                let element = image * outputs + column;
                activate(isa, dense.activation, sums);
                if let Some(mask) = mask {
                    dropout::apply(isa, mask, element, sums);
                }
                // SAFETY: these columns of this image belong to this task.
                unsafe { output.part(element..element + columns).write() }.copy_from_slice(sums);
            }
        });
    }
}

/// A dense layer's backward step with all that can be worked out beforehand.
pub(crate) struct BackwardTables {
    step: DenseBackward,
    weights: Range<usize>,
    bias: Option<Range<usize>>,
    /// Inputs as rows of the weights and their gradient.
    weight_rows: Vec<Row>,
    data_rows: Vec<Row>,
    batch: usize,
}

impl BackwardTables {
    pub(crate) fn new(step: &DenseBackward, slab: &SlabLayout, batch: usize) -> Self {
        let dense = &*step.dense;
        let inputs = 0..INPUTS.min(dense.inputs);
        let outputs = dense.outputs;
        Self {
            step: step.clone(),
            weights: slab.parameter(dense.weights).range(),
            bias: dense.bias.map(|bias| slab.parameter(bias).range()),
            weight_rows: inputs.clone().map(|i| Row { left: i as u32, output: (i * outputs) as u32 }).collect(),
            data_rows: inputs.map(|i| Row { left: (i * outputs) as u32, output: (i * batch) as u32 }).collect(),
            batch,
        }
    }

    pub(crate) fn scratch_len(&self) -> usize {
        if self.step.input_gradient.is_some() { INPUTS * self.batch } else { 0 }
    }

    pub(crate) fn run(&self, context: &mut Context<'_>, mask: Option<&Mask>) {
        self.before_activation(context, mask);
        self.bias_gradient(context);
        self.transpose(context);
        let (isa, rows, scratch, scratch_len) = (context.isa, context.rows, context.scratch, context.scratch_len);
        let (inputs, outputs) = (self.step.dense.inputs, self.step.dense.outputs);
        // SAFETY: from here on these are only read.
        let (x, dz, weights, transposed) = unsafe {
            (
                context.tensor(self.step.input).read(),
                &context.tensor(self.step.output_gradient).read()[..rows * outputs],
                context.slab.part(self.weights.clone()).read(),
                self.step.workspace.map(|workspace| context.tensor(workspace).read()),
            )
        };
        let dw = context.gradients.part(self.weights.clone());
        let dx = self.step.input_gradient.map(|gradient| (context.tensor(gradient.to), gradient.accumulate));
        context.pool.run(inputs.div_ceil(INPUTS), &|task, thread| {
            let part = task * INPUTS..((task + 1) * INPUTS).min(inputs);
            let segments = [Segment { left: 0, right: 0, len: rows as u32 }];
            let left = Left {
                data: &x[part.start..],
                rows: &self.weight_rows[..part.len()],
                segments: &segments,
                step: inputs,
            };
            // SAFETY: these rows of the gradient belong to this task, the scratch to this thread.
            let (dw, scratch) = unsafe {
                (dw.part(part.start * outputs..part.end * outputs).write(), scratch.piece(thread, scratch_len).write())
            };
            product(isa, left, Right::Strided { data: dz, step: outputs }, outputs, Start::Zero, dw);
            let (Some((dx, accumulate)), Some(transposed)) = (dx, transposed) else {
                return;
            };
            let segments = [Segment { left: 0, right: 0, len: outputs as u32 }];
            let data = &weights[part.start * outputs..];
            let left = Left { data, rows: &self.data_rows[..part.len()], segments: &segments, step: 1 };
            product(isa, left, Right::Packed { data: transposed, depth: outputs }, rows, Start::Zero, scratch);
            for image in 0..rows {
                let start = image * inputs;
                // SAFETY: these inputs of the image belong to this task.
                let dx = unsafe { dx.part(start + part.start..start + part.end).write() };
                turn(isa, &scratch[image..], self.batch, accumulate, dx);
            }
        });
    }

    /// Turns the gradient of the output, in place, into that before the activation.
    fn before_activation(&self, context: &mut Context<'_>, mask: Option<&Mask>) {
        let dense = &*self.step.dense;
        let (isa, outputs) = (context.isa, dense.outputs);
        if dense.activation.is_none() && mask.is_none() {
            return;
        }
        let gradient = context.tensor(self.step.output_gradient);
        // SAFETY: the output is not written.
        let output = self.step.output.map(|output| unsafe { context.tensor(output).read() });
        context.pool.run(context.rows, &|image, _| {
            // SAFETY: the image belongs to this task.
            let gradient = unsafe { gradient.piece(image, outputs).write() };
            if let Some(mask) = mask {
                dropout::apply(isa, mask, image * outputs, gradient);
            }
            if let Some(output) = output {
                let keep = mask.map_or(1.0, Mask::keep);
                slope(isa, dense.activation, keep, &output[image * outputs..][..outputs], gradient);
            }
        });
    }

    fn bias_gradient(&self, context: &mut Context<'_>) {
        let Some(bias) = self.bias.clone() else {
            return;
        };
        let outputs = self.step.dense.outputs;
        // SAFETY: no task is running.
        let (dz, sum) =
            unsafe { (context.tensor(self.step.output_gradient).read(), context.gradients.part(bias).write()) };
        sum.fill(0.0);
        add_pixels(context.isa, &dz[..context.rows * outputs], sum);
    }

    /// The gradient with images as columns, for the gradient of the input.
    fn transpose(&self, context: &mut Context<'_>) {
        let (Some(workspace), true) = (self.step.workspace, self.step.input_gradient.is_some()) else {
            return;
        };
        let (outputs, rows) = (self.step.dense.outputs, context.rows);
        let packed = context.tensor(workspace).part(0..packed_len(outputs, rows));
        // SAFETY: nobody writes the gradient.
        let dz = unsafe { context.tensor(self.step.output_gradient).read() };
        context.pool.run(rows.div_ceil(PANEL), &|panel, _| {
            let start = panel * PANEL * outputs;
            let end = packed_len(outputs, rows).min(start + PANEL * outputs);
            // SAFETY: the panel belongs to this task.
            let packed = unsafe { packed.part(start..end).write() };
            pack_transposed(dz, |output| output, outputs, outputs, rows, panel, packed);
        });
    }
}

dispatch! {
    fn activate<S>(simd: S, activation: Option<Activation>, values: &mut [f32]) {
        with_activation!(simd, activation, f => {
            for values in values.chunks_mut(S::LANES) {
                simd.store_partial(f.value(simd, simd.load_partial(values)), values);
            }
        })
    }

    /// gradient *= activation', where the activation's result is `output * keep`.
    fn slope<S>(simd: S, activation: Option<Activation>, keep: f32, output: &[f32], gradient: &mut [f32]) {
        let keep = simd.splat(keep);
        with_activation!(simd, activation, f => {
            for (output, gradient) in output.chunks(S::LANES).zip(gradient.chunks_mut(S::LANES)) {
                let result = simd.mul(simd.load_partial(output), keep);
                let value = f.slope(simd, result, simd.load_partial(gradient));
                simd.store_partial(value, gradient);
            }
        })
    }

    /// Writes a column of `from`, whose rows are `step` apart, to `to`, or adds it.
    fn turn<S>(simd: S, from: &[f32], step: usize, accumulate: bool, to: &mut [f32]) {
        let _ = simd;
        let column = from.iter().step_by(step);
        if accumulate {
            to.iter_mut().zip(column).for_each(|(to, value)| *to += value);
        } else {
            to.iter_mut().zip(column).for_each(|(to, value)| *to = *value);
        }
    }
}
