//! `kernels/conv_tensor.cu` and `kernels/conv_tensor_weights.cu`.

use tunefork_kernels::launch::conv::{DataGradient, Forward};
use tunefork_kernels::{Conv2d, Precision};

use super::common::step_row;
use super::conv;
use crate::{Case, Check, Failure, Stored};

const PRECISIONS: &[Precision] = &[Precision::F16, Precision::Bf16, Precision::Tf32];

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
    let (batch, side) = (8, 64);
    let rows = case.between(1, 2); // the other images are skipped
    let step = step_row(case, rows)?;
    let conv = |channels, filters| Conv2d {
        batch,
        height: side,
        width: side,
        channels,
        filters,
        kernel: 1,
        stride: 1,
        padding: 0,
    };
    let (pixels, real) = (batch * side * side, rows * side * side);
    let mut narrow = case.values(pixels * few);
    narrow[real * few..].fill(f64::NAN);
    let mut w = case.values(few * many);
    let on_narrow = Stored::new(case, precision, &mut narrow)?;
    let on_w = Stored::new(case, precision, &mut w)?;
    let limit = conv::limit(precision, few);

    let forward = Forward { conv: conv(few, many), precision, bias: false, activation: None, statistics: false };
    assert_eq!(forward.positions_per_tile(), 128, "the largest tile");
    let gradient = DataGradient { conv: conv(many, few), precision };
    let wide = Stored::poisoned(case, precision, pixels * many)?;
    let stream = case.stream.clone();
    for backward in [false, true] {
        let (x, y) = (on_narrow.span(), wide.span());
        match backward {
            false => forward.run(&*stream, step.all(), x, on_w.span(), None, y, None)?,
            true => gradient.run(&*stream, step.all(), x, on_w.span(), y, false)?,
        }
        let mut expected = vec![0.0; real * many];
        for (from, to) in narrow.chunks(few).zip(expected.chunks_mut(many)) {
            for (k, to) in to.iter_mut().enumerate() {
                for (c, from) in from.iter().enumerate() {
                    // [C, K] forward; backward the same numbers are [K, C] of the other convolution.
                    *to += from * w[if backward { k * few + c } else { c * many + k }];
                }
            }
        }
        let found = &wide.read(case)?[..real * many];
        let what = format!("{precision:?}, {few} to {many} channels, backward {backward}");
        case.close(&what, found, &expected, limit)?;
    }
    Ok(())
}
