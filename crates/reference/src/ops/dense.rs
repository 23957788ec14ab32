//! Dense layers: x `[N, in]`, weights `[in, out]`, y `[N, out]`.

use super::rows;
use crate::Tensor;

/// y = x W + b.
pub fn forward(x: &Tensor, weights: &Tensor, bias: Option<&Tensor>) -> Tensor {
    let mut y = rows(x).dot(&rows(weights)).into_dyn();
    if let Some(bias) = bias {
        y += bias;
    }
    y
}

/// dx = dy Wᵀ.
pub fn input_gradient(weights: &Tensor, dy: &Tensor) -> Tensor {
    rows(dy).dot(&rows(weights).t()).into_dyn()
}

/// dW = xᵀ dy.
pub fn weight_gradient(x: &Tensor, dy: &Tensor) -> Tensor {
    rows(x).t().dot(&rows(dy)).into_dyn()
}
