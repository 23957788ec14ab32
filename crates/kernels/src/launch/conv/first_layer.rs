//! Images of at most four channels in f32: `kernels/first_layer.cu`.

use super::exact::slices_of;
use super::{Forward, Product, Slices, WeightGradient, positions, shape, weight_rows};
use crate::shared::{EXACT_PAD, FIRST_LAYER_DEPTH, FIRST_LAYER_SPLITS};
use crate::{Conv2d, Source};

/// Positions of a tile forward: a thread for each.
const POSITIONS: usize = 128;
/// Filters of a tile.
const COLUMNS: usize = 32;

/// A tile of the weight gradient: its rows are weights.
struct WeightTile {
    rows: usize,
    /// Values of a thread.
    values: usize,
}

/// As low as the filters are short: 1x1 filters on colour images have 3 weights, 3x3 ones on grey images 9, on colour
/// images 27.
const WEIGHT_TILES: [WeightTile; 3] =
    [WeightTile { rows: 8, values: 32 }, WeightTile { rows: 16, values: 32 }, WeightTile { rows: 32, values: 64 }];

impl WeightTile {
    /// The lowest that has all weights, or the tallest.
    fn of(conv: &Conv2d) -> &'static Self {
        let [.., tallest] = &WEIGHT_TILES;
        WEIGHT_TILES.iter().find(|tile| weight_rows(conv) <= tile.rows).unwrap_or(tallest)
    }

    /// Those of all sets that share a step.
    fn threads(&self) -> usize {
        self.rows * COLUMNS / self.values * FIRST_LAYER_SPLITS
    }

    /// Tiles below each other, and side by side.
    fn tiles(&self, conv: &Conv2d) -> [usize; 2] {
        [weight_rows(conv).div_ceil(self.rows), conv.filters.div_ceil(COLUMNS)]
    }

    fn kernel(&self, conv: &Conv2d) -> &'static str {
        match (self.rows, conv.filters % 4) {
            (8, 0) => "first_layer_weight_gradient_8x32_whole_f32",
            (8, _) => "first_layer_weight_gradient_8x32_any_f32",
            (16, 0) => "first_layer_weight_gradient_16x32_whole_f32",
            (16, _) => "first_layer_weight_gradient_16x32_any_f32",
            (_, 0) => "first_layer_weight_gradient_32x32_whole_f32",
            (_, _) => "first_layer_weight_gradient_32x32_any_f32",
        }
    }
}

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
        0 => "first_layer_forward_whole_f32",
        _ => "first_layer_forward_any_f32",
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

/// Slices of the positions. Their parts are small beside dy, so that only the length of a slice bounds them.
pub(super) fn slices(gradient: &WeightGradient) -> Slices {
    let tile = WeightTile::of(&gradient.conv);
    let [down, across] = tile.tiles(&gradient.conv);
    slices_of(&gradient.conv, down * across * tile.threads() / 32)
}

pub(super) fn weight_gradient(gradient: &WeightGradient, slices: Slices) -> Product {
    let conv = &gradient.conv;
    let tile = WeightTile::of(conv);
    let [down, across] = tile.tiles(conv);
    Product {
        kernel: Source::FirstLayer.kernel(tile.kernel(conv)),
        grid: [down * across, slices.count].into(),
        threads: tile.threads() as u32,
        shared_bytes: 2 * shared_bytes(tile.rows, FIRST_LAYER_DEPTH),
        shape: shape(conv, across, positions(conv), 1),
        panel: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Precision;

    #[test]
    fn tiles_are_as_low_as_the_filters() {
        for (kernel, channels, rows, slices) in [
            (1, 3, 8, 1024), // 2 warps, and no more slices than that
            (3, 1, 16, 792), // 4 warps
            (3, 3, 32, 792), // 27 weights
            (5, 3, 32, 264), // 75 weights, 3 tiles
        ] {
            let conv = Conv2d {
                batch: 1024,
                height: 28,
                width: 28,
                channels,
                filters: 32,
                kernel,
                stride: 1,
                padding: kernel / 2,
            };
            let gradient = WeightGradient { conv, precision: Precision::F32 };
            assert_eq!(WeightTile::of(&conv).rows, rows, "{conv:?}");
            assert_eq!(super::slices(&gradient).count, slices, "{conv:?}");
        }
    }
}
