//! Functions of single values.

use tunefork_graph::Activation;

use crate::Tensor;

pub(crate) fn forward(activation: Activation, x: &Tensor) -> Tensor {
    x.mapv(|x| match activation {
        // NaN stays NaN.
        Activation::Relu => {
            if x <= 0.0 {
                0.0
            } else {
                x
            }
        }
        Activation::LeakyRelu => {
            if x > 0.0 {
                x
            } else {
                x * Activation::LEAKY_SLOPE
            }
        }
        Activation::Tanh => libm::tanh(x),
        Activation::Sigmoid => 1.0 / (1.0 + libm::exp(-x)),
    })
}

/// The derivative from the result, times `dy`.
pub(crate) fn gradient(activation: Activation, y: &Tensor, dy: &Tensor) -> Tensor {
    let mut dx = y.mapv(|y| match activation {
        Activation::Relu => f64::from(u8::from(y > 0.0)),
        Activation::LeakyRelu => {
            if y > 0.0 {
                1.0
            } else {
                Activation::LEAKY_SLOPE
            }
        }
        Activation::Tanh => 1.0 - y * y,
        Activation::Sigmoid => y * (1.0 - y),
    });
    dx *= dy;
    dx
}
