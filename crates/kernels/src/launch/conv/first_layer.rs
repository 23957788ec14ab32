//! Images of at most four channels: `kernels/first_layer.cu`.

use super::exact::slices_of;
use super::{Forward, Product, Slices, WeightGradient, positions, shape, weight_rows};
use crate::launch::stored;
use crate::shared::EXACT_PAD;
use crate::{Conv2d, Source};

/// Positions of a tile forward: a thread for each.
const POSITIONS: usize = 128;
/// Weights of a tile of the weight gradient, and positions of a step.
const WEIGHTS: usize = 32;
const DEPTH: usize = 16;
/// Threads of such a block: each has 4x4 values.
const WEIGHT_THREADS: u32 = 64;

/// Filters of a tile.
const COLUMNS: usize = 32;

/// Bytes of `depth` rows of both operands.
fn shared_bytes(rows: usize, depth: usize) -> u32 {
    (depth * (rows + COLUMNS + 2 * EXACT_PAD) * size_of::<f32>()) as u32
}

/// Positions and filters of a tile.
pub(super) fn tile(_: &Forward) -> [usize; 2] {
    [POSITIONS, COLUMNS]
}

pub(super) fn forward(forward: &Forward) -> Product {
    let conv = &forward.conv;
    let across = conv.filters.div_ceil(COLUMNS);
    // Panels of equal depth, at most 16, so that several blocks share a multiprocessor.
    let depth = weight_rows(conv);
    let panel = depth.div_ceil(depth.div_ceil(16));
    // The statistics want a row for each row of threads (of 8 positions), and one for the means.
    let rows_of_sums = POSITIONS / 8 + 1;
    let sums = (rows_of_sums * COLUMNS * size_of::<f32>()) as u32;
    let kernel = match conv.filters % 4 {
        0 => stored!(forward.precision, "first_layer_forward_whole"),
        _ => stored!(forward.precision, "first_layer_forward_any"),
    };
    Product {
        kernel: Source::FirstLayer.kernel(kernel),
        grid: (conv.positions().div_ceil(POSITIONS) * across).into(),
        threads: POSITIONS as u32,
        shared_bytes: shared_bytes(POSITIONS, panel).max(sums),
        shape: shape(conv, across, positions(conv), 1),
        panel: Some(panel as u32),
    }
}

fn tiles(conv: &Conv2d) -> [usize; 2] {
    [weight_rows(conv).div_ceil(WEIGHTS), conv.filters.div_ceil(COLUMNS)]
}

pub(super) fn slices(gradient: &WeightGradient) -> Slices {
    let [down, across] = tiles(&gradient.conv);
    slices_of(&gradient.conv, down * across)
}

pub(super) fn weight_gradient(gradient: &WeightGradient, slices: Slices) -> Product {
    let conv = &gradient.conv;
    let [down, across] = tiles(conv);
    let kernel = match conv.filters % 4 {
        0 => stored!(gradient.precision, "first_layer_weight_gradient_whole"),
        _ => stored!(gradient.precision, "first_layer_weight_gradient_any"),
    };
    Product {
        kernel: Source::FirstLayer.kernel(kernel),
        grid: [down * across, slices.count].into(),
        threads: WEIGHT_THREADS,
        shared_bytes: 2 * shared_bytes(WEIGHTS, DEPTH),
        shape: shape(conv, across, positions(conv), 1),
        panel: None,
    }
}
