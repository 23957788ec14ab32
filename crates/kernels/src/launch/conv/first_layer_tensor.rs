//! Images of at most four channels in 16 bits: `kernels/first_layer_tensor.cu`.

use super::tensor::{Operand, bytes, check_kernel, slices_of};
use super::{Forward, Product, Slices, WeightGradient, positions, shape, weight_rows};
use crate::shared::VECTOR_BYTES;
use crate::{Conv2d, Precision, Source};

/// Threads of a block.
const THREADS: u32 = 128;

/// The part of a result that a block forms, and the kernels that do.
struct Tile {
    rows: usize,
    columns: usize,
    /// By precision: f16, bf16.
    names: [&'static str; 2],
}

macro_rules! tile {
    ($rows:literal x $columns:literal, $name:literal) => {
        Tile {
            rows: $rows,
            columns: $columns,
            names: [concat!("first_layer_tensor_", $name, "_f16"), concat!("first_layer_tensor_", $name, "_bf16")],
        }
    };
}

static FORWARD_NARROW: Tile = tile!(128 x 32, "forward_128x32");
static FORWARD: Tile = tile!(64 x 64, "forward_64x64");
static FORWARD_ANY: Tile = tile!(64 x 64, "forward_64x64_any");
static WEIGHTS_16: Tile = tile!(16 x 64, "weight_gradient_16x64");
static WEIGHTS_32: Tile = tile!(32 x 64, "weight_gradient_32x64");
static WEIGHTS_64: Tile = tile!(64 x 64, "weight_gradient_64x64");
static WEIGHTS_ANY: Tile = tile!(64 x 64, "weight_gradient_64x64_any");

impl Tile {
    fn grid(&self, rows: usize, columns: usize) -> [usize; 2] {
        [rows.div_ceil(self.rows), columns.div_ceil(self.columns)]
    }

    /// A launch of its kernel, with two tiles of each operand in shared memory.
    fn product(
        &self,
        precision: Precision,
        conv: &Conv2d,
        rows: usize,
        slices: usize,
        operands: [Operand; 2],
    ) -> Product {
        check_kernel(conv);
        let [f16, bf16] = self.names;
        let name = match precision {
            Precision::F16 => f16,
            Precision::Bf16 => bf16,
            Precision::F32 | Precision::Tf32 => unreachable!("f32 is multiplied exactly"),
        };
        let [down, across] = self.grid(rows, conv.filters);
        Product {
            kernel: Source::FirstLayerTensor.kernel(name),
            grid: [down * across, slices].into(),
            threads: THREADS,
            shared_bytes: 2 * bytes(operands) as u32,
            shape: shape(conv, across, positions(conv), 1),
            panel: None,
        }
    }
}

/// Whether the filters fill pieces of 16 bytes.
fn is_whole(conv: &Conv2d, precision: Precision) -> bool {
    conv.filters.is_multiple_of(VECTOR_BYTES / precision.bytes())
}

fn forward_tile(forward: &Forward) -> &'static Tile {
    match forward.conv.filters {
        _ if !is_whole(&forward.conv, forward.precision) => &FORWARD_ANY,
        ..=32 => &FORWARD_NARROW,
        _ => &FORWARD,
    }
}

/// Positions and filters of a tile.
pub(super) fn tile(forward: &Forward) -> [usize; 2] {
    let tile = forward_tile(forward);
    [tile.rows, tile.columns]
}

pub(super) fn forward(forward: &Forward) -> Product {
    let tile = forward_tile(forward);
    let operands = [Operand::DepthFast(tile.rows), Operand::DepthSlow(tile.columns)];
    tile.product(forward.precision, &forward.conv, forward.conv.positions(), 1, operands)
}

fn weight_tile(gradient: &WeightGradient) -> &'static Tile {
    match weight_rows(&gradient.conv) {
        _ if !is_whole(&gradient.conv, gradient.precision) => &WEIGHTS_ANY,
        ..=16 => &WEIGHTS_16,
        17..=32 => &WEIGHTS_32,
        _ => &WEIGHTS_64,
    }
}

/// Blocks enough to read the gradient of y as fast as it comes from memory: they have little to multiply.
const BLOCKS: usize = 512;

pub(super) fn slices(gradient: &WeightGradient) -> Slices {
    let conv = &gradient.conv;
    let [down, across] = weight_tile(gradient).grid(weight_rows(conv), conv.filters);
    slices_of(gradient, down * across, BLOCKS)
}

pub(super) fn weight_gradient(gradient: &WeightGradient, slices: Slices) -> Product {
    let tile = weight_tile(gradient);
    let operands = [Operand::DepthSlow(tile.rows), Operand::DepthSlow(tile.columns)];
    tile.product(gradient.precision, &gradient.conv, weight_rows(&gradient.conv), slices.count, operands)
}
