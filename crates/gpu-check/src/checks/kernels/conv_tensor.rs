//! `kernels/conv_tensor.cu` and `kernels/conv_tensor_weights.cu`.

use tunefork_kernels::launch::conv::{DataGradient, Forward};
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

/// Forward and data gradient of a convolution of single pixels, which are products of matrices.
fn large_tiles(case: &mut Case) -> Result<(), Failure> {
    let precision = match case.stream.architecture() {
        ..80 => Precision::F16,
        _ => case.one_of(PRECISIONS),
    };
    let (few, many) = (8, 40);
    let conv = |channels, filters| Conv2d {
        batch: 8,
        height: 64,
        width: 64,
        channels,
        filters,
        kernel: 1,
        stride: 1,
        padding: 0,
    };
    let forward = Forward { conv: conv(few, many), precision, bias: false, activation: None, statistics: true };
    assert_eq!(forward.partials_len(), 2 * many * forward.conv.positions() / 128, "the largest tile");
    // The other images are skipped.
    let rows = case.between(1, 2);
    conv::forward_of(case, &forward, rows)?;
    conv::data_gradient_of(case, &DataGradient { conv: conv(many, few), precision }, rows)
}
