//! `kernels/conv_tensor.cu` and `kernels/conv_tensor_weights.cu`.

use tunefork_kernels::launch::conv::{DataGradient, Forward, WeightGradient};
use tunefork_kernels::{Conv2d, Precision};

use super::conv;
use crate::{Case, Check, Failure};

pub(super) const PRECISIONS: &[Precision] = &[Precision::F16, Precision::Bf16, Precision::Tf32];

pub(super) const CHECKS: &[Check] = &[
    Check { name: "conv_tensor/forward", run: |case| conv::forward(case, PRECISIONS, 5..=70) },
    Check { name: "conv_tensor/data_gradient", run: |case| conv::data_gradient(case, PRECISIONS, 1..=70) },
    Check { name: "conv_tensor/weight_gradient", run: |case| conv::weight_gradient(case, PRECISIONS, 5..=70) },
];

/// Checks of their own, with one seed: results that are large enough for the largest tiles.
pub(super) const LARGE: &[Check] = &[Check { name: "conv_tensor/large_tiles", run: large_tiles }];

/// Forward and data gradient of a convolution of single pixels, which are products of matrices, and a gradient by weights:
/// with 64 columns and with 128.
fn large_tiles(case: &mut Case) -> Result<(), Failure> {
    let precision = match case.stream.architecture() {
        ..80 => Precision::F16,
        _ => case.one_of(PRECISIONS),
    };
    let conv = |size, channels, filters, kernel| Conv2d {
        batch: 8,
        height: size,
        width: size,
        channels,
        filters,
        kernel,
        stride: 1,
        padding: kernel / 2,
    };
    let few = 8;
    for many in [40, 72] {
        let pixels = |channels, filters| conv(64, channels, filters, 1);
        let forward = Forward { conv: pixels(few, many), precision, bias: false, activation: None, statistics: true };
        assert_eq!(forward.partials_len(), 2 * many * forward.conv.positions() / 128, "tiles of 128 rows");
        // The other images are skipped.
        let rows = case.between(1, 2);
        conv::forward_of(case, &forward, rows)?;
        conv::data_gradient_of(case, &DataGradient { conv: pixels(many, few), precision }, rows)?;
        // Of 200 rows of filters two tiles of 128, of 72 one of 96 where there are few columns; none is full.
        for kernel in [3, 5] {
            let gradient = WeightGradient { conv: conv(6, 8, many, kernel), precision };
            let rows = case.between(1, 8);
            conv::weight_gradient_of(case, &gradient, rows)?;
        }
    }
    Ok(())
}
