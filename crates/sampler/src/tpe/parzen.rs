//! A density over several parameters: a weighted mixture of products of kernels.

use tunefork_rng::Stream;
use tunefork_simd::exact;

use super::{kernels::Kernels, numeric::PRIOR, split::weights};

/// The density that a set of trials gives rise to.
///
/// Each trial is one component: the product of its kernels over all parameters. That is what lets
/// the density know which values go together.
pub(super) struct Parzen<'a> {
    kernels: Vec<&'a dyn Kernels>,
    /// By slot; 0 for trials that are not members. They sum to 1.
    weights: Vec<f64>,
    /// By slot, what the components' log densities have in common everywhere; −∞ without weight.
    constants: Vec<f64>,
}

impl<'a> Parzen<'a> {
    /// The density of the members, oldest first. The kernels must have been updated for them.
    pub(super) fn new(kernels: Vec<&'a dyn Kernels>, member: &[bool]) -> Self {
        let mut by_slot = vec![0.0; member.len() + 1];
        let mut constants = vec![f64::NEG_INFINITY; by_slot.len()];
        let members = (0..member.len()).filter(|&trial| member[trial]).map(|trial| trial + 1);
        let count = member.iter().filter(|&&member| member).count();
        for (slot, weight) in members.zip(weights(count)).chain([(PRIOR, 1.0)]) {
            by_slot[slot] = weight;
            constants[slot] = 0.0;
        }
        for kernels in &kernels {
            kernels.weigh(&mut by_slot);
        }
        let total = exact::sum(&by_slot);
        for weight in &mut by_slot {
            *weight /= total;
        }
        for kernels in &kernels {
            kernels.add_constants(&mut constants);
        }
        Self { kernels, weights: by_slot, constants }
    }

    /// Random candidates; one list of coordinates per parameter.
    pub(super) fn draw(&self, count: usize, stream: &mut Stream) -> Vec<Vec<f64>> {
        let components: Vec<usize> = (0..count).map(|_| self.component(stream.f64())).collect();
        let coordinates = |kernels: &&dyn Kernels| components.iter().map(|&slot| kernels.draw(slot, stream)).collect();
        self.kernels.iter().map(coordinates).collect()
    }

    /// The component at which the cumulated weights pass `u`.
    fn component(&self, u: f64) -> usize {
        let mut cumulated = 0.0;
        let passed = |weight: &f64| {
            cumulated += weight;
            u < cumulated
        };
        self.weights.iter().position(passed).unwrap_or(PRIOR)
    }

    /// ln of the density at each candidate. `exponents` is working memory, kept between calls
    /// because asking the system for it anew takes longer than the arithmetic.
    pub(super) fn log_density(&self, candidates: &[Vec<f64>], exponents: &mut Vec<Vec<f64>>) -> Vec<f64> {
        let count = candidates.first().map_or(0, Vec::len);
        exponents.resize_with(count, Vec::new);
        for exponents in exponents.iter_mut() {
            exponents.clone_from(&self.constants);
        }
        for (kernels, coordinates) in self.kernels.iter().zip(candidates) {
            kernels.add_log_densities(coordinates, exponents);
        }
        let density = |exponents: &mut Vec<f64>| exact::log_sum_exp(exponents, &self.weights);
        exponents.iter_mut().map(density).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tunefork_rng::{Key, Purpose};
    use tunefork_space::Domain;

    use super::{
        super::{kernels::for_domain, rules::Rules},
        *,
    };

    const BOTH: [Rules; 2] = [Rules::Optuna, Rules::Hyperopt];

    /// The density of some observations, at each of `coordinates`.
    fn densities(rules: Rules, domain: &Domain, observed: &[f64], coordinates: Vec<f64>) -> Vec<f64> {
        let member = vec![true; observed.len()];
        let mut kernels = for_domain(domain, rules);
        kernels.update(observed, &member);
        let density = Parzen::new(vec![&*kernels], &member);
        let log_densities = density.log_density(&[coordinates], &mut Vec::new());
        log_densities.into_iter().map(libm::exp).collect()
    }

    fn domains() -> [Domain; 5] {
        [
            Domain::int(-3, 9).unwrap(),
            Domain::int_log(1, 40).unwrap(),
            Domain::int(0, 100).unwrap().with_step(7.0).unwrap(),
            Domain::uniform(0.0, 1.0).unwrap().with_step(0.05).unwrap(),
            Domain::choice([1, 2, 3, 4]).unwrap(),
        ]
    }

    proptest! {
        #[test]
        fn probabilities_sum_to_1(picks in prop::collection::vec(0u64..1000, 0..60)) {
            for (domain, rules) in domains().into_iter().flat_map(|domain| BOTH.map(|rules| (domain.clone(), rules))) {
                let size = domain.size().unwrap();
                let observed: Vec<f64> = picks.iter().map(|pick| domain.nth(pick % size)).collect();
                let total: f64 = densities(rules, &domain, &observed, domain.grid().unwrap()).iter().sum();
                prop_assert!((total - 1.0).abs() < 1e-12, "{total} on {domain} by {rules:?}");
            }
        }

        #[test]
        fn densities_integrate_to_1(observed in prop::collection::vec(1.0..3.0, 0..60)) {
            let domains = [Domain::uniform(1.0, 3.0).unwrap(), Domain::log(1.0, 3.0).unwrap()];
            for (domain, rules) in domains.iter().flat_map(|domain| BOTH.map(|rules| (domain, rules))) {
                let (low, high) = domain.bounds().unwrap();
                // The midpoint rule on cells of a tenth of the narrowest kernel.
                let cell = (high - low) / 1000.0;
                let middles = (0..1000).map(|i| low + (f64::from(i) + 0.5) * cell).collect();
                let total: f64 = densities(rules, domain, &observed, middles).iter().sum::<f64>() * cell;
                prop_assert!((total - 1.0).abs() < 1e-3, "{total} on {domain} by {rules:?}");
            }
        }
    }

    /// Draws follow the density: each value comes up as often as its probability says.
    #[test]
    fn draws_follow_the_density() {
        for (domain, rules) in domains().into_iter().flat_map(|domain| BOTH.map(|rules| (domain.clone(), rules))) {
            let size = domain.size().unwrap();
            let observed: Vec<f64> = [0, 1, 1, 7, 3].iter().map(|k| domain.nth(k % size)).collect();
            let member = vec![true; observed.len()];
            let mut kernels = for_domain(&domain, rules);
            kernels.update(&observed, &member);
            let density = Parzen::new(vec![&*kernels], &member);
            let mut stream = Key::study(6).stream(Purpose::Propose);
            let draws = density.draw(20_000, &mut stream).remove(0);
            let grid = domain.grid().unwrap();
            let expected = densities(rules, &domain, &observed, grid.clone());
            for (value, probability) in grid.into_iter().zip(expected) {
                let count = draws.iter().filter(|&&draw| draw == value).count() as f64;
                let deviation = (20_000.0 * probability * (1.0 - probability)).sqrt();
                let surprise = (count - 20_000.0 * probability) / deviation;
                assert!(surprise.abs() < 5.0, "{value} of {domain} by {rules:?}: {count}, p = {probability}");
            }
        }
    }
}
