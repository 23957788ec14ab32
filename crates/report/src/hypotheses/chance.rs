//! How much of a difference is chance.

use crate::Report;

/// The quantiles of Student's t distribution at 97.5 %, for 1 to 30 degrees of freedom.
const T: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/// How many deviations of a mean its 95 % interval reaches to both sides, where its deviation was found from values with so many
/// degrees of freedom.
pub(super) fn reach(freedom: f64) -> f64 {
    match freedom {
        _ if freedom.is_nan() || freedom < 1.0 => T[0],
        ..31.0 => T[freedom as usize - 1],
        // Cornish and Fisher's first term.
        _ => 1.960 * (1.0 + (1.960_f64.powi(2) + 1.0) / (4.0 * freedom)),
    }
}

/// The value that a chi-squared variable of so many degrees of freedom stays below in 95 of 100 cases (Wilson and Hilferty, 1931).
pub(super) fn most_squares(freedom: f64) -> f64 {
    let part = 2.0 / (9.0 * freedom);
    freedom * (1.0 - part + 1.645 * part.sqrt()).powi(3)
}

/// The variance of one training's accuracy that follows from the number of validation images alone.
pub(super) fn of_images(report: &Report<'_>, accuracy: f64) -> Option<f64> {
    if report.objective() != "accuracy" {
        return None;
    }
    let metrics = &report.study.best()?.epochs.last()?.report.metrics;
    let images: f64 = metrics.confusion.iter().map(|(_, count)| count).sum();
    (images > 0.0 && (0.0..=1.0).contains(&accuracy)).then(|| accuracy * (1.0 - accuracy) / images)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy.stats.t.ppf(0.975, n), scipy.stats.chi2.ppf(0.95, n).
    #[test]
    fn quantiles_are_those_of_the_tables() {
        assert_eq!((reach(1.0), reach(10.4), reach(30.9)), (12.706, 2.228, 2.042));
        assert!((reach(40.0) - 2.0211).abs() < 0.003 && (reach(1000.0) - 1.9623).abs() < 0.001);
        for (freedom, expected) in [(1.0, 3.841), (4.0, 9.488), (25.0, 37.652)] {
            assert!((most_squares(freedom) / expected - 1.0).abs() < 0.03, "{freedom}");
        }
    }
}
