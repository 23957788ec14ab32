//! The standard normal distribution.
//!
//! W. J. Cody, "Rational Chebyshev approximations for the error function", Mathematics of
//! Computation 23, 1969: three ranges, all evaluated, one selected.

use super::elementary::exp;

/// |x| ≤ 0.46875: erf(x) = x · P(x²) / Q(x²). Highest power first; Q begins with 1.
const SMALL_P: [f64; 5] = [
    0.185_777_706_184_603_15,
    3.161_123_743_870_565_5,
    113.864_154_151_050_16,
    377.485_237_685_302,
    3_209.377_589_138_469_4,
];
const SMALL_Q: [f64; 5] =
    [1.0, 23.601_290_952_344_122, 244.024_637_934_444_17, 1_282.616_526_077_372_3, 2_844.236_833_439_171];

/// 0.46875 < x ≤ 4: erfc(x) = e^(−x²) · P(x) / Q(x).
const MIDDLE_P: [f64; 9] = [
    2.153_115_354_744_038_3e-8,
    0.564_188_496_988_670_1,
    8.883_149_794_388_377,
    66.119_190_637_141_63,
    298.635_138_197_400_1,
    881.952_221_241_769,
    1_712.047_612_634_070_7,
    2_051.078_377_826_071_6,
    1_230.339_354_797_997_2,
];
const MIDDLE_Q: [f64; 9] = [
    1.0,
    15.744_926_110_709_835,
    117.693_950_891_312_5,
    537.181_101_862_009_9,
    1_621.389_574_566_690_3,
    3_290.799_235_733_459_7,
    4_362.619_090_143_247,
    3_439.367_674_143_721_6,
    1_230.339_354_803_749_5,
];

/// x > 4: erfc(x) = e^(−x²)/x · (1/√π − z · P(z)/Q(z)) with z = 1/x².
const LARGE_P: [f64; 6] = [
    0.016_315_387_137_302_097,
    0.305_326_634_961_232_36,
    0.360_344_899_949_804_45,
    0.125_781_726_111_229_26,
    0.016_083_785_148_742_275,
    0.000_658_749_161_529_837_8,
];
const LARGE_Q: [f64; 6] = [
    1.0,
    2.568_520_192_289_822,
    1.872_952_849_923_460_4,
    0.527_905_102_951_428_5,
    0.060_518_341_312_441_32,
    0.002_335_204_976_268_691_8,
];

const ONE_BY_SQRT_PI: f64 = 0.564_189_583_547_756_3;

#[inline(always)]
fn polynomial<const N: usize>(coefficients: &[f64; N], x: f64) -> f64 {
    let mut value = coefficients[0];
    for coefficient in &coefficients[1..] {
        value = value * x + coefficient;
    }
    value
}

/// erfc(x) for x ≥ 0.
#[inline(always)]
fn erfc(x: f64) -> f64 {
    let square = x * x;
    let small = 1.0 - x * polynomial(&SMALL_P, square) / polynomial(&SMALL_Q, square);
    let bell = exp(-square);
    let middle = bell * polynomial(&MIDDLE_P, x) / polynomial(&MIDDLE_Q, x);
    let z = 1.0 / square;
    let rational = z * polynomial(&LARGE_P, z) / polynomial(&LARGE_Q, z);
    let large = bell / x * (ONE_BY_SQRT_PI - rational);
    let value = if x > 0.46875 { middle } else { small };
    let value = if x > 4.0 { large } else { value };
    if x > 26.5 { 0.0 } else { value }
}

/// Φ(z).
#[inline(always)]
pub(super) fn cdf(z: f64) -> f64 {
    let tail = 0.5 * erfc(z.abs() * std::f64::consts::FRAC_1_SQRT_2);
    if z > 0.0 { 1.0 - tail } else { tail }
}

/// Φ(high) − Φ(low), taken on the side of 0 where the two are small.
#[inline(always)]
fn mass(low: f64, high: f64) -> f64 {
    let mirrored = low > 0.0;
    let left = if mirrored { -high } else { low };
    let right = if mirrored { -low } else { high };
    cdf(right) - cdf(left)
}

#[inline(always)]
pub(super) fn cdf_each(values: &mut [f64]) {
    for value in values {
        *value = cdf(*value);
    }
}

#[inline(always)]
pub(super) fn mass_each(low: &mut [f64], high: &[f64]) {
    for (low, high) in low.iter_mut().zip(high) {
        *low = mass(*low, *high);
    }
}
