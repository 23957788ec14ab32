//! Batch normalisation by channel, over m values each.

use ndarray::{Array1, Axis};
use tunefork_graph::BatchNorm;

use super::{bias_gradient, rows};
use crate::{Running, Tensor};

/// Mean and biased variance of each channel.
pub fn statistics(x: &Tensor) -> Running {
    let x = rows(x);
    let mean = x.sum_axis(Axis(0)) / x.nrows() as f64;
    let variance = (&x - &mean).mapv(|d| d * d).sum_axis(Axis(0)) / x.nrows() as f64;
    Running { mean, variance }
}

/// The running statistics after a batch: they take the unbiased variance.
pub fn update(running: &Running, batch: &Running, values: usize) -> Running {
    let m = values as f64;
    let mix = |old: &Array1<f64>, new: Array1<f64>| old * (1.0 - BatchNorm::MOMENTUM) + new * BatchNorm::MOMENTUM;
    Running {
        mean: mix(&running.mean, batch.mean.clone()),
        variance: mix(&running.variance, &batch.variance * (m / (m - 1.0))),
    }
}

/// gamma (x - mean) / sqrt(variance + eps) + beta.
pub fn forward(x: &Tensor, scale: &Tensor, shift: &Tensor, statistics: &Running) -> Tensor {
    normalised(x, statistics) * scale + shift
}

/// dbeta = sum(g); dgamma = sum(g xhat); dx = gamma rstd (g - dbeta/m - xhat dgamma/m).
pub fn input_gradient(x: &Tensor, scale: &Tensor, dy: &Tensor, statistics: &Running) -> Tensor {
    let m = (x.len() / scale.len()) as f64;
    let xhat = normalised(x, statistics);
    let inner = dy - bias_gradient(dy) / m - xhat * (scale_gradient(x, dy, statistics) / m);
    inner * (scale * rstd(statistics).into_dyn())
}

/// sum(g xhat).
pub fn scale_gradient(x: &Tensor, dy: &Tensor, statistics: &Running) -> Tensor {
    bias_gradient(&(normalised(x, statistics) * dy))
}

/// 1 / sqrt(variance + eps).
pub fn rstd(statistics: &Running) -> Array1<f64> {
    statistics.variance.mapv(|variance| 1.0 / (variance + BatchNorm::EPSILON).sqrt())
}

fn normalised(x: &Tensor, statistics: &Running) -> Tensor {
    (x - &statistics.mean) * rstd(statistics)
}
