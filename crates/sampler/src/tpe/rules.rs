//! Where the estimators of Optuna and of HyperOpt differ.

use crate::standing::Standing;

/// The largest good set.
const MOST_GOOD: usize = 25;

/// Whose rules an estimator follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rules {
    /// Those of Optuna 5.
    Optuna,
    /// Those of HyperOpt 0.3, whose kernels are whole normal distributions that are drawn from until a value lies inside the bounds, and
    /// whose prior is one of the neighbours that make a kernel wide or narrow.
    Hyperopt,
}

impl Rules {
    /// Whether trials of this standing are among the n of which γ(n) are good, and among those that a study starts with. `liar` says whether
    /// live ones are learnt from.
    pub(super) fn count(self, standing: Standing, liar: bool) -> bool {
        match standing {
            Standing::Complete | Standing::Partial | Standing::Diverged => true,
            Standing::Failed => self == Self::Hyperopt,
            Standing::Running => self == Self::Hyperopt && liar,
            Standing::Waiting => false,
        }
    }

    /// γ(n): how many of n trials are good.
    pub(super) fn good_size(self, n: usize) -> usize {
        let size = match self {
            Self::Optuna => n.div_ceil(10),
            Self::Hyperopt => (0.25 * (n as f64).sqrt()).ceil() as usize,
        };
        size.min(MOST_GOOD)
    }

    /// The width of the kernel of an only observation.
    pub(super) fn width_alone(self, mean: f64, low: f64, high: f64) -> f64 {
        match self {
            Self::Optuna => (mean - low).max(high - mean),
            Self::Hyperopt => 0.5 * (high - low),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_sizes_are_those_of_optuna_and_hyperopt() {
        for (n, expected) in [(0, 0), (1, 1), (10, 1), (11, 2), (20, 2), (250, 25), (1000, 25)] {
            assert_eq!(Rules::Optuna.good_size(n), expected, "n = {n}");
        }
        for (n, expected) in [(0, 0), (1, 1), (16, 1), (17, 2), (64, 2), (65, 3), (1000, 8), (10_000, 25), (20_000, 25)]
        {
            assert_eq!(Rules::Hyperopt.good_size(n), expected, "n = {n}");
        }
    }
}
