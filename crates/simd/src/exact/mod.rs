//! Functions over `f64` slices with the same bits on every instruction set.
//!
//! A sampler's proposal must not depend on the machine, so nothing here fuses a multiplication with
//! an addition, calls the system's math library, or lets the order of a sum depend on the vector
//! width. Each function is one plain loop, compiled several times and chosen at run time: wider
//! vectors do the same operations on more lanes at once.
//!
//! ```
//! let mut values = [0.0, 1.0, f64::NEG_INFINITY];
//! tunefork_simd::exact::exp(&mut values);
//! // The last bit may be another one than the best, but it is the same one everywhere.
//! assert_eq!(values, [1.0, 2.7182818284590455, 0.0]);
//! ```

mod elementary;
mod normal;
mod reduce;

use crate::Isa;

/// The functions, by instruction set.
mod on {
    use super::{elementary, normal, reduce};

    crate::dispatch! {
        pub(super) fn exp<S>(_simd: S, values: &mut [f64]) {
            elementary::exp_each(values)
        }

        pub(super) fn ln<S>(_simd: S, values: &mut [f64]) {
            elementary::ln_each(values)
        }

        pub(super) fn normal_cdf<S>(_simd: S, values: &mut [f64]) {
            normal::cdf_each(values)
        }

        pub(super) fn normal_mass<S>(_simd: S, low: &mut [f64], high: &[f64]) {
            normal::mass_each(low, high)
        }

        pub(super) fn add<S>(_simd: S, sum: &mut [f64], other: &[f64]) {
            reduce::add(sum, other)
        }

        pub(super) fn subtract_half_square<S>(_simd: S, sum: &mut [f64], x: f64, centre: &[f64], scale: &[f64]) {
            reduce::subtract_half_square(sum, x, centre, scale)
        }

        pub(super) fn sum<S>(_simd: S, values: &[f64]) -> f64 {
            reduce::sum(values)
        }

        pub(super) fn log_sum_exp<S>(_simd: S, exponents: &mut [f64], weights: &[f64]) -> f64 {
            reduce::log_sum_exp(exponents, weights)
        }
    }
}

/// e^x for each element, within 1 unit in the last place; 0 below −708 (no subnormal results).
pub fn exp(values: &mut [f64]) {
    on::exp(Isa::detect(), values)
}

/// The natural logarithm of each element, within 1 unit in the last place. −∞ at 0, NaN below.
pub fn ln(values: &mut [f64]) {
    on::ln(Isa::detect(), values)
}

/// Φ(z) for each element: the probability that a standard normal number is below z. Accurate to
/// 1e-13 of the smaller of Φ(z) and 1 − Φ(z); exactly 0 below −37.
pub fn normal_cdf(values: &mut [f64]) {
    on::normal_cdf(Isa::detect(), values)
}

/// Replaces each `low` by the probability that a standard normal number lies between `low` and
/// `high`. Intervals far from 0 keep their relative accuracy (by symmetry, both ends are moved to
/// the left of 0). Elements beyond the shorter slice are left alone.
pub fn normal_mass(low: &mut [f64], high: &[f64]) {
    on::normal_mass(Isa::detect(), low, high)
}

/// Adds element by element. Elements beyond the shorter slice are left alone.
pub fn add(sum: &mut [f64], other: &[f64]) {
    on::add(Isa::detect(), sum, other)
}

/// Subtracts ½((x − centre) · scale)² from each element of `sum`: the exponents of normal
/// densities with these centres and inverse widths. All slices have the same length.
pub fn subtract_half_square(sum: &mut [f64], x: f64, centre: &[f64], scale: &[f64]) {
    on::subtract_half_square(Isa::detect(), sum, x, centre, scale)
}

/// The sum of all elements, added up in eight interleaved lanes.
pub fn sum(values: &[f64]) -> f64 {
    on::sum(Isa::detect(), values)
}

/// ln Σ weight · e^exponent, without overflow; −∞ when nothing has any weight. Both slices have
/// the same length; `exponents` is used as scratch space. Weights are finite and not negative.
pub fn log_sum_exp(exponents: &mut [f64], weights: &[f64]) -> f64 {
    on::log_sum_exp(Isa::detect(), exponents, weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Awkward lengths and values: huge, tiny, infinite, NaN, and many ordinary ones.
    fn inputs() -> Vec<Vec<f64>> {
        let special = [0.0, -0.0, 1e-310, -745.0, 709.5, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
        let value = |i: usize| match i % 23 {
            place @ 0..8 => special[place],
            place => (i as f64 * 0.7391).sin() * [0.3, 5.0, 40.0][place % 3],
        };
        (0..70).map(|length| (length..2 * length).map(value).collect()).collect()
    }

    /// Checks that a function gives the bits of the portable one on every instruction set.
    fn check(run: impl Fn(Isa, &[f64]) -> Vec<f64>) {
        // Any NaN will do: which one comes out is not specified.
        let bits = |x: f64| if x.is_nan() { u64::MAX } else { x.to_bits() };
        for input in inputs() {
            let run = |isa| run(isa, &input).into_iter().map(bits).collect::<Vec<u64>>();
            let expected = run(Isa::PORTABLE);
            for isa in Isa::available() {
                assert_eq!(run(isa), expected, "{isa} on {input:?}");
            }
        }
    }

    #[test]
    fn instruction_sets_agree_to_the_bit() {
        for each in [on::exp, on::ln, on::normal_cdf] {
            check(|isa, input| {
                let mut values = input.to_vec();
                each(isa, &mut values);
                values
            });
        }
        let reversed = |input: &[f64]| input.iter().rev().copied().collect::<Vec<f64>>();
        for both in [on::normal_mass, on::add] {
            check(|isa, input| {
                let mut values = input.to_vec();
                both(isa, &mut values, &reversed(input));
                values
            });
        }
        check(|isa, input| {
            let mut values = input.to_vec();
            on::subtract_half_square(isa, &mut values, 0.3, input, &reversed(input));
            values
        });
        check(|isa, input| vec![on::sum(isa, input)]);
        check(|isa, input| {
            let weights: Vec<f64> = (0..input.len()).map(|i| i as f64).collect();
            vec![on::log_sum_exp(isa, &mut input.to_vec(), &weights)]
        });
    }
}
