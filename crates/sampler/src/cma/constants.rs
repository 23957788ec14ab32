//! What the update of a generation weighs with what.

/// The numbers that follow from dimension and population alone (Hansen, "The CMA evolution strategy: a tutorial",
/// arXiv 1604.00772, table 1 and equations 49 to 58), under the names that they have there.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Constants {
    /// By rank, best first: those of the better half sum to 1, the others are negative.
    pub(super) weights: Vec<f64>,
    /// µ_eff: of how many equally weighted solutions the better half is worth.
    pub(super) mu_eff: f64,
    /// c_σ: the share of the newest step in the path of the step size.
    pub(super) c_sigma: f64,
    /// d_σ: how much changes of the step size are damped.
    pub(super) d_sigma: f64,
    /// c_c: the share of the newest step in the path of the covariance.
    pub(super) c_c: f64,
    /// c_1: how fast the covariance learns from its path.
    pub(super) c_1: f64,
    /// c_µ: how fast the covariance learns from the generation.
    pub(super) c_mu: f64,
    /// χ: how long a standard normal vector is on average.
    pub(super) chi: f64,
}

impl Constants {
    /// For `dimensions` coordinates (1 or more) and a population of 4 or more. A diagonal covariance has so few entries that it may learn
    /// (d + 2)/3 times as fast (Ros and Hansen, "A simple modification in CMA-ES achieving linear time and space complexity", PPSN 2008).
    pub(super) fn new(dimensions: usize, population: usize, separable: bool) -> Self {
        let d = dimensions as f64;
        let raw: Vec<f64> =
            (1..=population).map(|rank| libm::log((population as f64 + 1.0) / 2.0) - libm::log(rank as f64)).collect();
        let (better, worse) = raw.split_at(population / 2);
        let (mu_eff, mu_eff_worse) = (effective(better), effective(worse));

        let faster = if separable { (d + 2.0) / 3.0 } else { 1.0 };
        let c_1 = (faster * 2.0 / ((d + 1.3) * (d + 1.3) + mu_eff)).min(0.5);
        let c_mu = faster * 2.0 * (mu_eff - 2.0 + 1.0 / mu_eff) / ((d + 2.0) * (d + 2.0) + mu_eff);
        let c_mu = c_mu.min(1.0 - c_1 - 1e-8);
        let c_sigma = (mu_eff + 2.0) / (d + mu_eff + 5.0);
        let excess = ((mu_eff - 1.0) / (d + 1.0)).sqrt() - 1.0;
        let negative =
            (1.0 + c_1 / c_mu).min(1.0 + 2.0 * mu_eff_worse / (mu_eff + 2.0)).min((1.0 - c_1 - c_mu) / (d * c_mu));

        let positive_sum: f64 = better.iter().sum();
        let negative_sum: f64 = worse.iter().map(|weight| weight.abs()).sum();
        let normalised = |&weight: &f64| match weight > 0.0 {
            true => weight / positive_sum,
            false => weight * negative / negative_sum,
        };
        Self {
            weights: raw.iter().map(normalised).collect(),
            mu_eff,
            c_sigma,
            d_sigma: 1.0 + 2.0 * excess.max(0.0) + c_sigma,
            c_c: (4.0 + mu_eff / d) / (d + 4.0 + 2.0 * mu_eff / d),
            c_1,
            c_mu,
            chi: d.sqrt() * (1.0 - 1.0 / (4.0 * d) + 1.0 / (21.0 * d * d)),
        }
    }

    /// λ: how many solutions make a generation.
    pub(super) fn population(&self) -> usize {
        self.weights.len()
    }
}

/// The population that suits a number of parameters: 4 + ⌊3 ln d⌋.
pub(super) fn usual_population(parameters: usize) -> usize {
    4 + (3.0 * libm::log(parameters.max(1) as f64)) as usize
}

/// (Σ w)² / Σ w².
fn effective(weights: &[f64]) -> f64 {
    let sum: f64 = weights.iter().sum();
    sum * sum / weights.iter().map(|weight| weight * weight).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pairs: &[(f64, f64)]) {
        for (value, expected) in pairs {
            assert!((value - expected).abs() < 1e-10, "{value}, expected {expected}");
        }
    }

    fn usual(dimensions: usize) -> Constants {
        Constants::new(dimensions, usual_population(dimensions), false)
    }

    #[test]
    fn populations_are_the_usual_ones() {
        for (parameters, expected) in [(0, 4), (1, 4), (2, 6), (5, 8), (10, 10), (100, 17)] {
            assert_eq!(usual_population(parameters), expected);
        }
    }

    /// The numbers that the package `cmaes` 0.13, which Optuna uses, works with.
    #[test]
    fn constants_are_those_of_cmaes() {
        let two = usual(2);
        check(&[
            (two.mu_eff, 2.0286114646),
            (two.c_1, 0.1548153999),
            (two.c_mu, 0.0578590851),
            (two.c_c, 0.6245545390),
            (two.c_sigma, 0.4462049874),
            (two.d_sigma, 1.4462049874),
            (two.chi, 1.2542727428),
            (two.weights[0], 0.6370425712),
            (two.weights[5], -1.1559817782),
        ]);
        let five = usual(5);
        check(&[
            (five.mu_eff, 2.6001788261),
            (five.c_1, 0.0472923042),
            (five.c_mu, 0.0381691607),
            (five.c_c, 0.4501995580),
            (five.c_sigma, 0.3650883761),
        ]);
        let ten = usual(10);
        check(&[
            (ten.mu_eff, 3.1672992814),
            (ten.c_1, 0.0152838245),
            (ten.c_mu, 0.0201542828),
            (ten.c_c, 0.2949903830),
            (ten.c_sigma, 0.2844285879),
            (ten.weights[0], 0.4562726469),
        ]);
    }

    #[test]
    fn rates_leave_room_for_what_was_learnt_before() {
        for dimensions in [1, 2, 7, 40, 101, 1000] {
            for population in [4, 5, 32, 4096] {
                for separable in [false, true] {
                    let constants = Constants::new(dimensions, population, separable);
                    assert!(constants.c_1 > 0.0 && constants.c_mu > 0.0 && constants.c_1 + constants.c_mu < 1.0);
                    let better: f64 = constants.weights.iter().filter(|weight| **weight > 0.0).sum();
                    assert!((better - 1.0).abs() < 1e-12);
                    assert!(constants.weights.iter().all(|weight| weight.is_finite()));
                }
            }
        }
    }
}
