//! A first distribution that knows of trials from before.

use super::{
    covariance::Covariance,
    distribution::{Distribution, Solution, raise_to},
    encoding::Encoding,
};

/// With fewer trials there is no telling what is promising.
const LEAST: usize = 10;

/// γ: which share of the trials is promising.
const PROMISING: f64 = 0.1;

/// α: how far around a promising trial, as a share of each parameter's range, others are.
const AROUND: f64 = 0.1;

/// The largest share of a choice.
const MOST_LIKELY: f64 = 0.9;

/// How many of so many trials are promising; 0 of too few.
pub(super) fn promising(trials: usize) -> usize {
    if trials < LEAST { 0 } else { (PROMISING * trials as f64).ceil() as usize }
}

/// The normal distribution that is nearest to a mixture of narrow ones around the promising solutions: N(m, α² I + their covariance), and of the
/// choices the shares that they have there (Nomura et al., "Warm starting CMA-ES for hyperparameter optimization", AAAI 2021, section 4).
pub(super) fn distribution(encoding: &Encoding, promising: &[Solution], separable: bool) -> Distribution {
    let (d, count) = (encoding.coordinates.len(), promising.len() as f64);
    let average = |i: usize| promising.iter().map(|solution| solution.places[i]).sum::<f64>() / count;
    let mean: Vec<f64> = (0..d).map(average).collect();
    let apart = |solution: &Solution| -> Vec<f64> {
        solution.places.iter().zip(&mean).map(|(place, mean)| (place - mean) / AROUND).collect()
    };
    // In units of α, so that σ is α and the other directions are wider by what the solutions say.
    let steps: Vec<Vec<f64>> = promising.iter().map(apart).collect();
    let terms: Vec<(f64, &[f64])> = steps.iter().map(|step| (1.0 / count, step.as_slice())).collect();
    let mut covariance = Covariance::identity(d, separable);
    covariance.update(1.0, &terms);
    let choices = (0..encoding.choices.len()).map(|i| shares(promising, i, encoding.choices[i].size)).collect();
    Distribution::new(encoding, mean, AROUND, covariance).with_choices(choices)
}

/// How often each choice is among the solutions, with a floor.
fn shares(promising: &[Solution], choice: usize, size: usize) -> Vec<f64> {
    let mut shares = vec![0.0; size];
    let seen: Vec<usize> = promising.iter().filter_map(|solution| solution.chosen[choice]).collect();
    for &chosen in &seen {
        shares[chosen] += 1.0 / seen.len() as f64;
    }
    if seen.is_empty() {
        shares.fill(1.0 / size as f64);
    }
    raise_to((1.0 - MOST_LIKELY) / (size as f64 - 1.0), &mut shares);
    shares
}

#[cfg(test)]
mod tests {
    use tunefork_space::{Domain, Parameter, Space};

    use super::*;

    #[test]
    fn a_tenth_is_promising() {
        for (trials, expected) in [(0, 0), (9, 0), (10, 1), (11, 2), (100, 10)] {
            assert_eq!(promising(trials), expected, "of {trials}");
        }
    }

    #[test]
    fn the_fit_has_the_moments_of_the_mixture() {
        let unit = |name: &str| Parameter::new(name, Domain::uniform(0.0, 1.0).unwrap());
        let kind = Parameter::new("kind", Domain::choice(["a", "b", "c"]).unwrap());
        let encoding = Encoding::new(&Space::new(vec![unit("x"), unit("y"), kind]).unwrap());
        let at = |x, y, kind| Solution { places: vec![x, y], chosen: vec![kind] };
        let fit = distribution(&encoding, &[at(0.2, 0.5, Some(1)), at(0.4, 0.9, None)], false);
        let (mean, sigma, ..) = fit.moments();
        let near = |value: f64, expected: f64| assert!((value - expected).abs() < 1e-12, "{value} {expected}");
        near(mean[0], 0.3);
        near(mean[1], 0.7);
        let entries = fit.covariance.entries();
        for (entry, expected) in entries.iter().zip([0.01 + 0.01, 0.02, 0.02, 0.01 + 0.04]) {
            near(entry * sigma * sigma, expected);
        }
        for (share, expected) in fit.choices()[0].iter().zip([0.05, 0.9, 0.05]) {
            near(*share, expected);
        }
    }
}
