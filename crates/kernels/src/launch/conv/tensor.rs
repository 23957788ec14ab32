//! Products on tensor cores: `kernels/conv_tensor.cu` and `kernels/conv_tensor_weights.cu`.

use super::{DataGradient, Forward, Product, Slices, WeightGradient, positions, shape};
use crate::shared::{TENSOR_PAD, TENSOR_SLOW_PAD, TENSOR_STAGES, TENSOR_STEP, VECTOR_BYTES};
use crate::{Conv2d, Precision, Source};

/// As many blocks as fill a large GPU twice: a product of fewer tiles takes smaller ones, or is cut
/// into slices. A number of its own, so that results do not depend on the GPU.
const BLOCKS: usize = 256;

/// Steps of the shortest slice: below, filling the pipeline takes longer than what it saves.
const STEPS_OF_SLICE: usize = 8;

/// Larger filters would need another division of taps.
const LARGEST_KERNEL: usize = 40;

/// The part of a result that a block forms, and the kernels that do; as `kernels/tensor.cuh` has them.
struct Tile {
    rows: usize,
    columns: usize,
    threads: usize,
    /// Whether channels and filters must fill their pieces of 16 bytes.
    whole: bool,
    /// By precision: f16, bf16, tf32.
    forward: [&'static str; 3],
    data_gradient: [&'static str; 3],
    weight_gradient: [&'static str; 3],
}

/// The kernels of a product and a tile.
macro_rules! names {
    ($product:literal, $tile:literal) => {
        [
            concat!("conv_tensor_", $product, "_", $tile, "_f16"),
            concat!("conv_tensor_", $product, "_", $tile, "_bf16"),
            concat!("conv_tensor_", $product, "_", $tile, "_tf32"),
        ]
    };
}

macro_rules! tile {
    ($rows:literal x $columns:literal, $threads:literal, $whole:literal, $name:literal) => {
        Tile {
            rows: $rows,
            columns: $columns,
            threads: $threads,
            whole: $whole,
            forward: names!("forward", $name),
            data_gradient: names!("data_gradient", $name),
            weight_gradient: names!("weight_gradient", $name),
        }
    };
}

static LARGEST: Tile = tile!(128 x 128, 256, true, "128x128");
static LARGE: Tile = tile!(128 x 64, 128, true, "128x64");
/// Only weight gradients have kernels of this tile.
static LOW: Tile = tile!(96 x 64, 96, true, "96x64");
static SMALL: Tile = tile!(64 x 64, 128, true, "64x64");
static NARROW: Tile = tile!(128 x 32, 128, true, "128x32");
/// For channels or filters that do not fill their pieces.
static ANY: Tile = tile!(64 x 64, 128, false, "64x64_any");

impl Tile {
    /// For a product with so many rows and columns, cut into slices of its depth or not.
    fn of(conv: &Conv2d, precision: Precision, rows: usize, columns: usize, sliced: bool) -> &'static Self {
        check_kernel(conv);
        let piece = VECTOR_BYTES / precision.bytes();
        let whole = conv.channels.is_multiple_of(piece) && conv.filters.is_multiple_of(piece);
        let is_enough = |tile: &Self| sliced || tile.blocks(rows, columns) >= BLOCKS;
        match (columns, rows) {
            _ if !whole => &ANY,
            (..=32, _) => &NARROW,
            (_, ..=64) => &SMALL,
            // Of an odd number of columns of 64 the largest tile would leave out a half of its last ones.
            _ if columns.div_ceil(64).is_multiple_of(2) && is_enough(&LARGEST) => &LARGEST,
            _ if is_enough(&LARGE) => &LARGE,
            _ => &SMALL,
        }
    }

    /// Tiles of a result, below and beside each other.
    fn grid(&self, rows: usize, columns: usize) -> [usize; 2] {
        [rows.div_ceil(self.rows), columns.div_ceil(self.columns)]
    }

    /// Rows of all tiles below each other, those beyond the result included.
    fn fitted(&self, rows: usize) -> usize {
        rows.next_multiple_of(self.rows)
    }

    fn blocks(&self, rows: usize, columns: usize) -> usize {
        let [down, across] = self.grid(rows, columns);
        down * across
    }

    /// Shared memory of a block: from sm_80 whole pieces fly to it by themselves, which takes one more
    /// tile of each operand, for which the largest have no room.
    fn shared_bytes(&self, architecture: u32, operands: [Operand; 2]) -> u32 {
        let stages = match architecture {
            80.. if self.whole && self.rows * self.columns <= 128 * 64 => TENSOR_STAGES,
            _ => 2,
        };
        (stages * bytes(operands)) as u32
    }
}

/// # Panics
/// If the filters are too large.
pub(super) fn check_kernel(conv: &Conv2d) {
    assert!(conv.kernel <= LARGEST_KERNEL, "filters of at most {LARGEST_KERNEL} rows");
}

/// How an operand's tile lies in shared memory, and what it takes there for one step of depth.
pub(super) enum Operand {
    /// So many rows, each with its depth together.
    DepthFast(usize),
    /// Each depth with so many rows together.
    DepthSlow(usize),
}

impl Operand {
    fn bytes(&self) -> usize {
        match self {
            Self::DepthFast(rows) => rows * (TENSOR_STEP + TENSOR_PAD),
            // As many depths as a step has, padded by some numbers: the size of a number cancels.
            Self::DepthSlow(rows) => TENSOR_STEP * (rows + TENSOR_SLOW_PAD),
        }
    }
}

/// Of one tile of each operand.
pub(super) fn bytes(operands: [Operand; 2]) -> usize {
    operands.iter().map(Operand::bytes).sum()
}

/// Pieces of 16 bytes that so many numbers take.
fn pieces(precision: Precision, numbers: usize) -> usize {
    numbers.div_ceil(VECTOR_BYTES / precision.bytes())
}

/// One of the instances for f16, bf16 and tf32.
fn pick(precision: Precision, [f16, bf16, tf32]: [&'static str; 3]) -> &'static str {
    match precision {
        Precision::F16 => f16,
        Precision::Bf16 => bf16,
        Precision::Tf32 => tf32,
        Precision::F32 => unreachable!("f32 is multiplied exactly"),
    }
}

fn forward_tile(forward: &Forward) -> &'static Tile {
    let conv = &forward.conv;
    Tile::of(conv, forward.precision, conv.positions(), conv.filters, false)
}

/// Positions and filters of a tile.
pub(super) fn tile(forward: &Forward) -> [usize; 2] {
    let tile = forward_tile(forward);
    [tile.rows, tile.columns]
}

pub(super) fn forward(forward: &Forward, architecture: u32) -> Product {
    let (conv, precision, tile) = (&forward.conv, forward.precision, forward_tile(forward));
    let [down, across] = tile.grid(conv.positions(), conv.filters);
    let per_tap = pieces(precision, conv.channels);
    let operands = [Operand::DepthFast(tile.rows), Operand::DepthSlow(tile.columns)];
    Product {
        kernel: Source::ConvTensor.kernel(pick(precision, tile.forward)),
        grid: (down * across).into(),
        threads: tile.threads as u32,
        shared_bytes: tile.shared_bytes(architecture, operands),
        shape: shape(conv, across, positions(conv), per_tap),
        panel: None,
    }
}

pub(super) fn data_gradient(gradient: &DataGradient, architecture: u32) -> Product {
    let (conv, precision) = (&gradient.conv, gradient.precision);
    let [height, width] = gradient.phase();
    let (rows, phases) = (conv.batch * height * width, conv.stride * conv.stride);
    let tile = Tile::of(conv, precision, rows * phases, conv.channels, false);
    let [down, across] = tile.grid(rows, conv.channels);
    let per_tap = pieces(precision, conv.filters);
    let operands = [Operand::DepthFast(tile.rows), Operand::DepthFast(tile.columns)];
    Product {
        kernel: Source::ConvTensor.kernel(pick(precision, tile.data_gradient)),
        grid: [down * across, phases].into(),
        threads: tile.threads as u32,
        shared_bytes: tile.shared_bytes(architecture, operands),
        shape: shape(conv, across, [height, width], per_tap),
        panel: None,
    }
}

/// The tile of a weight gradient, and how many there are below and beside each other.
fn weight_tile(gradient: &WeightGradient) -> (&'static Tile, [usize; 2]) {
    let (conv, precision) = (&gradient.conv, gradient.precision);
    let piece = VECTOR_BYTES / precision.bytes();
    let rows = conv.kernel * conv.kernel * pieces(precision, conv.channels) * piece;
    let tile = match Tile::of(conv, precision, rows, conv.filters, true) {
        large if std::ptr::eq(large, &raw const LARGE) && LOW.fitted(rows) < large.fitted(rows) => &LOW,
        tile => tile,
    };
    (tile, tile.grid(rows, conv.filters))
}

pub(super) fn slices(gradient: &WeightGradient) -> Slices {
    let (_, [down, across]) = weight_tile(gradient);
    slices_of(gradient, down * across, BLOCKS)
}

/// Slices of the positions for so many tiles, so that there are about so many blocks.
pub(super) fn slices_of(gradient: &WeightGradient, tiles: usize, blocks: usize) -> Slices {
    let positions = gradient.conv.positions();
    let depth = TENSOR_STEP / gradient.precision.bytes();
    let most = positions.div_ceil(STEPS_OF_SLICE * depth);
    let wanted = blocks.div_ceil(tiles).min(most).max(1);
    // Whole steps, so that only the last slice has one that is not full.
    let length = positions.div_ceil(wanted).next_multiple_of(depth);
    Slices { count: positions.div_ceil(length), length }
}

pub(super) fn weight_gradient(gradient: &WeightGradient, slices: Slices, architecture: u32) -> Product {
    let (conv, precision) = (&gradient.conv, gradient.precision);
    let (tile, [down, across]) = weight_tile(gradient);
    let per_tap = pieces(precision, conv.channels);
    let operands = [Operand::DepthSlow(tile.rows), Operand::DepthSlow(tile.columns)];
    let name = pick(precision, tile.weight_gradient);
    Product {
        kernel: Source::ConvTensorWeights.kernel(name),
        grid: [down * across, slices.count].into(),
        threads: tile.threads as u32,
        shared_bytes: tile.shared_bytes(architecture, operands),
        shape: shape(conv, across, positions(conv), per_tap),
        panel: None,
    }
}
