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

/// Defines a public function that runs `$body` compiled for the best instruction set at hand, and a
/// module of the same name with all its versions.
macro_rules! compiled_per_instruction_set {
    ($(#[$meta:meta])* $name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)?, $body:path) => {
        mod $name {
            use super::*;

            pub(super) fn portable($($arg: $type),*) $(-> $result)? {
                $body($($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            pub(super) fn avx2($($arg: $type),*) $(-> $result)? {
                $body($($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f")]
            pub(super) fn avx512($($arg: $type),*) $(-> $result)? {
                $body($($arg),*)
            }

            /// The versions that this CPU can run, the portable one first.
            #[cfg(test)]
            pub(super) fn versions() -> Vec<(&'static str, fn($($type),*) $(-> $result)?)> {
                let mut versions: Vec<(_, fn($($type),*) $(-> $result)?)> =
                    vec![("portable", portable)];
                #[cfg(target_arch = "x86_64")]
                {
                    if is_x86_feature_detected!("avx2") {
                        // SAFETY: the CPU has AVX2.
                        versions.push(("avx2", |$($arg),*| unsafe { avx2($($arg),*) }));
                    }
                    if is_x86_feature_detected!("avx512f") {
                        // SAFETY: the CPU has AVX-512F.
                        versions.push(("avx512", |$($arg),*| unsafe { avx512($($arg),*) }));
                    }
                }
                versions
            }
        }

        $(#[$meta])*
        #[inline]
        pub fn $name($($arg: $type),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            {
                if is_x86_feature_detected!("avx512f") {
                    // SAFETY: the CPU has AVX-512F, which is all that the function requires.
                    return unsafe { $name::avx512($($arg),*) };
                }
                if is_x86_feature_detected!("avx2") {
                    // SAFETY: the CPU has AVX2, which is all that the function requires.
                    return unsafe { $name::avx2($($arg),*) };
                }
            }
            $name::portable($($arg),*)
        }
    };
}

compiled_per_instruction_set! {
    /// e^x for each element, within 1 unit in the last place; 0 below −708 (no subnormal results).
    exp(values: &mut [f64]), elementary::exp_each
}

compiled_per_instruction_set! {
    /// The natural logarithm of each element, within 1 unit in the last place. −∞ at 0, NaN below.
    ln(values: &mut [f64]), elementary::ln_each
}

compiled_per_instruction_set! {
    /// Φ(z) for each element: the probability that a standard normal number is below z. Accurate to
    /// 1e-13 of the smaller of Φ(z) and 1 − Φ(z); exactly 0 below −37.
    normal_cdf(values: &mut [f64]), normal::cdf_each
}

compiled_per_instruction_set! {
    /// Replaces each `low` by the probability that a standard normal number lies between `low` and
    /// `high`. Intervals far from 0 keep their relative accuracy (by symmetry, both ends are moved to
    /// the left of 0). Elements beyond the shorter slice are left alone.
    normal_mass(low: &mut [f64], high: &[f64]), normal::mass_each
}

compiled_per_instruction_set! {
    /// Adds element by element. Elements beyond the shorter slice are left alone.
    add(sum: &mut [f64], other: &[f64]), reduce::add
}

compiled_per_instruction_set! {
    /// Subtracts ½((x − centre) · scale)² from each element of `sum`: the exponents of normal
    /// densities with these centres and inverse widths. All slices have the same length.
    subtract_half_square(sum: &mut [f64], x: f64, centre: &[f64], scale: &[f64]),
    reduce::subtract_half_square
}

compiled_per_instruction_set! {
    /// The sum of all elements, added up in eight interleaved lanes.
    sum(values: &[f64]) -> f64, reduce::sum
}

compiled_per_instruction_set! {
    /// ln Σ weight · e^exponent, without overflow; −∞ when nothing has any weight. Both slices have
    /// the same length; `exponents` is used as scratch space. Weights are finite and not negative.
    log_sum_exp(exponents: &mut [f64], weights: &[f64]) -> f64, reduce::log_sum_exp
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

    /// Checks that all versions give the bits of the first one, the portable one.
    fn check<F>(versions: Vec<(&str, F)>, run: impl Fn(&F, &[f64]) -> Vec<f64>) {
        // Any NaN will do: which one comes out is not specified.
        let bits = |x: f64| if x.is_nan() { u64::MAX } else { x.to_bits() };
        for input in inputs() {
            let run = |version| run(version, &input).into_iter().map(bits).collect::<Vec<u64>>();
            let expected = run(&versions[0].1);
            for (name, version) in &versions {
                assert_eq!(run(version), expected, "{name} on {input:?}");
            }
        }
    }

    #[test]
    fn instruction_sets_agree_to_the_bit() {
        for versions in [exp::versions(), ln::versions(), normal_cdf::versions()] {
            check(versions, |each, input| {
                let mut values = input.to_vec();
                each(&mut values);
                values
            });
        }
        for versions in [normal_mass::versions(), add::versions()] {
            check(versions, |both, input| {
                let mut values = input.to_vec();
                let other: Vec<f64> = input.iter().rev().copied().collect();
                both(&mut values, &other);
                values
            });
        }
        check(subtract_half_square::versions(), |subtract, input| {
            let mut values = input.to_vec();
            let other: Vec<f64> = input.iter().rev().copied().collect();
            subtract(&mut values, 0.3, input, &other);
            values
        });
        check(sum::versions(), |sum, input| vec![sum(input)]);
        check(log_sum_exp::versions(), |log_sum_exp, input| {
            let weights: Vec<f64> = (0..input.len()).map(|i| i as f64).collect();
            vec![log_sum_exp(&mut input.to_vec(), &weights)]
        });
    }
}
