//! Activations of vectors and their slopes.

use tunefork_graph::Activation;
use tunefork_simd::{Simd, math};

/// A function of each value.
pub(crate) trait Function {
    /// Whether f'(z) is taken from f(z), not from z.
    const FROM_RESULT: bool;
    /// f(z)
    fn value<S: Simd>(simd: S, z: S::Vector) -> S::Vector;
    /// `gradient` times f'(z), from `given`: f(z) or z.
    fn slope<S: Simd>(simd: S, given: S::Vector, gradient: S::Vector) -> S::Vector;

    /// `gradient` times f'(z), from z.
    #[inline(always)]
    fn slope_at<S: Simd>(simd: S, z: S::Vector, gradient: S::Vector) -> S::Vector {
        let given = if Self::FROM_RESULT { Self::value(simd, z) } else { z };
        Self::slope(simd, given, gradient)
    }
}

/// f(z) = z
pub(crate) struct Identity;
/// max(z, 0)
pub(crate) struct Relu;
/// z where z > 0, else 0.01 z
pub(crate) struct LeakyRelu;
/// The hyperbolic tangent.
pub(crate) struct Tanh;
/// The logistic function.
pub(crate) struct Sigmoid;

impl Function for Identity {
    const FROM_RESULT: bool = true;

    #[inline(always)]
    fn value<S: Simd>(_: S, z: S::Vector) -> S::Vector {
        z
    }

    #[inline(always)]
    fn slope<S: Simd>(_: S, _: S::Vector, gradient: S::Vector) -> S::Vector {
        gradient
    }
}

impl Function for Relu {
    const FROM_RESULT: bool = Activation::Relu.derivative_follows_from_result();

    #[inline(always)]
    fn value<S: Simd>(simd: S, z: S::Vector) -> S::Vector {
        simd.max(simd.splat(0.0), z) // in this order NaN stays NaN
    }

    #[inline(always)]
    fn slope<S: Simd>(simd: S, result: S::Vector, gradient: S::Vector) -> S::Vector {
        let zero = simd.splat(0.0);
        simd.select(simd.greater(result, zero), gradient, zero)
    }
}

impl Function for LeakyRelu {
    const FROM_RESULT: bool = Activation::LeakyRelu.derivative_follows_from_result();

    #[inline(always)]
    fn value<S: Simd>(simd: S, z: S::Vector) -> S::Vector {
        Self::slope(simd, z, z)
    }

    #[inline(always)]
    fn slope<S: Simd>(simd: S, result: S::Vector, gradient: S::Vector) -> S::Vector {
        let small = simd.mul(gradient, simd.splat(Activation::LEAKY_SLOPE as f32));
        simd.select(simd.greater(result, simd.splat(0.0)), gradient, small)
    }
}

impl Function for Tanh {
    const FROM_RESULT: bool = Activation::Tanh.derivative_follows_from_result();

    #[inline(always)]
    fn value<S: Simd>(simd: S, z: S::Vector) -> S::Vector {
        simd.map(z, math::tanh)
    }

    #[inline(always)]
    fn slope<S: Simd>(simd: S, result: S::Vector, gradient: S::Vector) -> S::Vector {
        let square = simd.mul(result, result);
        simd.mul(gradient, simd.sub(simd.splat(1.0), square))
    }
}

impl Function for Sigmoid {
    const FROM_RESULT: bool = Activation::Sigmoid.derivative_follows_from_result();

    #[inline(always)]
    fn value<S: Simd>(simd: S, z: S::Vector) -> S::Vector {
        simd.map(z, math::sigmoid)
    }

    #[inline(always)]
    fn slope<S: Simd>(simd: S, result: S::Vector, gradient: S::Vector) -> S::Vector {
        let rest = simd.sub(simd.splat(1.0), result);
        simd.mul(gradient, simd.mul(result, rest))
    }
}

/// z where z > 0, else e^z - 1 = 2 t / (1 - t) with t = tanh(z / 2), which is exact near 0.
pub(crate) struct Elu;

impl Function for Elu {
    const FROM_RESULT: bool = Activation::Elu.derivative_follows_from_result();

    #[inline(always)]
    fn value<S: Simd>(simd: S, z: S::Vector) -> S::Vector {
        simd.map(z, |z| {
            let t = math::tanh(0.5 * z);
            if z > 0.0 { z } else { 2.0 * t / (1.0 - t) }
        })
    }

    #[inline(always)]
    fn slope<S: Simd>(simd: S, given: S::Vector, gradient: S::Vector) -> S::Vector {
        let one = simd.splat(1.0);
        let below = simd.mul(gradient, simd.add(given, one));
        simd.select(simd.greater(given, simd.splat(0.0)), gradient, below)
    }
}

/// Functions whose value and slope are both written for a single z; the compiler makes vectors of them.
macro_rules! from_single_values {
    ($($(#[$doc:meta])* $Name:ident { value: $value:expr, slope: $slope:expr })*) => {$(
        $(#[$doc])*
        pub(crate) struct $Name;

        impl Function for $Name {
            const FROM_RESULT: bool = Activation::$Name.derivative_follows_from_result();

            #[inline(always)]
            fn value<S: Simd>(simd: S, z: S::Vector) -> S::Vector {
                simd.map(z, $value)
            }

            #[inline(always)]
            fn slope<S: Simd>(simd: S, given: S::Vector, gradient: S::Vector) -> S::Vector {
                simd.mul(gradient, simd.map(given, $slope))
            }
        }
    )*};
}

from_single_values! {
    /// z times the share of the standard normal distribution below z.
    Gelu {
        value: |z: f32| z * math::normal_cdf(z),
        slope: |z: f32| {
            let density = math::exp(-0.5 * z * z) * 0.398_942_3; // 1 / sqrt(2 pi)
            math::normal_cdf(z) + z * density
        }
    }

    /// z s(2 sqrt(2 / pi) (z + 0.044715 z^3)), with the logistic function s for (1 + tanh) / 2.
    GeluTanh {
        value: |z: f32| z * math::sigmoid(z * (1.595_769 + 0.071_354_82 * z * z)),
        slope: |z: f32| {
            let s = math::sigmoid(z * (1.595_769 + 0.071_354_82 * z * z));
            s + z * (s * (1.0 - s)) * (1.595_769 + 0.214_064_46 * z * z)
        }
    }

    /// z times the logistic function of z.
    Silu {
        value: |z: f32| z * math::sigmoid(z),
        slope: |z: f32| {
            let s = math::sigmoid(z);
            s + z * (s * (1.0 - s))
        }
    }

    /// z tanh(ln(1 + e^z)) = z n / (n + 2) with n = e^z (e^z + 2).
    Mish {
        value: |z: f32| {
            let e = math::exp(if z > 20.0 { 20.0 } else { z });
            let n = e * (e + 2.0);
            z * (n / (n + 2.0))
        },
        slope: |z: f32| {
            let e = math::exp(if z > 20.0 { 20.0 } else { z });
            let n = e * (e + 2.0);
            let share = 1.0 / (n + 2.0);
            n * share + z * (4.0 * e * (1.0 + e) * share * share)
        }
    }

    /// z min(max(z + 3, 0), 6) / 6.
    HardSwish {
        value: |z: f32| {
            let raised = if z < -3.0 { 0.0 } else { z + 3.0 };
            z * (if raised > 6.0 { 6.0 } else { raised }) * (1.0 / 6.0)
        },
        slope: |z: f32| {
            let between = z * (1.0 / 3.0) + 0.5;
            let up = if z <= -3.0 { 0.0 } else { between };
            if z >= 3.0 { 1.0 } else { up }
        }
    }
}

/// Evaluates an expression with `$F` standing for the [`Function`] of an `Option<Activation>`.
macro_rules! with_activation {
    ($activation:expr, $F:ident => $body:expr) => {{
        use tunefork_graph::Activation;
        macro_rules! with {
            ($function:ident) => {{
                type $F = $crate::activation::$function;
                $body
            }};
        }
        match $activation {
            None => with!(Identity),
            Some(Activation::Relu) => with!(Relu),
            Some(Activation::LeakyRelu) => with!(LeakyRelu),
            Some(Activation::Tanh) => with!(Tanh),
            Some(Activation::Sigmoid) => with!(Sigmoid),
            Some(Activation::Gelu) => with!(Gelu),
            Some(Activation::GeluTanh) => with!(GeluTanh),
            Some(Activation::Silu) => with!(Silu),
            Some(Activation::Mish) => with!(Mish),
            Some(Activation::Elu) => with!(Elu),
            Some(Activation::HardSwish) => with!(HardSwish),
        }
    }};
}
pub(crate) use with_activation;
