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
    /// Share of the multiplications' speed that the kernels reach, about, in percent.
    speed: usize,
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
            forward: concat!("conv_forward_", $name),
            data_gradient: concat!("conv_data_gradient_", $name),
            weight_gradient: concat!("conv_weight_gradient_", $name),
        }
    };
}

/// The header gets the whole ones; the others are of the same sizes.
pub(crate) const TILES: [Tile; 6] = [
    tile!(128 x 64, [2, 2], 8, 100, true, "128x64_whole"),
    tile!(64 x 64, [2, 1], 8, 88, true, "64x64_whole"),
    tile!(128 x 32, [2, 1], 8, 88, true, "128x32_whole"),
    tile!(32 x 32, [1, 1], 16, 65, true, "32x32_whole"),
    tile!(64 x 64, [2, 1], 8, 88, false, "64x64_any"),
    tile!(32 x 32, [1, 1], 16, 65, false, "32x32_any"),
];

/// With fewer blocks a GPU is not busy.
const ENOUGH: usize = 192;

impl Tile {
    /// The tile that does a product of this size soonest: not much of it beyond the edges, blocks
    /// enough. `copies` products of the same size run at once.
    fn best(conv: &Conv2d, rows: usize, columns: usize, copies: usize) -> &'static Self {
        let whole = conv.channels.is_multiple_of(4) && conv.filters.is_multiple_of(4);
        let cost = |tile: &Self| {
            let blocks = tile.blocks(rows, columns);
            let idle = ENOUGH.max(blocks * copies) as f64 / (blocks * copies) as f64;
            (blocks * tile.rows * tile.columns) as f64 / tile.speed as f64 * idle
        };
        let usable = TILES.iter().filter(|tile| tile.whole == whole);
        usable.min_by(|a, b| cost(a).total_cmp(&cost(b))).expect("tiles for all channels")
    }

    fn threads(&self) -> usize {
        let [down, across] = self.groups;
        self.rows * self.columns / (16 * down * across)
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
        // Slices make blocks enough of any tile.
        Self::best(conv, weight_rows(conv), conv.filters, ENOUGH)
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

/// Slices of the positions for a weight gradient of so many tiles: enough to fill a large GPU while
/// their parts stay below 4 MiB, enough to fill a small one in any case.
pub(super) fn slices_of(conv: &Conv2d, tiles: usize) -> Slices {
    const PLENTY: usize = 512;
    const VALUES: usize = 1 << 20;
    let wanted = (PLENTY / tiles).min(VALUES / conv.weights_len());
    let most = conv.positions().div_ceil(128).min(256);
    let count = wanted.max(ENOUGH / tiles).clamp(1, most);
    Slices { count, length: conv.positions().div_ceil(count) }
}

pub(super) fn slices(gradient: &WeightGradient) -> Slices {
    let conv = &gradient.conv;
    let tile = Tile::of_weights(conv);
    slices_of(conv, tile.blocks(weight_rows(conv), conv.filters))
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
            (conv(64, 14, 32, 64), "conv_forward_64x64_whole"),
            (conv(64, 8, 256, 256), "conv_forward_64x64_whole"),
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
    fn slices_fill_a_gpu_and_stay_small() {
        for (conv, slices) in [
            (conv(64, 14, 32, 64), 56), // 3 tiles of 288 x 64, 4 MiB
            (conv(64, 8, 256, 256), 2), // 72 tiles
            (conv(64, 8, 512, 512), 1), // 288 tiles
            (conv(2, 8, 32, 64), 1),    // one step of work
            (conv(64, 64, 8, 16), 256), // few weights, many positions
        ] {
            let gradient = WeightGradient { conv, precision: Precision::F32 };
            assert_eq!(super::slices(&gradient).count, slices, "{conv:?}");
        }
    }
}
