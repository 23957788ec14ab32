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
        let members = (0..member.len())
            .filter(|&trial| member[trial])
            .map(|trial| trial + 1);
        let count = member.iter().filter(|&&member| member).count();
        for (slot, weight) in members.zip(weights(count)).chain([(PRIOR, 1.0)]) {
            by_slot[slot] = weight;
            constants[slot] = 0.0;
        }
        let total = exact::sum(&by_slot);
        for weight in &mut by_slot {
            *weight /= total;
        }
        for kernels in &kernels {
            kernels.add_constants(&mut constants);
        }
        Self {
            kernels,
            weights: by_slot,
            constants,
        }
    }

    /// Random candidates; one list of coordinates per parameter.
    pub(super) fn draw(&self, count: usize, stream: &mut Stream) -> Vec<Vec<f64>> {
        let components: Vec<usize> = (0..count).map(|_| self.component(stream.f64())).collect();
        let coordinates = |kernels: &&dyn Kernels| {
            components
                .iter()
                .map(|&slot| kernels.draw(slot, stream))
                .collect()
        };
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
    pub(super) fn log_density(
        &self,
        candidates: &[Vec<f64>],
        exponents: &mut Vec<Vec<f64>>,
    ) -> Vec<f64> {
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
