//! `kernels/average.cu`.

use tunefork_kernels::launch::average::Average;
use tunefork_kernels::{DeviceMemory, Precision};
use tunefork_reference::ops::pool::{global_average, global_average_gradient};

use super::common::{step_row, tensor};
use crate::stored::FORMATS;
use crate::{Case, Check, Failure, Stored};

pub(super) const CHECKS: &[Check] =
    &[Check { name: "average/forward", run: forward }, Check { name: "average/backward", run: backward }];

fn limit(precision: Precision) -> f64 {
    precision.pick(1e-6, 5e-4, 4e-3)
}

/// A shape, the rows that are real, and their step.
fn draw(case: &mut Case, precision: Precision) -> Result<(Average, usize, DeviceMemory), Failure> {
    let average = Average {
        batch: case.between(1, 5),
        pixels: if case.is_whole() { case.one_of(&[1, 4, 16, 64]) } else { case.one_of(&[1, 4, 7, 49, 64]) },
        channels: case.one_of(&[1, 3, 31, 32, 33, 100]),
        precision,
    };
    let rows = case.between(1, average.batch);
    Ok((average, rows, step_row(case, rows)?))
}

pub(super) fn forward(case: &mut Case) -> Result<(), Failure> {
    for precision in FORMATS {
        let (average, rows, step) = draw(case, precision)?;
        let (pixels, channels) = (average.pixels, average.channels);
        let image = pixels * channels;
        let mut x = case.values(average.batch * image);
        x[rows * image..].fill(f64::NAN);
        let on_x = Stored::new(case, precision, &mut x)?;
        let on_y = Stored::poisoned(case, precision, average.batch * channels)?;
        average.forward(&*case.stream, step.all(), on_x.span(), on_y.span())?;

        let expected = global_average(&tensor(&[rows, pixels, 1, channels], &x)).into_iter().collect::<Vec<f64>>();
        let found = &on_y.read(case)?[..rows * channels];
        case.compare(&format!("{average:?}, {rows} rows"), found, &expected, precision, limit(precision))?;
    }
    Ok(())
}

pub(super) fn backward(case: &mut Case) -> Result<(), Failure> {
    for precision in FORMATS {
        let (average, rows, step) = draw(case, precision)?;
        let (pixels, channels) = (average.pixels, average.channels);
        let image = pixels * channels;
        let accumulate = case.one_of(&[false, true]);
        let mut dy = case.values(average.batch * channels);
        dy[rows * channels..].fill(f64::NAN);
        let mut dx = match accumulate {
            true => case.values(average.batch * image),
            false => vec![f64::NAN; average.batch * image],
        };
        let on_dy = Stored::new(case, precision, &mut dy)?;
        let on_dx = Stored::new(case, precision, &mut dx)?;
        average.backward(&*case.stream, step.all(), on_dy.span(), on_dx.span(), accumulate)?;

        dx.truncate(rows * image);
        let added = global_average_gradient([pixels, 1], &tensor(&[rows, channels], &dy));
        for (dx, added) in dx.iter_mut().zip(&added) {
            *dx = added + if accumulate { *dx } else { 0.0 };
        }
        let found = &on_dx.read(case)?[..rows * image];
        case.compare(&format!("{average:?}, {rows} rows"), found, &dx, precision, limit(precision))?;
    }
    Ok(())
}
