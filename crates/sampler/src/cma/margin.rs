//! What keeps parameters with few values from freezing.
//!
//! When a distribution has become narrower than the cell of points that are rounded to one value, no other value is ever drawn again.
//! Hamano, Saito, Nomura and Shirakawa, "CMA-ES with margin", GECCO 2022 (arXiv 2205.13482): after each generation, the neighbours on both
//! sides are given a least probability by moving the mean and widening the coordinate.

use tunefork_simd::exact;

use crate::tpe::truncated_normal::quantile;

/// Cells that are narrower than this, as a share of the parameter's range, are taken for points.
const NARROWEST: f64 = 1e-12;

/// Mean and deviation of a coordinate, corrected such that the values next to the mean's own, whose cell is `low` to `high`, come with
/// probability `margin` or more: at an end of the range (where the cell has no end) on the one side that there is, else half on each.
pub(super) fn with_margin(mean: f64, deviation: f64, (low, high): (f64, f64), margin: f64) -> (f64, f64) {
    match (low.is_finite(), high.is_finite()) {
        (false, true) => (mean.max(high - deviation * -quantile(margin)), deviation),
        (true, false) => (mean.min(low + deviation * -quantile(margin)), deviation),
        (true, true) if high - low > NARROWEST => inner(mean, deviation, (low, high), margin),
        _ => (mean, deviation),
    }
}

/// The same where there are values on both sides (equations 18 to 24 of the paper).
fn inner(mean: f64, deviation: f64, (low, high): (f64, f64), margin: f64) -> (f64, f64) {
    let mut tails = [(low - mean) / deviation, (mean - high) / deviation];
    exact::normal_cdf(&mut tails);
    let least = margin / 2.0;
    if tails.iter().all(|tail| *tail >= least) {
        return (mean, deviation);
    }
    let own = 1.0 - tails[0] - tails[1];
    let raised = tails.map(|tail| tail.max(least));
    // What was given to a tail is taken from all in proportion to what they have to spare.
    let sum = raised[0] + raised[1] + own;
    let spare = sum - 3.0 * least;
    let [below, above] = raised.map(|tail| -quantile(tail + (1.0 - sum) / spare * (tail - least)));
    let deviation = (high - low) / (below + above);
    (low + below * deviation, deviation)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The probabilities below and above the cell.
    fn tails((mean, deviation): (f64, f64), (low, high): (f64, f64)) -> [f64; 2] {
        let mut tails = [(low - mean) / deviation, (mean - high) / deviation];
        exact::normal_cdf(&mut tails);
        tails
    }

    #[test]
    fn neighbours_keep_their_probability() {
        let cell = (0.25, 0.375);
        for mean in [0.25001, 0.3, 0.37] {
            for deviation in [1e-9, 1e-3, 0.02, 0.05, 0.3] {
                let tails = tails(with_margin(mean, deviation, cell, 0.05), cell);
                assert!(tails.iter().all(|tail| *tail >= 0.025 - 1e-12), "{mean} ± {deviation}: {tails:?}");
            }
        }
        for (cell, mean) in [((f64::NEG_INFINITY, 0.2), -0.3), ((0.8, f64::INFINITY), 1.4)] {
            let corrected = with_margin(mean, 0.01, cell, 0.05);
            let tails = tails(corrected, cell);
            assert!((tails[0] + tails[1] - 0.05).abs() < 1e-12, "{tails:?}");
            assert_eq!(corrected.1, 0.01);
        }
    }

    #[test]
    fn nothing_changes_where_there_is_enough() {
        assert_eq!(with_margin(0.3, 0.2, (0.25, 0.375), 0.05), (0.3, 0.2));
        assert_eq!(with_margin(0.3, 0.2, (f64::NEG_INFINITY, f64::INFINITY), 0.05), (0.3, 0.2));
        assert_eq!(with_margin(0.3, 1e-20, (0.3, 0.3), 0.05), (0.3, 1e-20));
    }
}
