//! Functions of single values.

use tunefork_graph::Activation;

use crate::Tensor;

/// The activation of each value.
pub fn forward(activation: Activation, x: &Tensor) -> Tensor {
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

/// The derivative times `dy`, from what [`Activation::derivative_follows_from_result`] says: the result y, or x.
pub fn gradient(activation: Activation, given: &Tensor, dy: &Tensor) -> Tensor {
    let mut dx = given.mapv(|at| match activation {
        Activation::Relu => f64::from(u8::from(at > 0.0)),
        Activation::LeakyRelu => {
            if at > 0.0 {
                1.0
            } else {
                Activation::LEAKY_SLOPE
            }
        }
        Activation::Tanh => 1.0 - at * at,
        Activation::Sigmoid => at * (1.0 - at),
    });
    dx *= dy;
    dx
}

/// Where the derivative jumps.
pub(crate) fn kinks(activation: Activation) -> &'static [f64] {
    match activation {
        Activation::Relu | Activation::LeakyRelu => &[0.0],
        Activation::Tanh | Activation::Sigmoid => &[],
    }
}
