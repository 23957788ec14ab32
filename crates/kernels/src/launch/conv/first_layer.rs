//! Images of at most four channels: `kernels/first_layer.cu`.

use super::exact::{Shape, add_slices, slices_of, weight_rows};
use super::{Forward, ForwardOperands, WeightGradient, WeightOperands};
use crate::{Activation, Arguments, Conv2d, DeviceError, Precision, Source, Stream, launch::run};

/// Positions of a tile forward: a thread for each.
const POSITIONS: usize = 128;
/// Weights of a tile of the weight gradient, and positions of a step.
const WEIGHTS: usize = 32;
const DEPTH: usize = 16;

/// How the filters are cut into tiles.
#[derive(Clone, Copy)]
enum Columns {
    /// 64 filters a tile.
    Wide,
    /// 32.
    Narrow,
    /// 32; no multiple of four in all.
    Any,
}

impl Columns {
    fn of(conv: &Conv2d) -> Self {
        match conv.filters {
            filters if filters % 4 != 0 => Self::Any,
            filters if filters <= 32 => Self::Narrow,
            _ => Self::Wide,
        }
    }

    /// Filters of a tile.
    fn count(self) -> usize {
        match self {
            Self::Wide => 64,
            Self::Narrow | Self::Any => 32,
        }
    }

    fn forward(self, precision: Precision) -> &'static str {
        match self {
            Self::Wide => precision.pick(
                "first_layer_forward_wide_f32",
                "first_layer_forward_wide_f16",
                "first_layer_forward_wide_bf16",
            ),
            Self::Narrow => precision.pick(
                "first_layer_forward_narrow_f32",
                "first_layer_forward_narrow_f16",
                "first_layer_forward_narrow_bf16",
            ),
            Self::Any => precision.pick(
                "first_layer_forward_any_f32",
                "first_layer_forward_any_f16",
                "first_layer_forward_any_bf16",
            ),
        }
    }

    /// The kernel, and its threads.
    fn weight_gradient(self, precision: Precision) -> (&'static str, u32) {
        match self {
            Self::Wide => (
                precision.pick(
                    "first_layer_weight_gradient_wide_f32",
                    "first_layer_weight_gradient_wide_f16",
                    "first_layer_weight_gradient_wide_bf16",
                ),
                128,
            ),
            Self::Narrow => (
                precision.pick(
                    "first_layer_weight_gradient_narrow_f32",
                    "first_layer_weight_gradient_narrow_f16",
                    "first_layer_weight_gradient_narrow_bf16",
                ),
                64,
            ),
            Self::Any => (
                precision.pick(
                    "first_layer_weight_gradient_any_f32",
                    "first_layer_weight_gradient_any_f16",
                    "first_layer_weight_gradient_any_bf16",
                ),
                64,
            ),
        }
    }

    /// Bytes of `depth` rows of both operands, each 4 numbers longer than its tile.
    fn shared_bytes(self, rows: usize, depth: usize) -> u32 {
        (depth * (rows + 4 + self.count() + 4) * size_of::<f32>()) as u32
    }
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
    let columns = Columns::of(conv);
    let across = conv.filters.div_ceil(columns.count());
    let positions = [conv.output_height(), conv.output_width()];
    // Panels of equal depth, at most 16, so that several blocks share a multiprocessor.
    let depth = weight_rows(conv);
    let panel = depth.div_ceil(depth.div_ceil(16));
    // The statistics want a row for each row of threads (of 8 positions), and one for the means.
    let rows_of_sums = POSITIONS / 8 + 1;
    let sums = (rows_of_sums * columns.count() * size_of::<f32>()) as u32;
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
    // SAFETY: the buffers have the lengths of the shape.
    unsafe {
        run(
            stream,
            Source::FirstLayer.kernel(columns.forward(forward.precision)),
            conv.positions().div_ceil(POSITIONS) * across,
            POSITIONS as u32,
            columns.shared_bytes(POSITIONS, panel).max(sums),
            arguments,
        )
    }
}

fn tiles(conv: &Conv2d) -> [usize; 2] {
    let across = conv.filters.div_ceil(Columns::of(conv).count());
    [weight_rows(conv).div_ceil(WEIGHTS), across]
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
    let columns = Columns::of(conv);
    let ([down, across], slices) = (tiles(conv), slices(gradient));
    let positions = [conv.output_height(), conv.output_width()];
    let arguments = Arguments::new()
        .span(operands.step)
        .value(Shape::new(conv, across, positions))
        .value(conv.positions().div_ceil(slices) as u32)
        .span(operands.x)
        .span(operands.dy)
        .span(operands.partials.unwrap_or(operands.dw));
    let (kernel, threads) = columns.weight_gradient(gradient.precision);
    // SAFETY: the buffers have the lengths of the shape, the partial sums one dw for each slice.
    unsafe {
        run(
            stream,
            Source::FirstLayer.kernel(kernel),
            [down * across, slices],
            threads,
            2 * columns.shared_bytes(WEIGHTS, DEPTH),
            arguments,
        )?;
    }
    add_slices(stream, slices, operands)
}
