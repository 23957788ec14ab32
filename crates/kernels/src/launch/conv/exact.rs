//! f32 numbers multiplied exactly: `kernels/conv.cu`.

use super::{DataGradient, Forward, Product, Slices, WeightGradient, positions, shape, weight_rows};
use crate::shared::{ConvShape, EXACT_PAD};
use crate::{Conv2d, Source};

/// A tile of the results, and the kernels that form such tiles.
pub(crate) struct Tile {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Groups of four rows and of four columns that a thread has.
    pub(crate) groups: [usize; 2],
    /// Of the sum, in a step.
    pub(crate) depth: usize,
    /// Whether channels and filters must be multiples of 4.
    pub(crate) whole: bool,
    /// Speed of its products, as a share of the first tile's, in percent; see [`TILES`].
    speed: usize,
    /// Only weight gradients have kernels of this tile.
    weights_only: bool,
    forward: &'static str,
    data_gradient: &'static str,
    weight_gradient: &'static str,
}

macro_rules! tile {
    ($rows:literal x $columns:literal, $groups:expr, $depth:literal, $speed:literal, $whole:literal, $name:literal) => {
        Tile {
            rows: $rows,
            columns: $columns,
            groups: $groups,
            depth: $depth,
            whole: $whole,
            speed: $speed,
            weights_only: false,
            forward: concat!("conv_forward_", $name),
            data_gradient: concat!("conv_data_gradient_", $name),
            weight_gradient: concat!("conv_weight_gradient_", $name),
        }
    };
}

/// The header gets the whole ones; the others are of the same sizes.
///
/// Speeds are counted, not measured: for each depth a thread with 8x8 values has 64 products, 4 reads of 4 numbers from shared
/// memory, and (rows + columns) / 4 / threads pieces of operands to bring there, of some 10 instructions each: 71.8
/// instructions with 128x64, 72.2 with 96x64, 73 with 64x64, 74.2 with 128x32. With 8x4 values it reads 12 numbers for 32
/// products, where the shared memory's 128 bytes in a cycle begin to be the limit.
///
/// 96 rows are for weight gradients: 3x3 filters on 32 or 64 channels have 288 or 576 weights, of which tiles of 128 rows
/// leave a quarter or a tenth empty.
pub(crate) const TILES: [Tile; 7] = [
    tile!(128 x 64, [2, 2], 8, 100, true, "128x64_whole"),
    Tile { weights_only: true, ..tile!(96 x 64, [2, 2], 8, 99, true, "96x64_whole") },
    tile!(64 x 64, [2, 2], 8, 98, true, "64x64_whole"),
    tile!(128 x 32, [2, 2], 8, 97, true, "128x32_whole"),
    tile!(32 x 32, [2, 1], 8, 85, true, "32x32_whole"),
    tile!(64 x 64, [2, 2], 8, 98, false, "64x64_any"),
    tile!(32 x 32, [2, 1], 8, 85, false, "32x32_any"),
];

/// With fewer warps a GPU is not busy: three for each multiprocessor of an H100, ten of a T4.
const ENOUGH: usize = 384;

impl Tile {
    /// The tile that does a product of this size soonest: not much of it beyond the edges, warps
    /// enough. `copies` products of the same size run at once.
    fn best(conv: &Conv2d, rows: usize, columns: usize, copies: usize) -> &'static Self {
        Self::best_of(TILES.iter().filter(|tile| !tile.weights_only), conv, [rows, columns], copies)
    }

    fn best_of(
        tiles: impl Iterator<Item = &'static Self>,
        conv: &Conv2d,
        [rows, columns]: [usize; 2],
        copies: usize,
    ) -> &'static Self {
        let whole = conv.channels.is_multiple_of(4) && conv.filters.is_multiple_of(4);
        let cost = |tile: &Self| {
            let blocks = tile.blocks(rows, columns);
            let warps = blocks * copies * tile.warps();
            let idle = ENOUGH.max(warps) as f64 / warps as f64;
            (blocks * tile.rows * tile.columns) as f64 / tile.speed as f64 * idle
        };
        let usable = tiles.filter(|tile| tile.whole == whole);
        usable.min_by(|a, b| cost(a).total_cmp(&cost(b))).expect("tiles for all channels")
    }

    fn threads(&self) -> usize {
        let [down, across] = self.groups;
        self.rows * self.columns / (16 * down * across)
    }

    /// Of a block. The four quarters of a multiprocessor have units of their own, and a warp keeps to one of them.
    fn warps(&self) -> usize {
        self.threads() / 32
    }

    fn across(&self, columns: usize) -> usize {
        columns.div_ceil(self.columns)
    }

    fn blocks(&self, rows: usize, columns: usize) -> usize {
        rows.div_ceil(self.rows) * self.across(columns)
    }

    /// Two buffers of both operands; `Tile::BUFFER` in `kernels/conv.cuh`.
    fn shared_bytes(&self) -> u32 {
        (2 * self.depth * (self.rows + self.columns + 2 * EXACT_PAD) * size_of::<f32>()) as u32
    }

    /// A launch of one of its kernels.
    fn product(&self, name: &'static str, grid: [usize; 3], shape: ConvShape) -> Product {
        Product {
            kernel: Source::Conv.kernel(name),
            grid: grid.into(),
            threads: self.threads() as u32,
            shared_bytes: self.shared_bytes(),
            shape,
            panel: None,
        }
    }

    fn of_forward(forward: &Forward) -> &'static Self {
        let conv = &forward.conv;
        Self::best(conv, conv.positions(), conv.filters, 1)
    }

    fn of_weights(conv: &Conv2d) -> &'static Self {
        // Slices make warps enough of any tile.
        Self::best_of(TILES.iter(), conv, [weight_rows(conv), conv.filters], ENOUGH)
    }
}

/// Positions and filters of a tile.
pub(super) fn tile(forward: &Forward) -> [usize; 2] {
    let tile = Tile::of_forward(forward);
    [tile.rows, tile.columns]
}

pub(super) fn forward(forward: &Forward) -> Product {
    let conv = &forward.conv;
    let tile = Tile::of_forward(forward);
    let blocks = tile.blocks(conv.positions(), conv.filters);
    let shape = shape(conv, tile.across(conv.filters), positions(conv), 1);
    tile.product(tile.forward, [blocks, 1, 1], shape)
}

pub(super) fn data_gradient(gradient: &DataGradient) -> Product {
    let conv = &gradient.conv;
    let [height, width] = gradient.phase();
    let rows = conv.batch * height * width;
    let tile = Tile::best(conv, rows, conv.channels, conv.stride * conv.stride);
    let blocks = tile.blocks(rows, conv.channels);
    let shape = shape(conv, tile.across(conv.channels), [height, width], 1);
    // Each phase has its own blocks.
    let grid = [blocks, conv.stride * conv.stride, 1];
    tile.product(tile.data_gradient, grid, shape)
}

/// Slices of the positions for a weight gradient whose tiles have so many warps, all together. They follow from the shape
/// alone, as the order of its sums does.
///
/// - So many that the multiprocessor with one block more than the others does not count: six rounds of warps on an H100's
///   528 quarters (with 190 blocks of 4 warps, 58 of its 132 multiprocessors had two and the others one). A warp has 2048
///   sums, so that all parts take 26 MB at most.
/// - But none shorter than 512 positions. A slice's part is written and read once, 8 bytes for each weight, and has 2 x
///   512 operations for it: 128 for each byte, where a T4, a 3060 and an H100 do 20, 27 and 14 while they move one.
/// - Where these are too few to keep a large GPU busy (three warps for each of an H100's 132 multiprocessors), down to 128.
pub(super) fn slices_of(conv: &Conv2d, warps: usize) -> Slices {
    const PLENTY: usize = 6 * 528;
    const BUSY: usize = 3 * 132;
    let positions = conv.positions();
    let wanted = (PLENTY / warps).min(positions / 512);
    let count = wanted.max((BUSY / warps).min(positions / 128)).clamp(1, 1024);
    Slices { count, length: positions.div_ceil(count) }
}

pub(super) fn slices(gradient: &WeightGradient) -> Slices {
    let conv = &gradient.conv;
    let tile = Tile::of_weights(conv);
    slices_of(conv, tile.blocks(weight_rows(conv), conv.filters) * tile.warps())
}

pub(super) fn weight_gradient(gradient: &WeightGradient, slices: Slices) -> Product {
    let conv = &gradient.conv;
    let tile = Tile::of_weights(conv);
    let blocks = tile.blocks(weight_rows(conv), conv.filters);
    let shape = shape(conv, tile.across(conv.filters), positions(conv), 1);
    tile.product(tile.weight_gradient, [blocks, slices.count, 1], shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Precision;

    /// A 3x3 convolution that keeps the size of its images.
    fn conv(batch: usize, size: usize, channels: usize, filters: usize) -> Conv2d {
        Conv2d { batch, height: size, width: size, channels, filters, kernel: 3, stride: 1, padding: 1 }
    }

    #[test]
    fn tiles_fill_a_gpu_and_fit_the_filters() {
        for (conv, tile) in [
            (conv(32, 112, 32, 64), "conv_forward_128x64_whole"),
            (conv(64, 8, 256, 256), "conv_forward_128x64_whole"),
            (conv(16, 13, 8, 300), "conv_forward_64x64_whole"),
            (conv(64, 32, 16, 32), "conv_forward_128x32_whole"),
            (conv(64, 32, 16, 96), "conv_forward_128x32_whole"),
            (conv(4, 8, 64, 64), "conv_forward_32x32_whole"),
            (conv(64, 32, 16, 50), "conv_forward_64x64_any"),
        ] {
            let positions = conv.positions();
            let best = Tile::best(&conv, positions, conv.filters, 1);
            assert_eq!(best.forward, tile, "{conv:?}");
        }
    }

    #[test]
    fn weight_gradients_have_tiles_of_their_own() {
        for (conv, tile) in [
            (conv(64, 14, 32, 64), "conv_weight_gradient_96x64_whole"), // 288 weights
            (conv(64, 14, 64, 128), "conv_weight_gradient_96x64_whole"), // 576
            (conv(64, 14, 128, 64), "conv_weight_gradient_128x64_whole"), // 1152
        ] {
            assert_eq!(Tile::of_weights(&conv).weight_gradient, tile, "{conv:?}");
        }
    }

    #[test]
    fn slices_fill_a_gpu_and_stay_long() {
        for (conv, slices) in [
            (conv(64, 14, 32, 64), 44),   // 3 tiles of 3 warps, for a GPU that is busy
            (conv(64, 8, 256, 256), 8),   // 512 positions each
            (conv(64, 8, 512, 512), 2),   // 288 tiles of 4 warps
            (conv(2, 8, 32, 64), 1),      // one step of work
            (conv(64, 64, 8, 16), 512),   // 512 positions each
            (conv(64, 112, 32, 64), 352), // 3 tiles, 9 warps of the 3168
        ] {
            let gradient = WeightGradient { conv, precision: Precision::F32 };
            assert_eq!(super::slices(&gradient).count, slices, "{conv:?}");
        }
    }
}
