//! Elementary functions of `f32`, branch-free so that loops over them vectorise.
//!
//! Plain multiplications and additions in one fixed order, never fused: the bits are the same on every
//! instruction set and every machine. The polynomials are those of the Cephes library (S. Moshier,
//! netlib.org/cephes, `expf`, `logf`, `tanhf`).

use crate::dispatch;

/// Adding and subtracting 1.5 * 2^23 rounds a small number to the nearest integer, which then stands
/// in the low bits of the sum.
const ROUND: f32 = 12_582_912.0;
/// ln 2 in two parts; the first has 9 bits, so that its product with an exponent is exact.
const LN2_HIGH: f32 = 0.693_359_4;
const LN2_LOW: f32 = -2.121_944_4e-4;

/// e to the power `x`: at most 2 units in the last place off, gradual underflow, NaN stays NaN.
///
/// ```
/// assert_eq!(tunefork_simd::math::exp(0.0), 1.0);
/// assert_eq!(tunefork_simd::math::exp(-200.0), 0.0);
/// assert_eq!(tunefork_simd::math::exp(100.0), f32::INFINITY);
/// ```
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // Comparisons instead of min and max, so that NaN passes through.
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -104.0 { -104.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN2_HIGH) - n * LN2_LOW;
    let mut p = 1.987_569_1e-4;
    p = p * r + 1.398_2e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 5e-1;
    let value = p * (r * r) + r + 1.0;
    // 2^n in two factors: n reaches beyond the exponents of normal numbers at both ends.
    let exponent = (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    let half = exponent >> 1;
    value * power_of_two(half) * power_of_two(exponent.wrapping_sub(half))
}

/// 2^n for n from -126 to 127.
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) as u32) << 23)
}

/// The natural logarithm of `x`: at most 2 units in the last place off; -infinity at 0, NaN below.
///
/// ```
/// assert_eq!(tunefork_simd::math::ln(1.0), 0.0);
/// assert_eq!(tunefork_simd::math::ln(0.0), f32::NEG_INFINITY);
/// assert!(tunefork_simd::math::ln(-1.0).is_nan());
/// ```
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    let subnormal = x < f32::MIN_POSITIVE;
    let scaled = if subnormal { x * 8_388_608.0 } else { x };
    // Split into m in [sqrt(1/2), sqrt(2)) and an exponent.
    let bits = (scaled.to_bits() as i32).wrapping_sub(0x3f35_04f3);
    let exponent = (bits >> 23) - if subnormal { 23 } else { 0 };
    let m = f32::from_bits(((bits & 0x007f_ffff) + 0x3f35_04f3) as u32) - 1.0;
    let e = exponent as f32;
    let z = m * m;
    let mut p = 7.037_683_6e-2;
    p = p * m - 1.151_461e-1;
    p = p * m + 1.167_699_9e-1;
    p = p * m - 1.242_014_1e-1;
    p = p * m + 1.424_932_3e-1;
    p = p * m - 1.666_805_7e-1;
    p = p * m + 2.000_071_5e-1;
    p = p * m - 2.499_999_4e-1;
    p = p * m + 3.333_333e-1;
    let tail = p * m * z + e * LN2_LOW - 0.5 * z;
    let value = m + tail + e * LN2_HIGH;
    let value = if x == f32::INFINITY { x } else { value };
    let value = if x == 0.0 { f32::NEG_INFINITY } else { value };
    if x >= 0.0 { value } else { f32::NAN }
}

/// The hyperbolic tangent: at most 3 units in the last place off, odd, NaN stays NaN.
///
/// ```
/// assert_eq!(tunefork_simd::math::tanh(0.0), 0.0);
/// assert_eq!(tunefork_simd::math::tanh(20.0), 1.0);
/// ```
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let size = x.abs();
    let z = x * x;
    let mut p = -5.704_988_7e-3;
    p = p * z + 2.063_909e-2;
    p = p * z - 5.373_971_6e-2;
    p = p * z + 1.333_144_2e-1;
    p = p * z - 3.333_328e-1;
    let small = p * z * x + x;
    let large = (1.0 - 2.0 / (exp(2.0 * size) + 1.0)).copysign(x);
    if size < 0.625 { small } else { large }
}

/// The logistic function 1 / (1 + e^-x).
///
/// ```
/// assert_eq!(tunefork_simd::math::sigmoid(0.0), 0.5);
/// ```
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The share of the standard normal distribution below `x`: at most 2e-7 off, NaN stays NaN.
///
/// With z = |x| / √2 and t = 1 / (1 + 0.4 z), the share beyond is exp(-z²) t q(t) / 2 for a polynomial q with q(1) = 1
/// (the form of Abramowitz and Stegun 7.1.26, fitted anew to 5e-8). One polynomial for all x: with one for each of
/// several ranges, compilers branch and take single values instead of vectors (a training with GELU: 3.6 s, not 2.1).
///
/// ```
/// assert_eq!(tunefork_simd::math::normal_cdf(0.0), 0.5);
/// ```
#[inline(always)]
pub fn normal_cdf(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.4 * z);
    let mut r = 8.829_772_5e-3;
    r = r * t - 8.122_566e-2;
    r = r * t + 1.767_748_7e-1;
    r = r * t - 6.934_381e-2;
    r = r * t - 1.709_228_8e-2;
    r = r * t - 1.754_769_7e-1;
    r = r * t - 3.404_196_3e-1;
    r = r * t - 5.486_762_5e-1;
    r = r * t - 7.743_237_6e-1;
    let beyond = 0.5 * (exp(-z * z) * t) * (1.0 + (1.0 - t) * r);
    if x < 0.0 { beyond } else { 1.0 - beyond }
}

dispatch! {
    /// [`exp`] of every element, in place.
    pub fn exp_in_place<S>(simd: S, values: &mut [f32]) {
        let _ = simd;
        values.iter_mut().for_each(|x| *x = exp(*x));
    }

    /// [`ln`] of every element, in place.
    pub fn ln_in_place<S>(simd: S, values: &mut [f32]) {
        let _ = simd;
        values.iter_mut().for_each(|x| *x = ln(*x));
    }

    /// [`tanh`] of every element, in place.
    pub fn tanh_in_place<S>(simd: S, values: &mut [f32]) {
        let _ = simd;
        values.iter_mut().for_each(|x| *x = tanh(*x));
    }
}
