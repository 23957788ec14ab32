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
//! assert_eq!(values, [1.0, 2.718281828459045, 0.0]);
//! ```

mod elementary;
mod normal;
mod reduce;

/// Defines a public function that runs `$body` compiled for the best instruction set at hand.
macro_rules! compiled_per_instruction_set {
    ($(#[$meta:meta])* $name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)?, $body:path) => {
        $(#[$meta])*
        #[inline]
        pub fn $name($($arg: $type),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f")]
                fn avx512($($arg: $type),*) $(-> $result)? {
                    $body($($arg),*)
                }
                #[target_feature(enable = "avx2")]
                fn avx2($($arg: $type),*) $(-> $result)? {
                    $body($($arg),*)
                }
                if is_x86_feature_detected!("avx512f") {
                    // SAFETY: the CPU has AVX-512F, which is all that the function requires.
                    return unsafe { avx512($($arg),*) };
                }
                if is_x86_feature_detected!("avx2") {
                    // SAFETY: the CPU has AVX2, which is all that the function requires.
                    return unsafe { avx2($($arg),*) };
                }
            }
            $body($($arg),*)
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
