//! `kernels/statistics.cu`.

use tunefork_graph::BatchNorm;
use tunefork_kernels::launch::statistics::{OfTensor, Statistics};
use tunefork_kernels::{DeviceMemory, Precision};
use tunefork_reference::{Running as Moments, ops::norm};

use super::common::{check_counters, counters, step_row, tensor};
use crate::stored::FORMATS;
use crate::{Case, Check, Failure, Stored};

pub(super) const CHECKS: &[Check] = &[
    Check { name: "statistics/of_a_tensor", run: of_a_tensor },
    Check { name: "statistics/of_many_tiles", run: of_many_tiles },
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

/// The statistics of a launch on the device, and the running values that it moves.
pub(super) struct OnDevice {
    partials: Stored,
    statistics: Stored,
    running: [Stored; 2],
    before: Moments,
    counters: DeviceMemory,
}

impl OnDevice {
    pub(super) fn new(case: &mut Case, partials: usize, channels: usize) -> Result<Self, Failure> {
        let (mut mean, mut variance) = (case.values(channels), case.values(channels));
        variance.iter_mut().for_each(|v| *v = v.abs());
        Ok(Self {
            partials: Stored::poisoned(case, F32, partials)?,
            statistics: Stored::poisoned(case, F32, 2 * channels)?,
            running: [Stored::new(case, F32, &mut mean)?, Stored::new(case, F32, &mut variance)?],
            before: Moments { mean: mean.into(), variance: variance.into() },
            counters: counters(case)?,
        })
    }

    /// What a launcher is given.
    pub(super) fn spans(&self) -> Statistics<'_> {
        Statistics {
            partials: self.partials.span().cast(),
            statistics: self.statistics.span().cast(),
            running: Some(self.running.each_ref().map(|values| values.span().cast())),
            counters: self.counters.all(),
        }
    }

    /// Means and deviations where means and variances are exact: the root is then the nearest one.
    fn check_exact(&self, case: &mut Case, what: &str, x: &[f64], channels: usize) -> Result<(), Failure> {
        let batch = moments(x, channels);
        let rstd = |variance: &f64| f64::from(1.0 / (*variance as f32 + BatchNorm::EPSILON as f32).sqrt());
        let expected: Vec<f64> = batch.mean.iter().copied().chain(batch.variance.iter().map(rstd)).collect();
        let found = self.statistics.read(case)?;
        case.equal(&format!("{what}: mean and rstd"), &found, &expected)
    }

    /// Mean, deviation and running values of the real values `x`, up to `limit` beside what they may be at best.
    pub(super) fn check(
        &self,
        case: &mut Case,
        what: &str,
        x: &[f64],
        channels: usize,
        limit: f64,
    ) -> Result<(), Failure> {
        let batch = moments(x, channels);
        let positions = x.len() / channels;
        let expected = merged(&batch);
        let found = self.statistics.read(case)?;
        // Beside the deviation: a mean may be small against what it is the mean of.
        let deviations = |rstd: &[f64]| rstd.iter().map(|rstd| 1.0 / rstd).collect::<Vec<f64>>();
        let beside = |values: &[f64]| [&values[..channels], &deviations(&values[channels..])].concat();
        case.close(&format!("{what}: mean and deviation"), &beside(&found), &beside(&expected), limit)?;
        let after = norm::update(&self.before, &batch, positions);
        let found = self.running[0].read(case)?;
        case.close(&format!("{what}: running mean"), &found, &after.mean.to_vec(), limit)?;
        // One value has no deviation.
        let found = self.running[1].read(case)?;
        if positions > 1 {
            case.close(&format!("{what}: running variance"), &found, &after.variance.to_vec(), limit)?;
        }
        check_counters(case, &self.counters)
    }
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

/// A stored tensor of so many rows of so many images.
fn check(case: &mut Case, shape: OfTensor, rows: usize) -> Result<(), Failure> {
    let OfTensor { positions, per_image, channels, precision } = shape;
    let mut x = values(case, rows, positions / per_image, per_image, channels);
    let on_x = Stored::new(case, precision, &mut x)?;
    let on_device = OnDevice::new(case, shape.partials_len(), channels)?;
    let row = step_row(case, rows)?;
    shape.run(&*case.stream, row.all(), on_x.span(), on_device.spans())?;
    let real = &x[..rows * per_image * channels];
    let what = format!("{shape:?}, {rows} rows");
    if case.is_whole() {
        on_device.check_exact(case, &what, real, channels)?;
    }
    on_device.check(case, &what, real, channels, BESIDE_MEAN)
}

pub(super) fn of_a_tensor(case: &mut Case) -> Result<(), Failure> {
    for precision in FORMATS {
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
        check(case, OfTensor { positions: batch * per_image, per_image, channels, precision }, rows)?;
    }
    Ok(())
}

/// So many tiles that they are merged in groups, with channels that a block shares with others or has alone.
fn of_many_tiles(case: &mut Case) -> Result<(), Failure> {
    let rows = case.between(1, 3);
    let (per_image, channels) = case.one_of(&[(211, 512), (530, 260), (2051, 64), (5003, 1)]);
    check(case, OfTensor { positions: 3 * per_image, per_image, channels, precision: F32 }, rows)
}
