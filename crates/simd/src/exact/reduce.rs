//! Sums whose order does not depend on the vector width.

use super::elementary::{exp, ln};

/// The number of interleaved partial sums: one AVX-512 register, two AVX2 registers.
const LANES: usize = 8;

#[inline(always)]
pub(super) fn add(sum: &mut [f64], other: &[f64]) {
    for (sum, other) in sum.iter_mut().zip(other) {
        *sum += other;
    }
}

#[inline(always)]
pub(super) fn subtract_half_square(sum: &mut [f64], x: f64, centre: &[f64], scale: &[f64]) {
    for ((sum, centre), scale) in sum.iter_mut().zip(centre).zip(scale) {
        let distance = (x - centre) * scale;
        *sum -= 0.5 * (distance * distance);
    }
}

#[inline(always)]
pub(super) fn sum(values: &[f64]) -> f64 {
    let (blocks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for block in blocks {
        add(&mut lanes, block);
    }
    add(&mut lanes, rest);
    across(lanes, |a, b| a + b)
}

#[inline(always)]
pub(super) fn log_sum_exp(exponents: &mut [f64], weights: &[f64]) -> f64 {
    let largest = largest(exponents);
    if largest == f64::NEG_INFINITY {
        return largest;
    }
    for (exponent, weight) in exponents.iter_mut().zip(weights) {
        *exponent = weight * exp(*exponent - largest);
    }
    largest + ln(sum(exponents))
}

#[inline(always)]
fn largest(values: &[f64]) -> f64 {
    let larger = |a: f64, b: f64| if b > a { b } else { a };
    let (blocks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [f64::NEG_INFINITY; LANES];
    for block in blocks {
        for (lane, value) in lanes.iter_mut().zip(block) {
            *lane = larger(*lane, *value);
        }
    }
    for value in rest {
        lanes[0] = larger(lanes[0], *value);
    }
    across(lanes, larger)
}

/// Combines the lanes pairwise, halves first.
#[inline(always)]
fn across(mut lanes: [f64; LANES], combine: impl Fn(f64, f64) -> f64) -> f64 {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] = combine(lanes[lane], lanes[lane + width]);
        }
        width /= 2;
    }
    lanes[0]
}
