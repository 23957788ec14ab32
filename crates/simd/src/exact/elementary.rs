//! Exponential and logarithm, without branches so that the loops become vector code.

/// ln 2 in two parts: the first has 20 zero bits at its end, so that whole multiples are exact.
const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// Adding this to a small number rounds it to a whole one, whose bits are then the lowest of the sum.
const ROUND: f64 = 1.5 * (1u64 << 52) as f64;

/// Coefficients 1/13! … 1/2! of the exponential series: enough for |r| ≤ ½ ln 2 (error 4e-18).
const SERIES: [f64; 12] = [
    1.0 / 6_227_020_800.0,
    1.0 / 479_001_600.0,
    1.0 / 39_916_800.0,
    1.0 / 3_628_800.0,
    1.0 / 362_880.0,
    1.0 / 40_320.0,
    1.0 / 5_040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    0.5,
];

/// e^x as 2^k · e^r with k = round(x / ln 2).
#[inline(always)]
pub(super) fn exp(x: f64) -> f64 {
    let rounded = x * std::f64::consts::LOG2_E + ROUND;
    let k = rounded - ROUND;
    let r = (x - k * LN_2_HIGH) - k * LN_2_LOW;
    let mut series = SERIES[0];
    for coefficient in &SERIES[1..] {
        series = series * r + coefficient;
    }
    let power = f64::from_bits(rounded.to_bits().wrapping_add(1023) << 52);
    let value = (1.0 + (r + r * r * series)) * power;
    let value = if x < -708.0 { 0.0 } else { value };
    if x > 709.0 { f64::INFINITY } else { value }
}

/// The coefficients with which fdlibm's `e_log.c` approximates ln((1 + s)/(1 − s)) / s − 2 in s².
const LOG_SERIES: [f64; 7] = [
    0.147_981_986_051_165_86,
    0.153_138_376_992_093_73,
    0.181_835_721_616_180_5,
    0.222_221_984_321_497_84,
    0.285_714_287_436_623_9,
    0.399_999_999_994_094_2,
    0.666_666_666_666_673_5,
];

/// ln x as k ln 2 + ln(1 + f) with 1 + f between √½ and √2.
#[inline(always)]
pub(super) fn ln(x: f64) -> f64 {
    let subnormal = x < f64::MIN_POSITIVE;
    let scaled = if subnormal { x * (1u64 << 54) as f64 } else { x };
    let offset = if subnormal { -54.0 } else { 0.0 };
    // Adding the distance from √½ to 1 makes the exponent field round at √½ instead of at 1.
    let bits = scaled.to_bits().wrapping_add(0x3ff0_0000_0000_0000 - 0x3fe6_a09e_667f_3bcd);
    // The exponent field as a float: it becomes the low bits of a number at 2^52.
    let exponent = f64::from_bits((bits >> 52) | 0x4330_0000_0000_0000);
    let k = exponent - ((1u64 << 52) as f64 + 1023.0) + offset;
    let mantissa = (bits & 0x000f_ffff_ffff_ffff).wrapping_add(0x3fe6_a09e_667f_3bcd);
    let f = f64::from_bits(mantissa) - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let mut series = LOG_SERIES[0];
    for coefficient in &LOG_SERIES[1..] {
        series = series * z + coefficient;
    }
    let half_square = 0.5 * f * f;
    let correction = s * (half_square + z * series) + k * LN_2_LOW;
    let value = k * LN_2_HIGH - ((half_square - correction) - f);
    let value = if x == f64::INFINITY { x } else { value };
    let value = if x == 0.0 { f64::NEG_INFINITY } else { value };
    if x >= 0.0 { value } else { f64::NAN }
}

#[inline(always)]
pub(super) fn exp_each(values: &mut [f64]) {
    for value in values {
        *value = exp(*value);
    }
}

#[inline(always)]
pub(super) fn ln_each(values: &mut [f64]) {
    for value in values {
        *value = ln(*value);
    }
}
