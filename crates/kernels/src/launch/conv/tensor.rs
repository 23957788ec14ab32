//! Products on tensor cores: `kernels/conv_tensor.cu` and `kernels/conv_tensor_weights.cu`.

use bytemuck::{Pod, Zeroable};

use super::exact::add_slices;
use super::{DataGradient, DataOperands, Forward, ForwardOperands, WeightGradient, WeightOperands};
use crate::{
    Activation, Arguments, Conv2d, DeviceError, Divisor, Precision, Source, Stream, launch::run,
};

/// Threads of a block that multiplies.
const THREADS: u32 = 128;

/// As many blocks as fill a large GPU twice: a product of fewer tiles takes smaller ones, or is cut
/// into slices. A number of its own, so that results do not depend on the GPU.
const BLOCKS: usize = 256;

/// Bytes of depth that are multiplied at once.
const STEP: usize = 64;

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
        let piece = 16 / precision.bytes();
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
    fn shared_bytes(self, stream: &dyn Stream, a: Operand, b: Operand) -> u32 {
        let stages = match (self, stream.architecture()) {
            (Self::Any, _) | (_, ..80) => 2,
            _ => 3,
        };
        (stages * (a.bytes() + b.bytes())) as u32
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
            Self::DepthFast(rows) => rows * (STEP + 16),
            // As many depths as a step has, of rows + 8 numbers: the size of a number cancels.
            Self::DepthSlow(rows) => STEP * (rows + 8),
        }
    }
}

/// `Shape` of `kernels/conv_tensor.cuh`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Shape {
    input: [u32; 3],
    output: [u32; 3],
    kernel: u32,
    stride: u32,
    padding: u32,
    tiles_across: u32,
    per_tap: Divisor,
    pixels: Divisor,
    columns: Divisor,
}

impl Shape {
    /// `per_tap`: pieces of 16 bytes for each tap; `rows_of_image`: rows and columns of the product's
    /// positions in an image.
    fn new(conv: &Conv2d, tiles_across: usize, per_tap: usize, rows_of_image: [usize; 2]) -> Self {
        assert!(
            conv.kernel <= LARGEST_KERNEL,
            "filters of at most {LARGEST_KERNEL} rows"
        );
        let [rows, columns] = rows_of_image;
        let divisor = |n: usize| Divisor::new(n as u32);
        Self {
            input: [conv.height, conv.width, conv.channels].map(|n| n as u32),
            output: [conv.output_height(), conv.output_width(), conv.filters].map(|n| n as u32),
            kernel: conv.kernel as u32,
            stride: conv.stride as u32,
            padding: conv.padding as u32,
            tiles_across: tiles_across as u32,
            per_tap: divisor(per_tap),
            pixels: divisor(rows * columns),
            columns: divisor(columns),
        }
    }
}

/// Pieces of 16 bytes that so many numbers take.
fn pieces(precision: Precision, numbers: usize) -> usize {
    numbers.div_ceil(16 / precision.bytes())
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
        [
            names!($product, "f16"),
            names!($product, "bf16"),
            names!($product, "tf32"),
        ]
    };
}

/// The kernel for a precision and a tile.
fn instance(names: [[&'static str; 4]; 3], precision: Precision, tile: Tile) -> &'static str {
    let [f16, bf16, tf32] = names;
    pick(precision, f16, bf16, tf32)[tile as usize]
}

fn forward_tile(forward: &Forward) -> Tile {
    let conv = &forward.conv;
    Tile::of(
        conv,
        forward.precision,
        conv.positions(),
        conv.filters,
        false,
    )
}

/// Positions of a tile of the forward product.
pub(super) fn positions_per_tile(forward: &Forward) -> usize {
    forward_tile(forward).rows()
}

pub(super) fn forward(
    forward: &Forward,
    stream: &dyn Stream,
    operands: &ForwardOperands<'_>,
) -> Result<(), DeviceError> {
    let (conv, precision, tile) = (&forward.conv, forward.precision, forward_tile(forward));
    let [down, across] = tile.grid(conv.positions(), conv.filters);
    let positions = [conv.output_height(), conv.output_width()];
    let arguments = Arguments::new()
        .span(operands.step)
        .value(Shape::new(
            conv,
            across,
            pieces(precision, conv.channels),
            positions,
        ))
        .span(operands.x)
        .span(operands.weights)
        .optional(operands.bias)
        .value(Activation::code(forward.activation))
        .span(operands.y)
        .optional(operands.partials);
    let name = instance(names!("forward"), precision, tile);
    let (a, b) = (
        Operand::DepthFast(tile.rows()),
        Operand::DepthSlow(tile.columns()),
    );
    // SAFETY: the lengths are those of the shape, and there are as many partial statistics as tiles.
    unsafe {
        run(
            stream,
            Source::ConvTensor.kernel(name),
            down * across,
            THREADS,
            tile.shared_bytes(stream, a, b),
            arguments,
        )
    }
}

pub(super) fn data_gradient(
    gradient: &DataGradient,
    stream: &dyn Stream,
    operands: &DataOperands<'_>,
) -> Result<(), DeviceError> {
    let (conv, precision) = (&gradient.conv, gradient.precision);
    // Rows of the largest phase; all phases have as many.
    let pixels = [conv.height, conv.width].map(|n| n.div_ceil(conv.stride));
    let rows = conv.batch * pixels[0] * pixels[1];
    let phases = conv.stride * conv.stride;
    let tile = Tile::of(conv, precision, rows * phases, conv.channels, false);
    let [down, across] = tile.grid(rows, conv.channels);
    let arguments = Arguments::new()
        .span(operands.step)
        .value(Shape::new(
            conv,
            across,
            pieces(precision, conv.filters),
            pixels,
        ))
        .span(operands.dy)
        .span(operands.weights)
        .span(operands.dx)
        .value(u32::from(operands.accumulate));
    let name = instance(names!("data_gradient"), precision, tile);
    let (a, b) = (
        Operand::DepthFast(tile.rows()),
        Operand::DepthFast(tile.columns()),
    );
    // SAFETY: the lengths are those of the shape.
    unsafe {
        run(
            stream,
            Source::ConvTensor.kernel(name),
            [down * across, phases],
            THREADS,
            tile.shared_bytes(stream, a, b),
            arguments,
        )
    }
}

/// How a weight gradient is cut.
struct Cut {
    tile: Tile,
    /// Tiles below and beside each other.
    grid: [usize; 2],
    slices: usize,
    /// Positions of a slice.
    length: usize,
}

impl Cut {
    fn of(gradient: &WeightGradient) -> Self {
        let (conv, precision) = (&gradient.conv, gradient.precision);
        let piece = 16 / precision.bytes();
        let rows = conv.kernel * conv.kernel * pieces(precision, conv.channels) * piece;
        let tile = Tile::of(conv, precision, rows, conv.filters, true);
        let grid = tile.grid(rows, conv.filters);
        let depth = STEP / precision.bytes();
        let most = conv.positions().div_ceil(STEPS_OF_SLICE * depth);
        let wanted = BLOCKS.div_ceil(grid[0] * grid[1]).min(most).max(1);
        // Whole steps, so that only the last slice has one that is not full.
        let length = conv.positions().div_ceil(wanted).next_multiple_of(depth);
        Self {
            tile,
            grid,
            slices: conv.positions().div_ceil(length),
            length,
        }
    }
}

/// Slices of the weight gradient.
pub(super) fn slices(gradient: &WeightGradient) -> usize {
    Cut::of(gradient).slices
}

pub(super) fn weight_gradient(
    gradient: &WeightGradient,
    stream: &dyn Stream,
    operands: &WeightOperands<'_>,
) -> Result<(), DeviceError> {
    let (conv, precision) = (&gradient.conv, gradient.precision);
    let Cut {
        tile,
        grid: [down, across],
        slices,
        length,
    } = Cut::of(gradient);
    let positions = [conv.output_height(), conv.output_width()];
    let sums = operands.partials.unwrap_or(operands.dw);
    let arguments = Arguments::new()
        .span(operands.step)
        .value(Shape::new(
            conv,
            across,
            pieces(precision, conv.channels),
            positions,
        ))
        .value(length as u32)
        .span(operands.x)
        .span(operands.dy)
        .span(sums);
    let name = instance(names!("weight_gradient"), precision, tile);
    let (a, b) = (
        Operand::DepthSlow(tile.rows()),
        Operand::DepthSlow(tile.columns()),
    );
    // SAFETY: the lengths are those of the shape, and each slice has a buffer: `dw` for a single one.
    unsafe {
        run(
            stream,
            Source::ConvTensorWeights.kernel(name),
            [down * across, slices],
            THREADS,
            tile.shared_bytes(stream, a, b),
            arguments,
        )?;
    }
    add_slices(stream, slices, operands)
}
