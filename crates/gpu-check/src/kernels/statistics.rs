//! `kernels/statistics.cu`.

use tunefork_graph::BatchNorm;
use tunefork_kernels::Precision;
use tunefork_kernels::launch::statistics::{Merge, Partials, Running};
use tunefork_reference::{Running as Moments, ops::norm};

use super::common::{step_row, tensor};
use crate::{Case, Check, Failure, Stored};

pub(super) const CHECKS: &[Check] = &[
    Check { name: "statistics/of_a_tensor", run: of_a_tensor },
    Check { name: "statistics/merge", run: merge },
    Check { name: "statistics/running", run: running },
];

const F32: Precision = Precision::F32;
/// Error of a deviation: a mean that is 16 deviations large is rounded in the last place.
const BESIDE_MEAN: f64 = 3e-6;

/// Mean and biased variance of each channel.
pub(super) fn moments(x: &[f64], channels: usize) -> Moments {
    norm::statistics(&tensor(&[x.len() / channels, channels], x))
}

/// The channels' means, then 1 over the deviations.
pub(super) fn merged(statistics: &Moments) -> Vec<f64> {
    statistics.mean.iter().copied().chain(norm::rstd(statistics)).collect()
}

/// What the device has is mean and rstd, and the running values, of the real positions.
fn check_merged(case: &mut Case, merge: &Merge, rows: usize, x: &[f64], partials: &Stored) -> Result<(), Failure> {
    let k = merge.channels;
    let positions = rows * merge.per_image;
    let batch = moments(&x[..positions * k], k);
    let (mut running_mean, mut running_variance) = (case.values(k), case.values(k));
    running_variance.iter_mut().for_each(|v| *v = v.abs());
    let on_mean = Stored::new(case, F32, &mut running_mean)?;
    let on_variance = Stored::new(case, F32, &mut running_variance)?;
    let statistics = Stored::poisoned(case, F32, 2 * k)?;
    let row = step_row(case, rows)?;
    merge.run(
        &*case.stream,
        row.all(),
        partials.span().cast(),
        statistics.span().cast(),
        Some((on_mean.span().cast(), on_variance.span().cast())),
    )?;
    let running = Moments { mean: running_mean.into(), variance: running_variance.into() };
    let running = norm::update(&running, &batch, positions);
    let expected = merged(&batch);
    let found = statistics.read(case)?;
    case.compare("mean", &found[..k], &expected[..k], F32, 1e-6)?;
    if case.is_whole() {
        // The variance is exact, and the root is the nearest one.
        let rstd = |variance: &f64| f64::from(1.0 / (*variance as f32 + BatchNorm::EPSILON as f32).sqrt());
        let expected: Vec<f64> = batch.variance.iter().map(rstd).collect();
        return case.equal("rstd", &found[k..], &expected);
    }
    case.close("rstd", &found[k..], &expected[k..], BESIDE_MEAN)?;
    let found = on_mean.read(case)?;
    case.close("running mean", &found, &running.mean.to_vec(), 1e-6)?;
    // One value has no deviation.
    if positions > 1 {
        let found = on_variance.read(case)?;
        case.close("running variance", &found, &running.variance.to_vec(), BESIDE_MEAN)?;
    }
    Ok(())
}

/// Values on both sides of a mean that is large against their deviation, and NaN behind the real
/// images.
fn values(case: &mut Case, rows: usize, batch: usize, per_image: usize, channels: usize) -> Vec<f64> {
    let offsets = case.values(channels);
    let mut x = case.values(batch * per_image * channels);
    if case.is_whole() {
        x[rows * per_image * channels..].fill(f64::NAN);
        return x;
    }
    for (e, x) in x.iter_mut().enumerate() {
        let side = [0.5, -0.5][e / channels % 2];
        *x = f64::from((8.0 * offsets[e % channels] + side * (1.0 + x.abs())) as f32);
        if e >= rows * per_image * channels {
            *x = f64::NAN;
        }
    }
    x
}

/// Partials of a stored tensor, merged.
pub(super) fn of_a_tensor(case: &mut Case) -> Result<(), Failure> {
    for precision in [Precision::F32, Precision::F16, Precision::Bf16] {
        let batch = case.between(1, 5);
        // Of powers of two of positions, in tiles of as many, means are exact.
        let (rows, per_image, channels) = match case.is_whole() {
            true => (1 << batch.ilog2(), case.one_of(&[1, 2, 32, 128]), case.one_of(&[1, 8, 64])),
            false => (
                case.between(1, batch),
                case.one_of(&[1, 2, 7, 31, 49, 121]),
                case.one_of(&[1, 3, 8, 10, 17, 24, 64, 67, 72]),
            ),
        };
        let mut x = values(case, rows, batch, per_image, channels);
        let on_x = Stored::new(case, precision, &mut x)?;
        let shape = Partials { positions: batch * per_image, per_image, channels, precision };
        let partials = Stored::poisoned(case, F32, shape.len())?;
        let row = step_row(case, rows)?;
        shape.run(&*case.stream, row.all(), on_x.span(), partials.span().cast())?;
        let merge = Merge { channels, per_image, batch, positions_per_tile: shape.positions_per_tile() };
        check_merged(case, &merge, rows, &x, &partials)?;
    }
    Ok(())
}

/// Partials as a convolution would leave them, also so many tiles that two launches are needed.
fn merge(case: &mut Case) -> Result<(), Failure> {
    for _ in 0..2 {
        let batch = case.between(1, 5);
        let rows = case.between(1, batch);
        let per_image = case.one_of(&[1, 2, 49, 300, 1031]);
        let channels = case.one_of(&[1, 3, 8, 13]);
        let merge = Merge { channels, per_image, batch, positions_per_tile: case.one_of(&[1, 2, 16, 128]) };
        let x = values(case, rows, batch, per_image, channels);
        let (t, tiles) = (merge.positions_per_tile, merge.tiles());
        let mut partials = vec![f64::NAN; merge.partials_len()];
        for (tile, x) in x[..rows * per_image * channels].chunks(t * channels).enumerate() {
            let Moments { mean, variance } = moments(x, channels);
            let count = (x.len() / channels) as f64;
            for c in 0..channels {
                partials[tile * channels + c] = mean[c];
                partials[(tiles + tile) * channels + c] = variance[c] * count;
            }
        }
        let partials = Stored::new(case, F32, &mut partials)?;
        check_merged(case, &merge, rows, &x, &partials)?;
    }
    Ok(())
}

fn running(case: &mut Case) -> Result<(), Failure> {
    let channels = case.between(1, 300);
    let (mut mean, mut variance) = (case.values(channels), case.values(channels));
    variance.iter_mut().for_each(|v| *v = v.abs());
    let on_mean = Stored::new(case, F32, &mut mean)?;
    let on_variance = Stored::new(case, F32, &mut variance)?;
    let statistics = Stored::poisoned(case, F32, 2 * channels)?;
    Running { channels }.run(
        &*case.stream,
        on_mean.span().cast(),
        on_variance.span().cast(),
        statistics.span().cast(),
    )?;
    let expected = merged(&Moments { mean: mean.into(), variance: variance.into() });
    let found = statistics.read(case)?;
    case.close("statistics", &found, &expected, 1e-6)
}
