//! Normalisation of each image by groups of neighbouring channels, over m values each.

use ndarray::{Array4, ArrayView4, Axis, Ix4, concatenate};
use tunefork_graph::BatchNorm;

use super::bias_gradient;
use crate::Tensor;

/// Of each image the means of its groups, then their 1 / sqrt(variance + eps): `[N, 2, groups, 1]`.
pub fn statistics(x: &Tensor, groups: usize) -> Tensor {
    let x = divided(x, groups);
    let means = mean(&x);
    let variances = mean(&(&x - &means).mapv(|d| d * d));
    let rstds = variances.mapv(|variance| 1.0 / (variance + BatchNorm::EPSILON).sqrt());
    concatenate![Axis(1), means, rstds].into_dyn()
}

/// gamma (x - mean) rstd + beta.
pub fn forward(x: &Tensor, scale: &Tensor, shift: &Tensor, statistics: &Tensor) -> Tensor {
    normalised(x, statistics) * scale + shift
}

/// With h = gamma g: dx = rstd (h - sum(h)/m - xhat sum(h xhat)/m).
pub fn input_gradient(x: &Tensor, scale: &Tensor, dy: &Tensor, statistics: &Tensor) -> Tensor {
    let groups = statistics.shape()[2];
    let xhat = divided(&normalised(x, statistics), groups);
    let h = divided(&(dy * scale), groups);
    let [_, rstds] = means_and_rstds(statistics);
    shaped_as(x, (&h - &mean(&h) - &xhat * &mean(&(&h * &xhat))) * rstds)
}

/// sum(g xhat).
pub fn scale_gradient(x: &Tensor, dy: &Tensor, statistics: &Tensor) -> Tensor {
    bias_gradient(&(normalised(x, statistics) * dy))
}

fn normalised(x: &Tensor, statistics: &Tensor) -> Tensor {
    let [means, rstds] = means_and_rstds(statistics);
    shaped_as(x, (divided(x, statistics.shape()[2]) - means) * rstds)
}

fn means_and_rstds(statistics: &Tensor) -> [ArrayView4<'_, f64>; 2] {
    let statistics = statistics.view().into_dimensionality::<Ix4>().expect("statistics have four axes");
    let (means, rstds) = statistics.split_at(Axis(1), 1);
    [means, rstds]
}

/// `[N, pixels, groups, channels of a group]`.
fn divided(x: &Tensor, groups: usize) -> Array4<f64> {
    let (images, channels) = (x.shape()[0], x.shape()[x.ndim() - 1]);
    let sizes = (images, x.len() / images / channels, groups, channels / groups);
    let x = x.as_standard_layout().into_owned();
    x.into_shape_with_order(sizes).expect("the graph was checked: groups of one size")
}

fn shaped_as(x: &Tensor, values: Array4<f64>) -> Tensor {
    let values = values.as_standard_layout().into_owned();
    values.into_shape_with_order(x.raw_dim()).expect("as many values as x has")
}

/// The mean of each image and group, `[N, 1, groups, 1]`.
fn mean(x: &Array4<f64>) -> Array4<f64> {
    let values = (x.shape()[1] * x.shape()[3]) as f64;
    let sums = x.sum_axis(Axis(3)).sum_axis(Axis(1));
    sums.insert_axis(Axis(1)).insert_axis(Axis(3)) / values
}
