//! Images of at most four channels: `kernels/first_layer.cu`.

use super::exact::{Shape, add_slices, slices_of, weight_rows};
use super::{Forward, ForwardOperands, WeightGradient, WeightOperands};
use crate::{Activation, Arguments, Conv2d, DeviceError, Source, Stream, launch::run};

/// Positions of a tile forward: a thread for each.
const POSITIONS: usize = 128;
/// Weights of a tile of the weight gradient, and positions of a step.
const WEIGHTS: usize = 32;
const DEPTH: usize = 16;
/// Threads of such a block: each has 4x4 values.
const WEIGHT_THREADS: u32 = 64;

/// Filters of a tile.
const COLUMNS: usize = 32;

/// Bytes of `depth` rows of both operands, each 4 numbers longer than its tile.
fn shared_bytes(rows: usize, depth: usize) -> u32 {
    (depth * (rows + 4 + COLUMNS + 4) * size_of::<f32>()) as u32
}

/// Positions of a tile of the forward product.
pub(super) fn positions_per_tile(_: &Forward) -> usize {
    POSITIONS
}

pub(super) fn forward(
    forward: &Forward,
    stream: &dyn Stream,
    operands: &ForwardOperands<'_>,
) -> Result<(), DeviceError> {
    let conv = &forward.conv;
    let across = conv.filters.div_ceil(COLUMNS);
    let positions = [conv.output_height(), conv.output_width()];
    // Panels of equal depth, at most 16, so that several blocks share a multiprocessor.
    let depth = weight_rows(conv);
    let panel = depth.div_ceil(depth.div_ceil(16));
    // The statistics want a row for each row of threads (of 8 positions), and one for the means.
    let rows_of_sums = POSITIONS / 8 + 1;
    let sums = (rows_of_sums * COLUMNS * size_of::<f32>()) as u32;
    let arguments = Arguments::new()
        .span(operands.step)
        .value(Shape::new(conv, across, positions))
        .value(panel as u32)
        .span(operands.x)
        .span(operands.weights)
        .optional(operands.bias)
        .value(Activation::code(forward.activation))
        .span(operands.y)
        .optional(operands.partials);
    let kernel = match conv.filters % 4 {
        0 => forward.precision.pick(
            "first_layer_forward_whole_f32",
            "first_layer_forward_whole_f16",
            "first_layer_forward_whole_bf16",
        ),
        _ => forward.precision.pick(
            "first_layer_forward_any_f32",
            "first_layer_forward_any_f16",
            "first_layer_forward_any_bf16",
        ),
    };
    // SAFETY: the buffers have the lengths of the shape.
    unsafe {
        run(
            stream,
            Source::FirstLayer.kernel(kernel),
            conv.positions().div_ceil(POSITIONS) * across,
            POSITIONS as u32,
            shared_bytes(POSITIONS, panel).max(sums),
            arguments,
        )
    }
}

fn tiles(conv: &Conv2d) -> [usize; 2] {
    [
        weight_rows(conv).div_ceil(WEIGHTS),
        conv.filters.div_ceil(COLUMNS),
    ]
}

/// Slices of the weight gradient.
pub(super) fn slices(gradient: &WeightGradient) -> usize {
    let [down, across] = tiles(&gradient.conv);
    slices_of(&gradient.conv, down * across)
}

pub(super) fn weight_gradient(
    gradient: &WeightGradient,
    stream: &dyn Stream,
    operands: &WeightOperands<'_>,
) -> Result<(), DeviceError> {
    let conv = &gradient.conv;
    let ([down, across], slices) = (tiles(conv), slices(gradient));
    let positions = [conv.output_height(), conv.output_width()];
    let arguments = Arguments::new()
        .span(operands.step)
        .value(Shape::new(conv, across, positions))
        .value(conv.positions().div_ceil(slices) as u32)
        .span(operands.x)
        .span(operands.dy)
        .span(operands.partials.unwrap_or(operands.dw));
    let kernel = match conv.filters % 4 {
        0 => gradient.precision.pick(
            "first_layer_weight_gradient_whole_f32",
            "first_layer_weight_gradient_whole_f16",
            "first_layer_weight_gradient_whole_bf16",
        ),
        _ => gradient.precision.pick(
            "first_layer_weight_gradient_any_f32",
            "first_layer_weight_gradient_any_f16",
            "first_layer_weight_gradient_any_bf16",
        ),
    };
    // SAFETY: the buffers have the lengths of the shape, the partial sums one dw for each slice.
    unsafe {
        run(
            stream,
            Source::FirstLayer.kernel(kernel),
            [down * across, slices],
            WEIGHT_THREADS,
            2 * shared_bytes(WEIGHTS, DEPTH),
            arguments,
        )?;
    }
    add_slices(stream, slices, operands)
}
