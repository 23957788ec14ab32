//! Pass A of a block's backward pass: the sums over the batch that a norm's gradients are made of.

use super::BackwardTables;
use super::tensors::Tensors;
use crate::block::{gradient, moments};
use crate::context::Context;
use crate::layout;
use crate::parameters::NormRanges;

impl BackwardTables {
    /// Pass A: what each image adds to the gradients of the norm.
    pub(super) fn sum_images(&self, context: &mut Context<'_>, tensors: &Tensors<'_>) {
        let k = self.tail.convolved.channels;
        context.pool.run(context.rows, &|image, thread| {
            // SAFETY: the scratch belongs to this thread, the sums of the image to this task.
            let (scratch, sums) = unsafe {
                (tensors.scratch(thread).write(), tensors.workspace(&self.sizes.sums).piece(image, 2 * k).write())
            };
            let [projected, padded] = layout::parts(scratch, [&self.sizes.shortcut, &self.sizes.shortcut_padded]);
            let inputs = self.inputs(tensors, image, projected, padded);
            gradient::sums(tensors.isa, &self.tail, &inputs, self.output_gradient(tensors, image), sums);
        });
    }

    /// Gradients of the norm's parameters, and how dy depends on them.
    pub(super) fn finish_norm(&self, context: &mut Context<'_>, tensors: &Tensors<'_>, norm: &NormRanges) {
        let k = self.tail.convolved.channels;
        let count = (context.rows * self.tail.convolved.pixels()) as f64;
        // SAFETY: no task is running, and the parts lie apart.
        let (sums, coefficients, gradients) = unsafe {
            let sums = tensors.workspace(&self.sizes.sums).part(0..context.rows * 2 * k);
            (sums.read(), tensors.workspace(&self.sizes.coefficients).write(), context.gradients.write())
        };
        let statistics = tensors.statistics.unwrap_or(&[]);
        let scale = &tensors.slab[norm.scale.clone()];
        for channel in 0..k {
            let shift_gradient = moments::sum_in_order(sums, 2 * k, channel);
            let scale_gradient = moments::sum_in_order(sums, 2 * k, k + channel);
            gradients[norm.shift.start + channel] = shift_gradient as f32;
            gradients[norm.scale.start + channel] = scale_gradient as f32;
            let rstd = f64::from(statistics[k + channel]);
            let factor = f64::from(scale[channel]) * rstd;
            coefficients[channel] = factor as f32;
            coefficients[k + channel] = (-factor * rstd * scale_gradient / count) as f32;
            coefficients[2 * k + channel] = (-factor * shift_gradient / count) as f32;
        }
    }
}
