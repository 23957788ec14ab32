//! How much of a difference is chance.

use statrs::distribution::{ContinuousCDF, FisherSnedecor, StudentsT};
use tunefork_study::{TrialRecord, deviation};

/// How far a sum over runs may be off, from how far their trainings lie apart. One deviation is taken for all of them: two or three
/// trainings of each run know it badly, all together better.
pub(crate) struct Chance {
    /// The standard error of the sum.
    pub error: f64,
    /// The degrees of freedom from which it is known.
    pub freedom: f64,
}

impl Chance {
    /// Of runs with their shares in the sum; nothing if one of them was trained once.
    pub(crate) fn of<'a>(runs: impl Iterator<Item = (&'a TrialRecord, f64)>) -> Option<Self> {
        let (mut squares, mut freedom, mut shares) = (0.0, 0.0, 0.0);
        for (trial, share) in runs {
            let values: Vec<f64> = trial.trainings().iter().map(|report| report.value).collect();
            let more = values.len() as f64 - 1.0;
            squares += deviation(&values)?.powi(2) * more;
            freedom += more;
            shares += share * share / values.len() as f64;
        }
        (freedom > 0.0).then(|| Self { error: (squares / freedom * shares).sqrt(), freedom })
    }
}

/// How many deviations of a mean its 95 % interval reaches to both sides, where its deviation is known from so many degrees of freedom
/// and so many intervals are looked at (Bonferroni).
pub(crate) fn reach(freedom: f64, intervals: usize) -> f64 {
    let student = StudentsT::new(0.0, 1.0, freedom.max(1.0));
    student.map_or(f64::INFINITY, |student| student.inverse_cdf(1.0 - 0.025 / intervals as f64))
}

/// The ratio of two variances that chance stays below in 95 of 100 cases.
pub(super) fn most_ratio(above: f64, below: f64) -> f64 {
    FisherSnedecor::new(above, below).map_or(f64::INFINITY, |fisher| fisher.inverse_cdf(0.95))
}

/// The standard error of a difference of means and its degrees of freedom (Welch, 1947); nothing of a single value.
pub(super) fn welch(first: &[f64], second: &[f64]) -> Option<(f64, f64)> {
    let part = |values: &[f64]| Some((deviation(values)?.powi(2) / values.len() as f64, values.len() as f64 - 1.0));
    let ((a, n), (b, m)) = (part(first)?, part(second)?);
    Some(((a + b).sqrt(), (a + b).powi(2) / (a * a / n + b * b / m)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy.stats.t.ppf(0.975, n), t.ppf(1 - 0.025 / 5, 4), f.ppf(0.95, 4, 9); Welch's formula by hand.
    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (freedom, intervals, expected) in [(1.0, 1, 12.7062), (10.0, 1, 2.2281), (4.0, 5, 4.6041), (1e6, 1, 1.9600)]
        {
            assert!(
                (reach(freedom, intervals) / expected - 1.0).abs() < 1e-4,
                "{freedom}: {}",
                reach(freedom, intervals)
            );
        }
        assert!((most_ratio(4.0, 9.0) / 3.6331 - 1.0).abs() < 1e-4);
        let (error, freedom) = welch(&[1.0, 2.0, 3.0], &[2.0, 2.5]).unwrap();
        assert!((error - 0.629153).abs() < 1e-6 && (freedom - 2.635036).abs() < 1e-6, "{error} {freedom}");
    }
}
