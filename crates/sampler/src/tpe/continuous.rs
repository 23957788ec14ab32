//! Kernels of a continuous parameter: normal densities cut off at the bounds.

use tunefork_rng::Stream;
use tunefork_simd::exact;
use tunefork_space::Domain;

use super::{
    kernels::Kernels,
    numeric::{Numeric, PRIOR},
    rules::Rules,
    truncated_normal,
};

/// √(2π)
const ROOT_OF_TAU: f64 = 2.506_628_274_631_000_5;

#[derive(Debug)]
pub(super) struct Continuous {
    domain: Domain,
    numeric: Numeric,
    // By slot:
    mean: Vec<f64>,
    inverse_width: Vec<f64>,
    /// The mass inside the bounds.
    inside: Vec<f64>,
    /// −ln(width · √(2π) · mass inside the bounds).
    log_scale: Vec<f64>,
}

impl Continuous {
    pub(super) fn new(domain: Domain, rules: Rules) -> Self {
        let numeric = Numeric::new(&domain, rules);
        let (mean, width) = numeric.prior();
        let (mean, inverse_width) = (vec![mean], vec![1.0 / width]);
        let mut kernels = Self { domain, numeric, mean, inverse_width, inside: vec![0.0], log_scale: vec![0.0] };
        kernels.rescale(&[PRIOR]);
        kernels
    }

    /// Computes the constant factors of some kernels.
    fn rescale(&mut self, slots: &[usize]) {
        let Numeric { low, high, .. } = self.numeric;
        let standard = |bound: f64| {
            let standard = |&slot: &usize| (bound - self.mean[slot]) * self.inverse_width[slot];
            slots.iter().map(standard).collect::<Vec<f64>>()
        };
        let mut scales = standard(low);
        exact::normal_mass(&mut scales, &standard(high));
        for (scale, &slot) in scales.iter_mut().zip(slots) {
            self.inside[slot] = *scale;
            *scale = self.inverse_width[slot] / (ROOT_OF_TAU * *scale);
        }
        exact::ln(&mut scales);
        for (scale, &slot) in scales.into_iter().zip(slots) {
            self.log_scale[slot] = scale;
        }
    }
}

impl Kernels for Continuous {
    fn update(&mut self, column: &[f64], member: &[bool]) {
        let slots = (column.len() + 1).max(self.mean.len());
        for values in [&mut self.mean, &mut self.inverse_width, &mut self.inside, &mut self.log_scale] {
            values.resize(slots, 0.0);
        }
        let mut changed = Vec::new();
        self.numeric.update(&self.domain, column, member, |slot, mean, width| {
            self.mean[slot] = mean;
            self.inverse_width[slot] = 1.0 / width;
            changed.push(slot);
        });
        self.rescale(&changed);
    }

    /// By HyperOpt's rules a kernel is met as often as what is drawn from it lies inside the bounds.
    fn weigh(&self, weights: &mut [f64]) {
        if self.numeric.rules == Rules::Hyperopt {
            for (weight, inside) in weights.iter_mut().zip(&self.inside) {
                *weight *= inside;
            }
        }
    }

    fn draw(&self, slot: usize, stream: &mut Stream) -> f64 {
        let Numeric { low, high, .. } = self.numeric;
        let width = 1.0 / self.inverse_width[slot];
        truncated_normal::draw(self.mean[slot], width, low, high, stream.f64())
    }

    fn internal(&self, coordinate: f64) -> f64 {
        self.domain.untransform(coordinate)
    }

    fn add_constants(&self, exponents: &mut [f64]) {
        exact::add(exponents, &self.log_scale);
    }

    fn add_log_densities(&self, coordinates: &[f64], exponents: &mut [Vec<f64>]) {
        for (&coordinate, exponents) in coordinates.iter().zip(exponents) {
            exact::subtract_half_square(exponents, coordinate, &self.mean, &self.inverse_width);
        }
    }
}
