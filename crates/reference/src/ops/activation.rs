//! Functions of single values.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, PI};

use tunefork_graph::Activation;

use crate::Tensor;

/// Of the argument of the hyperbolic tangent in the approximation of GELU: sqrt(2 / pi), and the weight of the cube.
const GELU_SCALE: f64 = FRAC_2_SQRT_PI * FRAC_1_SQRT_2;
const GELU_CUBE: f64 = 0.044_715;

/// ln(1 + e^x).
fn softplus(x: f64) -> f64 {
    x.max(0.0) + libm::log1p(libm::exp(-x.abs()))
}

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
        Activation::Gelu => 0.5 * x * libm::erfc(-x * FRAC_1_SQRT_2),
        Activation::GeluTanh => 0.5 * x * (1.0 + libm::tanh(GELU_SCALE * (x + GELU_CUBE * x * x * x))),
        Activation::Silu => x / (1.0 + libm::exp(-x)),
        Activation::Mish => x * libm::tanh(softplus(x)),
        Activation::Elu => {
            if x > 0.0 {
                x
            } else {
                libm::expm1(x)
            }
        }
        Activation::HardSwish => x * (x + 3.0).clamp(0.0, 6.0) / 6.0,
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
        Activation::Gelu => {
            let density = libm::exp(-0.5 * at * at) / (2.0 * PI).sqrt();
            0.5 * libm::erfc(-at * FRAC_1_SQRT_2) + at * density
        }
        Activation::GeluTanh => {
            let t = libm::tanh(GELU_SCALE * (at + GELU_CUBE * at * at * at));
            0.5 * (1.0 + t) + 0.5 * at * (1.0 - t * t) * GELU_SCALE * (1.0 + 3.0 * GELU_CUBE * at * at)
        }
        Activation::Silu => {
            let s = 1.0 / (1.0 + libm::exp(-at));
            s * (1.0 + at * (1.0 - s))
        }
        Activation::Mish => {
            let t = libm::tanh(softplus(at));
            t + at * (1.0 - t * t) / (1.0 + libm::exp(-at))
        }
        Activation::Elu => {
            if at > 0.0 {
                1.0
            } else {
                at + 1.0
            }
        }
        Activation::HardSwish => {
            if at <= -3.0 {
                0.0
            } else if at < 3.0 {
                at / 3.0 + 0.5
            } else {
                1.0
            }
        }
    });
    dx *= dy;
    dx
}

/// Where the derivative jumps.
pub(crate) fn kinks(activation: Activation) -> &'static [f64] {
    match activation {
        Activation::Relu | Activation::LeakyRelu => &[0.0],
        Activation::Tanh
        | Activation::Sigmoid
        | Activation::Gelu
        | Activation::GeluTanh
        | Activation::Silu
        | Activation::Mish
        | Activation::Elu => &[],
        Activation::HardSwish => &[-3.0, 3.0],
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array1;

    use super::*;

    /// Each line of golden/activations.txt: a name, `x`, `value` or `derivative`, and numbers.
    #[test]
    fn every_activation_follows_its_formula() {
        let golden = include_str!("../../tests/golden/activations.txt");
        let numbers = |name: &str, what: &str| {
            let line = golden.lines().find_map(|line| line.strip_prefix(&format!("{name} {what} ")));
            let line = line.unwrap_or_else(|| panic!("no {what} of {name}: run activations.py again"));
            Array1::from_iter(line.split(' ').map(|number| number.parse::<f64>().unwrap())).into_dyn()
        };
        let close = |name: &str, got: &Tensor, expected: &Tensor| {
            for (got, expected) in got.iter().zip(expected) {
                assert!((got - expected).abs() <= 1e-13 * (1.0 + expected.abs()), "{name}: {got}, not {expected}");
            }
        };
        for &activation in Activation::ALL {
            let name = activation.name();
            let x = numbers(name, "x");
            let value = forward(activation, &x);
            close(name, &value, &numbers(name, "value"));
            let given = if activation.derivative_follows_from_result() { &value } else { &x };
            let derivative = gradient(activation, given, &Tensor::ones(x.raw_dim()));
            close(name, &derivative, &numbers(name, "derivative"));
        }
    }
}
