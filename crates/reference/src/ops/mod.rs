//! Each operation and its gradients, by the formulae as they are written down.

pub mod activation;
pub mod conv;
pub mod dense;
pub mod dropout;
pub mod group_norm;
pub mod loss;
pub mod norm;
pub mod pool;

use ndarray::{Array2, ArrayView4, Ix4};

use crate::Tensor;

/// A tensor as images.
pub(crate) fn images(x: &Tensor) -> ArrayView4<'_, f64> {
    x.view().into_dimensionality::<Ix4>().expect("the graph was checked: a tensor of four axes")
}

/// A tensor as rows of its last axis.
pub(crate) fn rows(x: &Tensor) -> Array2<f64> {
    let columns = *x.shape().last().expect("the graph was checked: a tensor with axes");
    let flat = x.iter().copied().collect();
    Array2::from_shape_vec((x.len() / columns.max(1), columns), flat).expect("the sizes multiply to the length")
}

/// The pixel under row (or column) `r` of a window at position `p`; `None` in the padding.
pub(crate) fn pixel(window: tunefork_graph::Window, p: usize, r: usize, size: usize) -> Option<usize> {
    (p * window.stride + r).checked_sub(window.padding).filter(|&pixel| pixel < size)
}

/// Sum over all axes but the last: the gradient by a bias.
pub fn bias_gradient(dy: &Tensor) -> Tensor {
    rows(dy).sum_axis(ndarray::Axis(0)).into_dyn()
}
