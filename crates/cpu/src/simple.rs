//! Steps that are one loop over the images: the mean over all pixels, and dropout by itself.

use tunefork_graph::{DropoutBackward, DropoutForward, GlobalAverageBackward, GlobalAverageForward};

use crate::block::gradient::add_pixels;
use crate::context::Context;
use crate::dropout::{self, Mask};
use crate::shared::Shared;

/// Mean over all pixels.
pub(crate) fn global_average(context: &mut Context<'_>, step: &GlobalAverageForward) {
    let (isa, image_len, k) = (context.isa, step.image.elements(), step.image.channels);
    let (input, output) = (context.tensor(step.input), context.tensor(step.output));
    let scale = 1.0 / step.image.pixels() as f32;
    context.pool.run(context.rows, &|image, _| {
        // SAFETY: the step does not write its input; the image's output belongs to this task.
        let (x, mean) = unsafe { (input.piece(image, image_len).read(), output.piece(image, k).write()) };
        mean.fill(0.0);
        add_pixels(isa, x, mean);
        mean.iter_mut().for_each(|value| *value *= scale);
    });
}

/// Gradient of the mean over all pixels.
pub(crate) fn global_average_gradient(context: &mut Context<'_>, step: &GlobalAverageBackward) {
    let (image_len, k) = (step.image.elements(), step.image.channels);
    let (from, to) = (context.tensor(step.output_gradient), context.tensor(step.input_gradient.to));
    let scale = 1.0 / step.image.pixels() as f32;
    let accumulate = step.input_gradient.accumulate;
    context.pool.run(context.rows, &|image, _| {
        // SAFETY: as above.
        let (gradient, dx) = unsafe { (from.piece(image, k).read(), to.piece(image, image_len).write()) };
        for pixel in dx.chunks_exact_mut(k) {
            for (dx, g) in pixel.iter_mut().zip(gradient) {
                *dx = g * scale + if accumulate { *dx } else { 0.0 };
            }
        }
    });
}

/// Dropout.
pub(crate) fn dropout(context: &mut Context<'_>, step: &DropoutForward, mask: &Mask) {
    let same = step.input == step.output;
    let (input, output) = (context.tensor(step.input), context.tensor(step.output));
    masked(context, step.image.elements(), input, output, same, false, mask);
}

/// Gradient of dropout.
pub(crate) fn dropout_gradient(context: &mut Context<'_>, step: &DropoutBackward, mask: &Mask) {
    let same = step.output_gradient == step.input_gradient.to;
    let (from, to) = (context.tensor(step.output_gradient), context.tensor(step.input_gradient.to));
    masked(context, step.image.elements(), from, to, same, step.input_gradient.accumulate, mask);
}

/// Writes, or adds, `from` times its mask to `to`, which may be the same tensor.
fn masked(
    context: &mut Context<'_>,
    image_len: usize,
    from: Shared<'_>,
    to: Shared<'_>,
    same: bool,
    accumulate: bool,
    mask: &Mask,
) {
    const PART: usize = 256;
    let isa = context.isa;
    context.pool.run(context.rows, &|image, _| {
        for start in (0..image_len).step_by(PART) {
            let element = image * image_len + start;
            let part = element..element + PART.min(image_len - start);
            let mut values = [0.0; PART];
            let values = &mut values[..part.len()];
            // SAFETY: the image belongs to this task, and the part is read before it is written.
            values.copy_from_slice(unsafe { from.part(part.clone()).read() });
            dropout::apply(isa, mask, element, values);
            // SAFETY: as above; `from` is not used any more.
            let to = unsafe { to.part(part).write() };
            if accumulate && !same {
                to.iter_mut().zip(values).for_each(|(to, value)| *to += *value);
            } else {
                to.copy_from_slice(values);
            }
        }
    });
}
