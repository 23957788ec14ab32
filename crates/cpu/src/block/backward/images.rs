//! Pass B of a block's backward pass: from the gradient of an image's result to all other gradients.

use std::ops::Range;

use tunefork_simd::Isa;

use super::BackwardTables;
use super::sizes::ConvSizes;
use super::tensors::Tensors;
use crate::block::gradient::{self, Coefficients};
use crate::block::tail::{Inputs, Norm};
use crate::block::{run_forward, shortcut_len};
use crate::layout;
use crate::shared::Shared;

impl BackwardTables {
    /// What precedes the tail in one image; a projected shortcut is computed again.
    pub(super) fn inputs<'a>(
        &self,
        tensors: &Tensors<'a>,
        image: usize,
        projected: &'a mut [f32],
        padded: &mut [f32],
    ) -> Inputs<'a> {
        let k = self.tail.convolved.channels;
        let projection = self.projection_weights.is_some();
        let r = tensors.shortcut_input.map(|r| r.piece(image, shortcut_len(&self.step.block)));
        // SAFETY: what belongs to an image is written, as gradients, only later and by the same task.
        let (y, r, packed) = unsafe {
            let y = tensors.saved.map(|saved| saved.piece(image, self.tail.convolved.elements()).read());
            (y.unwrap_or(&[]), r.map(|r| r.read()), tensors.workspace(&self.sizes.projected_weights).read())
        };
        let shortcut = match (&self.sizes.projected, r) {
            (Some(tables), Some(r)) => {
                run_forward(tensors.isa, tables, r, packed, None, projected, padded);
                Some(&*projected)
            }
            (None, r) if !projection => r,
            _ => None,
        };
        let norm = self.norm.as_ref().zip(tensors.statistics).map(|(norm, statistics)| Norm {
            mean: &statistics[..k],
            rstd: &statistics[k..2 * k],
            scale: &tensors.slab[norm.scale.clone()],
            shift: &tensors.slab[norm.shift.clone()],
        });
        Inputs { y, norm, shortcut }
    }

    pub(super) fn output_gradient<'a>(&self, tensors: &Tensors<'a>, image: usize) -> &'a [f32] {
        // SAFETY: what belongs to an image is written, as gradients, only later and by the same task.
        unsafe { tensors.output_gradient.piece(image, self.tail.output.elements()).read() }
    }

    /// All gradients of a group of images; the `fresh` group of a chunk overwrites the partial sums.
    pub(super) fn run_group(
        &self,
        tensors: &Tensors<'_>,
        images: Range<usize>,
        fresh: bool,
        partial: &mut [f32],
        scratch: &mut [f32],
    ) {
        let sizes = &self.sizes;
        let (isa, elements) = (tensors.isa, self.tail.convolved.elements());
        let [padded, dy, before, projected, shortcut_padded] = layout::parts(
            scratch,
            [&sizes.padded, &sizes.gradient, &sizes.before, &sizes.shortcut, &sizes.shortcut_padded],
        );
        for (index, image) in images.clone().enumerate() {
            let inputs = self.inputs(tensors, image, projected, shortcut_padded);
            let before = if sizes.keeps_before { &mut before[index * elements..][..elements] } else { &mut *before };
            let dy = &mut dy[index * sizes.gradient_len..][..sizes.gradient_len];
            self.image_gradient(tensors, image, &inputs, before, dy);
            self.add_bias(isa, dy, &mut partial[sizes.bias.clone()]);
        }
        let convs = [(&sizes.conv, tensors.input, &*dy), (&sizes.projection, tensors.shortcut_input, &*before)];
        for (conv, input, gradient) in convs {
            let (Some(conv), Some(input)) = (conv, input) else {
                continue;
            };
            let len = conv.shape.input.elements();
            // SAFETY: the images belong to this task, which writes their gradients only below.
            let input = unsafe { input.part(images.start * len..images.end * len).read() };
            conv.weight.run(isa, input, gradient, fresh, &mut partial[conv.partial.clone()], padded);
        }
        for (index, image) in images.enumerate() {
            let dy = &dy[index * sizes.gradient_len..][..sizes.gradient_len];
            self.deliver(tensors, &sizes.conv, dy, self.step.block.input.elements(), image, tensors.input_gradient);
            if sizes.keeps_before {
                let before = &before[index * elements..][..elements];
                let len = shortcut_len(&self.step.block);
                self.deliver(tensors, &sizes.projection, before, len, image, tensors.shortcut_gradient);
            }
        }
    }

    /// The gradient before the activation, in `before`, and from it the gradient before the norm, in
    /// `dy` with the border that the data gradient needs: in bands of rows that stay in the cache where
    /// nobody needs the first one later.
    fn image_gradient(
        &self,
        tensors: &Tensors<'_>,
        image: usize,
        inputs: &Inputs<'_>,
        before: &mut [f32],
        dy: &mut [f32],
    ) {
        let (tail, isa) = (&self.tail, tensors.isa);
        let dout = self.output_gradient(tensors, image);
        let row_len = tail.convolved.width * tail.convolved.channels;
        self.sizes.border.clear_border(tail.convolved, dy);
        let mut first_row = 0;
        for start in (0..tail.output.height).step_by(self.sizes.band) {
            let positions = start..(start + self.sizes.band).min(tail.output.height);
            let last = positions.end == tail.output.height;
            let end_row = if last { tail.convolved.height } else { positions.end * tail.window.stride };
            let rows = first_row..end_row;
            let elements = rows.start * row_len..rows.end * row_len;
            let before = &mut before[..elements.len()];
            if !self.step.block.saves_output() {
                gradient::before_activation(isa, tail, inputs, dout, positions, first_row, before);
            } else if inputs.y.is_empty() {
                before.copy_from_slice(&dout[elements.clone()]);
            } else {
                let output = &inputs.y[elements.clone()];
                gradient::from_output(isa, tail.activation, output, &dout[elements.clone()], before);
            }
            self.through_norm(tensors, inputs, rows, before, dy);
            first_row = end_row;
        }
    }

    /// Takes rows of the gradient through the norm, if there is one, to their place in `dy`.
    fn through_norm(
        &self,
        tensors: &Tensors<'_>,
        inputs: &Inputs<'_>,
        rows: Range<usize>,
        before: &[f32],
        dy: &mut [f32],
    ) {
        let k = self.tail.convolved.channels;
        let row_len = self.tail.convolved.width * k;
        // SAFETY: the coefficients are written only before the chunks run.
        let coefficients = unsafe { tensors.workspace(&self.sizes.coefficients).read() };
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
                    gradient::through_norm(tensors.isa, &coefficients, y, before, to);
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
        tensors: &Tensors<'_>,
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
                let packed = unsafe { tensors.workspace(&conv.packed).read() };
                conv.data.run(tensors.isa, gradient, packed, accumulate, to);
            }
            None => gradient::deliver(tensors.isa, gradient, accumulate, to),
        }
    }
}
