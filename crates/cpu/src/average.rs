//! The mean over all pixels.

use tunefork_graph::{GlobalAverageBackward, GlobalAverageForward};

use crate::block::gradient::add_pixels;
use crate::context::Context;

pub(crate) fn forward(context: &mut Context<'_>, step: &GlobalAverageForward) {
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

pub(crate) fn backward(context: &mut Context<'_>, step: &GlobalAverageBackward) {
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
