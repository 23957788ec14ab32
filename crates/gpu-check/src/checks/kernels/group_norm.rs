//! `kernels/group_norm.cu`.

use tunefork_kernels::launch::group_norm::{GroupNorm, Parameters};
use tunefork_kernels::{DeviceMemory, Precision};
use tunefork_reference::ops::{bias_gradient, group_norm};

use super::common::{Told, step_row, tensor};
use crate::stored::FORMATS;
use crate::{Case, Check, Failure, Stored};

pub(super) const CHECKS: &[Check] =
    &[Check { name: "group_norm/forward", run: forward }, Check { name: "group_norm/backward", run: backward }];

const F32: Precision = Precision::F32;

/// The mean is three deviations large and more; a result is rounded to 24, 11 or 8 bits.
fn limit(precision: Precision) -> f64 {
    precision.pick(3e-6, 5e-4, 4e-3)
}

/// A shape, the rows that are real, and their step.
fn draw(case: &mut Case, precision: Precision) -> Result<(GroupNorm, usize, DeviceMemory), Failure> {
    let shapes = [(1, 100, 4), (4, 6, 3), (4, 33, 11), (7, 32, 8), (49, 66, 2), (64, 6, 1), (9, 300, 1)];
    // Groups of powers of two are divided by exactly.
    let powers = [(1, 128, 4), (4, 24, 3), (16, 32, 8), (64, 2, 1), (8, 8, 8)];
    let (pixels, channels, groups) = if case.is_whole() { case.one_of(&powers) } else { case.one_of(&shapes) };
    let norm = GroupNorm { batch: case.between(1, 4), pixels, channels, groups, precision };
    let rows = case.between(1, norm.batch);
    Ok((norm, rows, step_row(case, rows)?))
}

/// A batch of images around `mean`; those behind the real ones hold NaN.
fn images(case: &mut Case, norm: &GroupNorm, rows: usize, mean: f64) -> Vec<f64> {
    let image = norm.pixels * norm.channels;
    let mut values: Vec<f64> = case.values(norm.batch * image).iter().map(|value| value + mean).collect();
    values[rows * image..].fill(f64::NAN);
    values
}

fn forward(case: &mut Case) -> Result<(), Failure> {
    for precision in FORMATS {
        let (norm, rows, step) = draw(case, precision)?;
        let shape = [rows, norm.pixels, 1, norm.channels];
        let mut x = images(case, &norm, rows, 2.0);
        let (mut scale, mut shift) = (case.values(norm.channels), case.values(norm.channels));
        let on_x = Stored::new(case, precision, &mut x)?;
        let (on_scale, on_shift) = (Stored::new(case, F32, &mut scale)?, Stored::new(case, F32, &mut shift)?);
        let on_y = Stored::poisoned(case, precision, x.len())?;
        let on_statistics = Stored::poisoned(case, F32, norm.statistics_len())?;
        let parameters = Parameters { scale: on_scale.span().cast(), shift: on_shift.span().cast() };
        let statistics = on_statistics.span().cast();
        norm.forward(&*case.stream, step.all(), on_x.span(), parameters, on_y.span(), statistics)?;

        let x = tensor(&shape, &x);
        let [scale, shift] = [&scale, &shift].map(|values| tensor(&[norm.channels], values));
        let statistics = group_norm::statistics(&x, norm.groups);
        let y: Vec<f64> = group_norm::forward(&x, &scale, &shift, &statistics).into_iter().collect();
        let what = format!("{norm:?}, {rows} rows");
        let found = on_y.read(case)?;
        case.compare(&what, &found[..y.len()], &y, precision, limit(precision))?;
        let statistics: Vec<f64> = statistics.into_iter().collect();
        let found = on_statistics.read(case)?;
        case.close(&what, &found[..statistics.len()], &statistics, limit(F32))?;
    }
    Ok(())
}

pub(super) fn backward(case: &mut Case) -> Result<(), Failure> {
    for precision in FORMATS {
        let (norm, rows, step) = draw(case, precision)?;
        let (shape, groups) = ([rows, norm.pixels, 1, norm.channels], norm.groups);
        let (mut x, mut dy) = (images(case, &norm, rows, 2.0), images(case, &norm, rows, 0.0));
        let mut scale = case.values(norm.channels);
        // The gradient of x lies apart, on x or on dy; only apart it is sometimes added.
        let (place, accumulate) = case.one_of(&[(0, false), (0, true), (1, false), (2, false)]);
        let mut before = if accumulate { case.values(x.len()) } else { vec![f64::NAN; x.len()] };
        let (on_x, on_dy) = (Stored::new(case, precision, &mut x)?, Stored::new(case, precision, &mut dy)?);
        let on_before = Stored::new(case, precision, &mut before)?;
        let on_dx = [&on_before, &on_x, &on_dy][place];
        let on_scale = Stored::new(case, F32, &mut scale)?;
        let (x, dy, scale) = (tensor(&shape, &x), tensor(&shape, &dy), tensor(&[norm.channels], &scale));
        let mut statistics: Vec<f64> = match case.is_whole() {
            true => (0..rows * 2 * groups)
                .map(|at| [case.values(1)[0], case.one_of(&[0.5, 1.0])][at / groups % 2])
                .collect(),
            false => group_norm::statistics(&x, norm.groups).into_iter().collect(),
        };
        statistics.resize(norm.statistics_len(), f64::NAN);
        let on_statistics = Stored::new(case, F32, &mut statistics)?;
        let statistics = tensor(&[rows, 2, norm.groups, 1], &statistics);
        let on_sums = Stored::poisoned(case, F32, norm.sums_len())?;
        let by_scale = Stored::poisoned(case, F32, norm.channels)?;
        let by_shift = Stored::poisoned(case, F32, norm.channels)?;
        let told = Told::new(case)?;
        norm.backward(
            &*case.stream,
            step.all(),
            on_x.span(),
            on_dy.span(),
            on_scale.span().cast(),
            on_statistics.span().cast(),
            on_sums.span().cast(),
            Parameters { scale: by_scale.span().cast(), shift: by_shift.span().cast() },
            told.span(),
            Some((on_dx.span(), accumulate)),
        )?;

        told.check(case, precision, &[])?;
        let what = format!("{norm:?}, {rows} rows, at {place}, accumulate {accumulate}");
        let expected = group_norm::input_gradient(&x, &scale, &dy, &statistics);
        let before = before.iter().map(|&before| if accumulate { before } else { 0.0 });
        let expected: Vec<f64> = expected.iter().zip(before).map(|(dx, before)| dx + before).collect();
        let found = on_dx.read(case)?;
        case.compare(&what, &found[..expected.len()], &expected, precision, limit(precision))?;
        for (on, expected) in
            [(by_scale, group_norm::scale_gradient(&x, &dy, &statistics)), (by_shift, bias_gradient(&dy))]
        {
            let expected: Vec<f64> = expected.into_iter().collect();
            let found = on.read(case)?;
            case.compare(&what, &found, &expected, F32, limit(F32))?;
        }
    }
    Ok(())
}
