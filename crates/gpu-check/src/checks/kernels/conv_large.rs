//! The larger tiles of `kernels/conv.cu`, and its sums of many slices: batches that are large enough for
//! them, of which few images are real. One seed will do.

use tunefork_graph::Activation;
use tunefork_kernels::launch::conv::{DataGradient, Forward, WeightGradient};
use tunefork_kernels::{Conv2d, Precision};

use super::conv::{data_gradient_of, forward_of, weight_gradient_of};
use crate::{Case, Check, Failure};

pub(super) const CHECKS: &[Check] = &[
    Check { name: "conv/large_forward", run: large_forward },
    Check { name: "conv/large_data_gradient", run: large_data_gradient },
    Check { name: "conv/large_weight_gradient", run: large_weight_gradient },
    Check { name: "conv/winograd", run: winograd },
    // Halves and quarters of whole numbers are exact too.
    Check { name: "exact/winograd", run: |case| case.whole(15, winograd) },
];

/// 2x2 filters on a batch of 16.
fn large(side: usize, channels: usize, filters: usize) -> Conv2d {
    Conv2d { batch: 16, height: side, width: side, channels, filters, kernel: 2, stride: 1, padding: 0 }
}

/// Forward and data gradient of 3x3 filters, with tiles that reach over the last image and columns that fill no block.
fn winograd(case: &mut Case) -> Result<(), Failure> {
    let conv =
        |channels, filters| Conv2d { height: 22, width: 30, kernel: 3, padding: 1, ..large(0, channels, filters) };
    let activation = (!case.is_whole()).then_some(Activation::Tanh);
    let forward = Forward { conv: conv(16, 40), precision: Precision::F32, bias: true, activation, statistics: true };
    let tiles = forward.conv.positions().div_ceil(128);
    assert_eq!(forward.partials_len(), 2 * tiles * 40, "tiles of 32 times 2x2");
    let rows = case.between(1, 2);
    forward_of(case, &forward, rows)?;
    let rows = case.between(1, 2);
    data_gradient_of(case, &DataGradient { conv: conv(40, 8), precision: Precision::F32 }, rows)
}

fn large_forward(case: &mut Case) -> Result<(), Failure> {
    // The side of a result, channels, filters, and the rows of the tile that fits best.
    for (side, channels, filters, tile) in [
        (40, 12, 36, 128), // 128x64
        (13, 8, 300, 64),  // 64x64
        (40, 12, 12, 128), // 128x32
        (28, 7, 37, 64),   // 64x64, no pieces of four
    ] {
        let forward = Forward {
            conv: large(side + 1, channels, filters),
            precision: Precision::F32,
            bias: true,
            activation: Some(Activation::Relu),
            statistics: true,
        };
        let tiles = forward.conv.positions().div_ceil(tile);
        assert_eq!(forward.partials_len(), 2 * tiles * filters, "{forward:?}");
        let rows = case.between(1, 2);
        forward_of(case, &forward, rows)?;
    }
    Ok(())
}

fn large_data_gradient(case: &mut Case) -> Result<(), Failure> {
    for (side, channels, filters) in [(40, 36, 12), (28, 36, 8), (40, 12, 12), (28, 37, 7)] {
        for stride in [1, 3] {
            let conv = Conv2d { padding: case.between(0, 1), stride, ..large(side, channels, filters) };
            let gradient = DataGradient { conv, precision: Precision::F32 };
            let rows = case.between(1, 2);
            data_gradient_of(case, &gradient, rows)?;
        }
    }
    Ok(())
}

fn large_weight_gradient(case: &mut Case) -> Result<(), Failure> {
    // Slices for several threads to add, also of thin images.
    // Slices behind the real positions are zero, but the last eighth of them must not be; of a full batch no position
    // may be left out.
    for (channels, rows) in [(3, 16), (16, 15)] {
        let gradient = WeightGradient { conv: large(40, channels, 12), precision: Precision::F32 };
        let slices = gradient.workspace_len() / gradient.conv.weights_len();
        assert!(slices > 8, "{slices} slices");
        weight_gradient_of(case, &gradient, rows)?;
    }
    Ok(())
}
