//! Products on tensor cores: `kernels/conv_tensor.cu` and `kernels/conv_tensor_weights.cu`.

use super::{DataGradient, Forward, Product, Slices, WeightGradient, positions, shape};
use crate::shared::{TENSOR_PAD, TENSOR_SLOW_PAD, TENSOR_STAGES, TENSOR_STEP, TENSOR_THREADS, VECTOR_BYTES};
use crate::{Conv2d, Precision, Source};

/// As many blocks as fill a large GPU twice: a product of fewer tiles takes smaller ones, or is cut
/// into slices. A number of its own, so that results do not depend on the GPU.
const BLOCKS: usize = 256;

/// Steps of the shortest slice: below, filling the pipeline takes longer than what it saves.
const STEPS_OF_SLICE: usize = 8;

/// Larger filters would need another division of taps.
const LARGEST_KERNEL: usize = 40;

/// The part of a result that a block forms, and the kernels that do; as `kernels/tensor.cuh` has them.
#[derive(Clone, Copy)]
enum Tile {
    Rows128Columns64,
    Rows64Columns64,
    Rows128Columns32,
    /// 64 rows and 64 columns, whose channels or filters do not fill pieces of 16 bytes.
    Any,
}

impl Tile {
    /// For a product with so many rows and columns, cut into slices of its depth or not.
    fn of(conv: &Conv2d, precision: Precision, rows: usize, columns: usize, sliced: bool) -> Self {
        assert!(conv.kernel <= LARGEST_KERNEL, "filters of at most {LARGEST_KERNEL} rows");
        let piece = VECTOR_BYTES / precision.bytes();
        let tiles = rows.div_ceil(128) * columns.div_ceil(64);
        let whole = conv.channels.is_multiple_of(piece) && conv.filters.is_multiple_of(piece);
        match (columns, rows) {
            _ if !whole => Self::Any,
            (..=32, _) => Self::Rows128Columns32,
            (_, ..=64) => Self::Rows64Columns64,
            _ if sliced || tiles >= BLOCKS => Self::Rows128Columns64,
            _ => Self::Rows64Columns64,
        }
    }

    fn rows(self) -> usize {
        match self {
            Self::Rows128Columns64 | Self::Rows128Columns32 => 128,
            Self::Rows64Columns64 | Self::Any => 64,
        }
    }

    fn columns(self) -> usize {
        match self {
            Self::Rows128Columns32 => 32,
            Self::Rows128Columns64 | Self::Rows64Columns64 | Self::Any => 64,
        }
    }

    /// Tiles of a result, below and beside each other.
    fn grid(self, rows: usize, columns: usize) -> [usize; 2] {
        [rows.div_ceil(self.rows()), columns.div_ceil(self.columns())]
    }

    /// Shared memory of a block: from sm_80 whole pieces fly to it by themselves, which takes one more
    /// tile of each operand.
    fn shared_bytes(self, architecture: u32, operands: [Operand; 2]) -> u32 {
        let stages = match (self, architecture) {
            (Self::Any, _) | (_, ..80) => 2,
            _ => TENSOR_STAGES,
        };
        let [a, b] = operands.map(|operand| operand.bytes());
        (stages * (a + b)) as u32
    }
}

/// How an operand's tile lies in shared memory, and what it takes there for one step of depth.
enum Operand {
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

/// Pieces of 16 bytes that so many numbers take.
fn pieces(precision: Precision, numbers: usize) -> usize {
    numbers.div_ceil(VECTOR_BYTES / precision.bytes())
}

/// One of the instances for f16, bf16 and tf32.
fn pick<T>(precision: Precision, f16: T, bf16: T, tf32: T) -> T {
    match precision {
        Precision::F16 => f16,
        Precision::Bf16 => bf16,
        Precision::Tf32 => tf32,
        Precision::F32 => unreachable!("f32 is multiplied exactly"),
    }
}

/// The names of a product's kernels, by precision and tile.
macro_rules! names {
    ($product:literal, $precision:literal) => {
        [
            concat!("conv_tensor_", $product, "_128x64_", $precision),
            concat!("conv_tensor_", $product, "_64x64_", $precision),
            concat!("conv_tensor_", $product, "_128x32_", $precision),
            concat!("conv_tensor_", $product, "_64x64_any_", $precision),
        ]
    };
    ($product:literal) => {
        [names!($product, "f16"), names!($product, "bf16"), names!($product, "tf32")]
    };
}

/// The kernel for a precision and a tile.
fn instance(names: [[&'static str; 4]; 3], precision: Precision, tile: Tile) -> &'static str {
    let [f16, bf16, tf32] = names;
    pick(precision, f16, bf16, tf32)[tile as usize]
}

fn forward_tile(forward: &Forward) -> Tile {
    let conv = &forward.conv;
    Tile::of(conv, forward.precision, conv.positions(), conv.filters, false)
}

/// Positions and filters of a tile.
pub(super) fn tile(forward: &Forward) -> [usize; 2] {
    let tile = forward_tile(forward);
    [tile.rows(), tile.columns()]
}

pub(super) fn forward(forward: &Forward, architecture: u32) -> Product {
    let (conv, precision, tile) = (&forward.conv, forward.precision, forward_tile(forward));
    let [down, across] = tile.grid(conv.positions(), conv.filters);
    let per_tap = pieces(precision, conv.channels);
    let operands = [Operand::DepthFast(tile.rows()), Operand::DepthSlow(tile.columns())];
    Product {
        kernel: Source::ConvTensor.kernel(instance(names!("forward"), precision, tile)),
        grid: (down * across).into(),
        threads: TENSOR_THREADS as u32,
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
    let operands = [Operand::DepthFast(tile.rows()), Operand::DepthFast(tile.columns())];
    Product {
        kernel: Source::ConvTensor.kernel(instance(names!("data_gradient"), precision, tile)),
        grid: [down * across, phases].into(),
        threads: TENSOR_THREADS as u32,
        shared_bytes: tile.shared_bytes(architecture, operands),
        shape: shape(conv, across, [height, width], per_tap),
        panel: None,
    }
}

/// The tile of a weight gradient, and how many there are below and beside each other.
fn weight_tile(gradient: &WeightGradient) -> (Tile, [usize; 2]) {
    let (conv, precision) = (&gradient.conv, gradient.precision);
    let piece = VECTOR_BYTES / precision.bytes();
    let rows = conv.kernel * conv.kernel * pieces(precision, conv.channels) * piece;
    let tile = Tile::of(conv, precision, rows, conv.filters, true);
    (tile, tile.grid(rows, conv.filters))
}

pub(super) fn slices(gradient: &WeightGradient) -> Slices {
    let positions = gradient.conv.positions();
    let (_, [down, across]) = weight_tile(gradient);
    let depth = TENSOR_STEP / gradient.precision.bytes();
    let most = positions.div_ceil(STEPS_OF_SLICE * depth);
    let wanted = BLOCKS.div_ceil(down * across).min(most).max(1);
    // Whole steps, so that only the last slice has one that is not full.
    let length = positions.div_ceil(wanted).next_multiple_of(depth);
    Slices { count: positions.div_ceil(length), length }
}

pub(super) fn weight_gradient(gradient: &WeightGradient, slices: Slices, architecture: u32) -> Product {
    let (conv, precision) = (&gradient.conv, gradient.precision);
    let (tile, [down, across]) = weight_tile(gradient);
    let per_tap = pieces(precision, conv.channels);
    let operands = [Operand::DepthSlow(tile.rows()), Operand::DepthSlow(tile.columns())];
    let name = instance(names!("weight_gradient"), precision, tile);
    Product {
        kernel: Source::ConvTensorWeights.kernel(name),
        grid: [down * across, slices.count].into(),
        threads: TENSOR_THREADS as u32,
        shared_bytes: tile.shared_bytes(architecture, operands),
        shape: shape(conv, across, positions(conv), per_tap),
        panel: None,
    }
}
