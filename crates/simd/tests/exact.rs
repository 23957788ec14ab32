//! The exact functions against `libm`, and their sums against other lengths.

use proptest::prelude::*;
use tunefork_simd::exact;

/// |a − b| in units of the last place of b.
fn ulps(a: f64, b: f64) -> f64 {
    (a - b).abs() / (b.abs().next_up() - b.abs())
}

fn one(function: impl Fn(&mut [f64]), x: f64) -> f64 {
    let mut values = [x];
    function(&mut values);
    values[0]
}

#[test]
fn special_values() {
    for (x, expected) in [
        (0.0, 1.0),
        (-0.0, 1.0),
        (-709.0, 0.0),
        (f64::NEG_INFINITY, 0.0),
        (710.0, f64::INFINITY),
        (f64::INFINITY, f64::INFINITY),
    ] {
        assert_eq!(one(exact::exp, x), expected, "exp({x})");
    }
    for (x, expected) in [
        (1.0, 0.0),
        (0.0, f64::NEG_INFINITY),
        (-0.0, f64::NEG_INFINITY),
        (f64::INFINITY, f64::INFINITY),
        (5e-324, libm::log(5e-324)),
    ] {
        assert_eq!(one(exact::ln, x), expected, "ln({x})");
    }
    for (z, expected) in [(0.0, 0.5), (-40.0, 0.0), (40.0, 1.0), (f64::NEG_INFINITY, 0.0), (f64::INFINITY, 1.0)] {
        assert_eq!(one(exact::normal_cdf, z), expected, "cdf({z})");
    }
    for function in [exact::exp, exact::ln, exact::normal_cdf] {
        assert!(one(function, f64::NAN).is_nan());
    }
    assert!(one(exact::ln, -1.0).is_nan());
}

#[test]
fn every_range_of_the_normal_distribution_is_accurate() {
    for i in -3700..=3700 {
        let z = f64::from(i) / 100.0;
        let expected = 0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2);
        let error = (one(exact::normal_cdf, z) - expected).abs();
        assert!(error <= 2e-13 * expected.min(1.0 - expected) + 1e-16 * expected, "cdf({z})");
    }
}

#[test]
fn masses_far_out_keep_their_relative_accuracy() {
    let tail = |z: f64| 0.5 * libm::erfc(z * std::f64::consts::FRAC_1_SQRT_2);
    let expected = tail(20.0) - tail(21.0);
    for (low, high) in [(20.0, 21.0), (-21.0, -20.0)] {
        let mut values = [low];
        exact::normal_mass(&mut values, &[high]);
        assert!((values[0] / expected - 1.0).abs() < 1e-12, "{low} to {high}: {values:?}");
    }
}

#[test]
fn log_sum_exp_neither_overflows_nor_underflows() {
    for shift in [-5_000.0, 0.0, 5_000.0] {
        let mut exponents = [shift, shift + libm::log(2.0), f64::NEG_INFINITY];
        let value = exact::log_sum_exp(&mut exponents, &[0.25, 0.375, 9.0]);
        assert!((value - shift).abs() < 1e-12, "{value} for {shift}");
    }
    assert_eq!(exact::log_sum_exp(&mut [], &[]), f64::NEG_INFINITY);
}

proptest! {
    #[test]
    fn exp_is_accurate(x in -708.0..709.0) {
        prop_assert!(ulps(one(exact::exp, x), libm::exp(x)) <= 1.0);
    }

    #[test]
    fn ln_is_accurate(exponent in -700.0..700.0, near_one in 0.5..2.0) {
        for x in [libm::exp(exponent), near_one] {
            prop_assert!(ulps(one(exact::ln, x), libm::log(x)) <= 1.0, "{}", x);
        }
    }

    /// What a vector does equals what each element does alone, whatever the length.
    #[test]
    fn elements_do_not_see_each_other(values in prop::collection::vec(-30.0..30.0, 0..40)) {
        for function in [exact::exp, exact::ln, exact::normal_cdf] {
            let mut together: Vec<f64> = values.clone();
            function(&mut together);
            for (&x, y) in values.iter().zip(together) {
                prop_assert_eq!(one(function, x).to_bits(), y.to_bits());
            }
        }
    }

    /// The documented order: eight interleaved lanes, combined pairwise.
    #[test]
    fn sums_are_added_in_eight_lanes(values in prop::collection::vec(-1e3..1e3, 0..40)) {
        let mut lanes = [0.0; 8];
        for (i, value) in values.iter().enumerate() {
            lanes[i % 8] += value;
        }
        let [a, b, c, d, e, f, g, h] = lanes;
        let expected: f64 = ((a + e) + (c + g)) + ((b + f) + (d + h));
        prop_assert_eq!(exact::sum(&values).to_bits(), expected.to_bits());
    }
}
