//! 3x3 filters in f32 with fewer multiplications: `kernels/winograd.cu`.

use super::{DataGradient, Forward, Product, shape};
use crate::shared::{EXACT_PAD, WINOGRAD_COLUMNS, WINOGRAD_DEPTH, WINOGRAD_THREADS, WINOGRAD_TILES};
use crate::{Conv2d, Source};

/// With fewer blocks a GPU is not busy, and smaller tiles of the direct product do better.
const ENOUGH: usize = 128;

/// Tiles of 2x2 results.
fn tiles(conv: &Conv2d) -> usize {
    conv.batch * (conv.height / 2) * (conv.width / 2)
}

/// Blocks below and beside each other for a result of so many channels.
fn grid(conv: &Conv2d, channels: usize) -> [usize; 2] {
    [tiles(conv).div_ceil(WINOGRAD_TILES), channels.div_ceil(WINOGRAD_COLUMNS)]
}

/// Whether a product whose result has so many channels is formed in this way.
fn serves(conv: &Conv2d, channels: usize) -> bool {
    let is_even = conv.height.is_multiple_of(2) && conv.width.is_multiple_of(2);
    let is_whole = conv.channels.is_multiple_of(WINOGRAD_DEPTH) && conv.filters.is_multiple_of(WINOGRAD_DEPTH);
    let [down, across] = grid(conv, channels);
    let is_usual = (conv.kernel, conv.stride, conv.padding) == (3, 1, 1);
    is_usual && is_even && is_whole && down * across >= ENOUGH
}

pub(super) fn serves_forward(conv: &Conv2d) -> bool {
    serves(conv, conv.filters)
}

pub(super) fn serves_data_gradient(conv: &Conv2d) -> bool {
    serves(conv, conv.channels)
}

/// Positions and filters of a tile.
pub(super) fn tile() -> [usize; 2] {
    [4 * WINOGRAD_TILES, WINOGRAD_COLUMNS]
}

fn product(conv: &Conv2d, channels: usize, kernel: &'static str) -> Product {
    let [down, across] = grid(conv, channels);
    // A step of both operands, of which each place has four numbers more; what holds the results afterwards is smaller.
    let operand = WINOGRAD_DEPTH * (16 * WINOGRAD_TILES + EXACT_PAD);
    Product {
        kernel: Source::Winograd.kernel(kernel),
        grid: (down * across).into(),
        threads: WINOGRAD_THREADS as u32,
        shared_bytes: (2 * operand * size_of::<f32>()) as u32,
        shape: shape(conv, across, [conv.height / 2, conv.width / 2], 1),
        panel: None,
    }
}

pub(super) fn forward(forward: &Forward) -> Product {
    product(&forward.conv, forward.conv.filters, "winograd_forward")
}

pub(super) fn data_gradient(gradient: &DataGradient) -> Product {
    product(&gradient.conv, gradient.conv.channels, "winograd_data_gradient")
}
