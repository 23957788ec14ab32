//! The elementary functions against libm in f64, and the same bits on every instruction set.

use proptest::prelude::*;
use tunefork_simd::{Isa, math};

/// Distance between `got` and the exact value in units of the last place of the exact value.
fn ulps(got: f32, exact: f64) -> f64 {
    let rounded = exact as f32;
    if !rounded.is_finite() || !got.is_finite() {
        return if rounded == got { 0.0 } else { f64::INFINITY };
    }
    let size = rounded.abs().max(f32::MIN_POSITIVE);
    let ulp = f64::from(f32::from_bits(size.to_bits() + 1)) - f64::from(size);
    (f64::from(got) - exact).abs() / ulp
}

/// Every float of a range in steps of the bit pattern, so that all magnitudes are met.
fn sweep(low: f32, high: f32) -> impl Iterator<Item = f32> {
    (low.to_bits()..high.to_bits()).step_by(9973).map(f32::from_bits)
}

fn worst(inputs: impl Iterator<Item = f32>, ours: fn(f32) -> f32, exact: fn(f64) -> f64) -> f64 {
    inputs.map(|x| ulps(ours(x), exact(f64::from(x)))).fold(0.0, f64::max)
}

#[test]
fn exp_is_within_two_units() {
    let positive = || sweep(1e-30, 88.8);
    assert!(worst(positive(), math::exp, libm::exp) < 2.0);
    assert!(worst(positive().map(|x| -x), math::exp, libm::exp) < 2.0);
    assert!(math::exp(f32::NAN).is_nan());
    assert_eq!(math::exp(f32::INFINITY), f32::INFINITY);
    assert_eq!(math::exp(f32::NEG_INFINITY), 0.0);
    assert!(math::exp(-100.0) > 0.0, "underflow is gradual");
}

#[test]
fn ln_is_within_two_units() {
    assert!(worst(sweep(1e-44, f32::MAX), math::ln, libm::log) < 2.0);
    assert!(math::ln(f32::NAN).is_nan());
    assert_eq!(math::ln(f32::INFINITY), f32::INFINITY);
    assert_eq!(math::ln(-0.0), f32::NEG_INFINITY);
}

#[test]
fn tanh_is_within_three_units() {
    let positive = || sweep(1e-30, 30.0);
    assert!(worst(positive(), math::tanh, libm::tanh) < 3.0);
    assert!(worst(positive().map(|x| -x), math::tanh, libm::tanh) < 3.0);
    assert!(math::tanh(f32::NAN).is_nan());
    assert_eq!(math::tanh(f32::NEG_INFINITY), -1.0);
}

#[test]
fn normal_cdf_is_off_by_little() {
    let exact = |x: f32| 0.5 * libm::erfc(-f64::from(x) * std::f64::consts::FRAC_1_SQRT_2);
    let off = |x: f32| (f64::from(math::normal_cdf(x)) - exact(x)).abs();
    let both = sweep(1e-30, 40.0).flat_map(|x| [x, -x]);
    assert!(both.map(off).fold(0.0, f64::max) < 2e-7);
    assert!(math::normal_cdf(f32::NAN).is_nan());
    assert_eq!(math::normal_cdf(f32::INFINITY), 1.0);
    assert_eq!(math::normal_cdf(f32::NEG_INFINITY), 0.0);
}

#[test]
fn sigmoid_is_within_four_units() {
    let exact = |x: f64| 1.0 / (1.0 + libm::exp(-x));
    assert!(worst(sweep(1e-30, 80.0), math::sigmoid, exact) < 4.0);
    assert!(worst(sweep(1e-30, 80.0).map(|x| -x), math::sigmoid, exact) < 4.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_instruction_set_gives_the_same_bits(values in prop::collection::vec(any::<f32>(), 0..100)) {
        for isa in Isa::available() {
            for (whole, single) in [
                (math::exp_in_place as fn(Isa, &mut [f32]), math::exp as fn(f32) -> f32),
                (math::ln_in_place, math::ln),
                (math::tanh_in_place, math::tanh),
            ] {
                let mut got = values.clone();
                whole(isa, &mut got);
                for (got, x) in got.iter().zip(&values) {
                    let want = single(*x);
                    prop_assert!(got.to_bits() == want.to_bits() || got.is_nan() && want.is_nan(), "{isa}: f({x}) = {got}, not {want}");
                }
            }
        }
    }
}
