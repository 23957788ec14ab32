//! The logarithm of the expected improvement.
//!
//! Ament et al., "Unexpected improvements to expected improvement for Bayesian optimization", NeurIPS 2023
//! (arXiv 2310.20708): the logarithm has a slope even where the improvement itself is zero to all digits.

use std::f64::consts::FRAC_1_SQRT_2;

/// ½ ln 2π.
const HALF_LN_TAU: f64 = 0.918_938_533_204_672_7;

/// Below this the series is used, which is exact there to ten digits.
const FAR: f64 = -25.0;

/// ln(z Φ(z) + φ(z)) and its derivative: the logarithm of how much a standard normal number is expected to exceed −z.
pub(super) fn log_improvement(z: f64) -> (f64, f64) {
    if z < FAR {
        // Mills' ratio as a series in u = 1/z² (Abramowitz and Stegun, 26.2.12), for the probability and for its integral.
        let u = 1.0 / (z * z);
        let probability = 1.0 - u * (1.0 - u * (3.0 - u * (15.0 - u * (105.0 - u * 945.0))));
        let integral = 1.0 - u * (3.0 - u * (15.0 - u * (105.0 - u * (945.0 - u * 10395.0))));
        let value = -0.5 * z * z - HALF_LN_TAU - 2.0 * libm::log(-z) + libm::log(integral);
        return (value, -z * probability / integral);
    }
    let probability = 0.5 * libm::erfc(-z * FRAC_1_SQRT_2);
    let density = libm::exp(-0.5 * z * z - HALF_LN_TAU);
    let improvement = z * probability + density;
    (libm::log(improvement), probability / improvement)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values that Optuna 5.0.0 computed.
    #[test]
    fn values_are_those_of_optuna() {
        for (z, expected) in [
            (1.0, 0.080026218849),
            (0.0, -0.918938533),
            (-1.0, -2.485121026),
            (-5.0, -16.744301163),
            (-24.0, -295.28022323),
            (-26.0, -345.43954672),
            (-100.0, -5010.1295788),
        ] {
            let (value, _) = log_improvement(z);
            assert!((value - expected).abs() < 1e-8 * expected.abs().max(1.0), "z = {z}: {value}, expected {expected}");
        }
    }

    #[test]
    fn slopes_are_those_of_the_values() {
        for z in [3.0, 0.0, -2.0, -9.0, -24.9, -25.1, -60.0] {
            let numeric = (log_improvement(z + 1e-5).0 - log_improvement(z - 1e-5).0) / 2e-5;
            let (_, slope) = log_improvement(z);
            assert!((slope - numeric).abs() < 1e-5 * slope.max(1.0), "z = {z}: {slope}, expected {numeric}");
        }
    }

    #[test]
    fn the_two_formulas_meet() {
        let (near, far) = (log_improvement(FAR), log_improvement(FAR.next_down()));
        assert!((near.0 - far.0).abs() < 1e-8 && (near.1 - far.1).abs() < 1e-7, "{near:?} {far:?}");
    }
}
