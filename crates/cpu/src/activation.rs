//! Activations of vectors and their slopes.

use tunefork_graph::Activation;
use tunefork_simd::{Isa, MAX_LANES, Simd, dispatch, math};

/// A function of each value.
pub(crate) trait Function: Copy {
    /// Whether f'(z) is taken from f(z), not from z.
    fn follows_from_result(self) -> bool;
    /// f(z)
    fn value<S: Simd>(self, simd: S, z: S::Vector) -> S::Vector;
    /// `gradient` times f'(z), from `given`: f(z) or z.
    fn slope<S: Simd>(self, simd: S, given: S::Vector, gradient: S::Vector) -> S::Vector;

    /// `gradient` times f'(z), from z.
    #[inline(always)]
    fn slope_at<S: Simd>(self, simd: S, z: S::Vector, gradient: S::Vector) -> S::Vector {
        let given = if self.follows_from_result() { self.value(simd, z) } else { z };
        self.slope(simd, given, gradient)
    }
}

/// f(z) = z
#[derive(Clone, Copy)]
pub(crate) struct Identity;
/// max(z, 0)
#[derive(Clone, Copy)]
pub(crate) struct Relu;
/// z where z > 0, else 0.01 z
#[derive(Clone, Copy)]
pub(crate) struct LeakyRelu;
/// The hyperbolic tangent.
#[derive(Clone, Copy)]
pub(crate) struct Tanh;
/// The logistic function.
#[derive(Clone, Copy)]
pub(crate) struct Sigmoid;

impl Function for Identity {
    #[inline(always)]
    fn follows_from_result(self) -> bool {
        true
    }

    #[inline(always)]
    fn value<S: Simd>(self, _: S, z: S::Vector) -> S::Vector {
        z
    }

    #[inline(always)]
    fn slope<S: Simd>(self, _: S, _: S::Vector, gradient: S::Vector) -> S::Vector {
        gradient
    }
}

impl Function for Relu {
    #[inline(always)]
    fn follows_from_result(self) -> bool {
        Activation::Relu.derivative_follows_from_result()
    }

    #[inline(always)]
    fn value<S: Simd>(self, simd: S, z: S::Vector) -> S::Vector {
        simd.max(simd.splat(0.0), z) // in this order NaN stays NaN
    }

    #[inline(always)]
    fn slope<S: Simd>(self, simd: S, result: S::Vector, gradient: S::Vector) -> S::Vector {
        let zero = simd.splat(0.0);
        simd.select(simd.greater(result, zero), gradient, zero)
    }
}

impl Function for LeakyRelu {
    #[inline(always)]
    fn follows_from_result(self) -> bool {
        Activation::LeakyRelu.derivative_follows_from_result()
    }

    #[inline(always)]
    fn value<S: Simd>(self, simd: S, z: S::Vector) -> S::Vector {
        self.slope(simd, z, z)
    }

    #[inline(always)]
    fn slope<S: Simd>(self, simd: S, result: S::Vector, gradient: S::Vector) -> S::Vector {
        let small = simd.mul(gradient, simd.splat(Activation::LEAKY_SLOPE as f32));
        simd.select(simd.greater(result, simd.splat(0.0)), gradient, small)
    }
}

impl Function for Tanh {
    #[inline(always)]
    fn follows_from_result(self) -> bool {
        Activation::Tanh.derivative_follows_from_result()
    }

    #[inline(always)]
    fn value<S: Simd>(self, simd: S, z: S::Vector) -> S::Vector {
        simd.map(z, math::tanh)
    }

    #[inline(always)]
    fn slope<S: Simd>(self, simd: S, result: S::Vector, gradient: S::Vector) -> S::Vector {
        let square = simd.mul(result, result);
        simd.mul(gradient, simd.sub(simd.splat(1.0), square))
    }
}

impl Function for Sigmoid {
    #[inline(always)]
    fn follows_from_result(self) -> bool {
        Activation::Sigmoid.derivative_follows_from_result()
    }

    #[inline(always)]
    fn value<S: Simd>(self, simd: S, z: S::Vector) -> S::Vector {
        simd.map(z, math::sigmoid)
    }

    #[inline(always)]
    fn slope<S: Simd>(self, simd: S, result: S::Vector, gradient: S::Vector) -> S::Vector {
        let rest = simd.sub(simd.splat(1.0), result);
        simd.mul(gradient, simd.mul(result, rest))
    }
}

/// A function whose value takes longer than a call: it stands once for each instruction set, where the others stand in
/// every loop. With all functions in all loops this crate took twice as long to compile.
#[derive(Clone, Copy)]
pub(crate) struct Long {
    pub function: LongFunction,
    pub isa: Isa,
}

impl Function for Long {
    #[inline(always)]
    fn follows_from_result(self) -> bool {
        self.function.follows_from_result
    }

    #[inline(always)]
    fn value<S: Simd>(self, simd: S, z: S::Vector) -> S::Vector {
        self.of_each(simd, self.function.values, z)
    }

    #[inline(always)]
    fn slope<S: Simd>(self, simd: S, given: S::Vector, gradient: S::Vector) -> S::Vector {
        simd.mul(gradient, self.of_each(simd, self.function.slopes, given))
    }
}

impl Long {
    #[inline(always)]
    fn of_each<S: Simd>(self, simd: S, function: fn(Isa, &mut [f32]), vector: S::Vector) -> S::Vector {
        let mut values = [0.0; MAX_LANES];
        let values = &mut values[..S::LANES];
        simd.store(vector, values);
        function(self.isa, values);
        simd.load(values)
    }
}

/// Value and slope of a long function, each in place of the values of one vector.
#[derive(Clone, Copy)]
pub(crate) struct LongFunction {
    follows_from_result: bool,
    values: fn(Isa, &mut [f32]),
    slopes: fn(Isa, &mut [f32]),
}

/// Functions whose value and slope are both written for a single z; the compiler makes vectors of them.
macro_rules! from_single_values {
    ($($(#[$doc:meta])* $NAME:ident = $Activation:ident { value: $value:expr, slope: $slope:expr })*) => {$(
        $(#[$doc])*
        pub(crate) const $NAME: LongFunction = {
            dispatch! {
                #[inline(never)]
                fn values<S>(simd: S, values: &mut [f32]) {
                    let result = simd.map(simd.load_partial(values), $value);
                    simd.store_partial(result, values);
                }

                #[inline(never)]
                fn slopes<S>(simd: S, values: &mut [f32]) {
                    let result = simd.map(simd.load_partial(values), $slope);
                    simd.store_partial(result, values);
                }
            }
            let follows_from_result = Activation::$Activation.derivative_follows_from_result();
            LongFunction { follows_from_result, values, slopes }
        };
    )*};
}

from_single_values! {
    /// z where z > 0, else e^z - 1 = 2 t / (1 - t) with t = tanh(z / 2), which is exact near 0.
    ELU = Elu {
        value: |z: f32| {
            let t = math::tanh(0.5 * z);
            if z > 0.0 { z } else { 2.0 * t / (1.0 - t) }
        },
        slope: |result: f32| if result > 0.0 { 1.0 } else { result + 1.0 }
    }

    /// z times the share of the standard normal distribution below z.
    GELU = Gelu {
        value: |z: f32| z * math::normal_cdf(z),
        slope: |z: f32| {
            let density = math::exp(-0.5 * z * z) * 0.398_942_3; // 1 / sqrt(2 pi)
            math::normal_cdf(z) + z * density
        }
    }

    /// z s(2 sqrt(2 / pi) (z + 0.044715 z^3)), with the logistic function s for (1 + tanh) / 2.
    GELU_TANH = GeluTanh {
        value: |z: f32| z * math::sigmoid(z * (1.595_769 + 0.071_354_82 * z * z)),
        slope: |z: f32| {
            let s = math::sigmoid(z * (1.595_769 + 0.071_354_82 * z * z));
            s + z * (s * (1.0 - s)) * (1.595_769 + 0.214_064_46 * z * z)
        }
    }

    /// z times the logistic function of z.
    SILU = Silu {
        value: |z: f32| z * math::sigmoid(z),
        slope: |z: f32| {
            let s = math::sigmoid(z);
            s + z * (s * (1.0 - s))
        }
    }

    /// z tanh(ln(1 + e^z)) = z n / (n + 2) with n = e^z (e^z + 2).
    MISH = Mish {
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
    HARD_SWISH = HardSwish {
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

/// Evaluates an expression with `$f` standing for the [`Function`] of an `Option<Activation>`.
macro_rules! with_activation {
    ($simd:expr, $activation:expr, $f:ident => $body:expr) => {{
        use tunefork_graph::Activation;
        use $crate::activation::{self, Long};
        macro_rules! short {
            ($Function:ident) => {{
                let $f = activation::$Function;
                $body
            }};
        }
        let long = match $activation {
            None => return short!(Identity),
            Some(Activation::Relu) => return short!(Relu),
            Some(Activation::LeakyRelu) => return short!(LeakyRelu),
            Some(Activation::Tanh) => return short!(Tanh),
            Some(Activation::Sigmoid) => return short!(Sigmoid),
            Some(Activation::Gelu) => activation::GELU,
            Some(Activation::GeluTanh) => activation::GELU_TANH,
            Some(Activation::Silu) => activation::SILU,
            Some(Activation::Mish) => activation::MISH,
            Some(Activation::Elu) => activation::ELU,
            Some(Activation::HardSwish) => activation::HARD_SWISH,
        };
        let $f = Long { function: long, isa: $simd.isa() };
        $body
    }};
}
pub(crate) use with_activation;
