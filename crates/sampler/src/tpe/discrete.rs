//! Kernels of an integer or stepped parameter: each value gets the normal mass of its cell.

use tunefork_rng::Stream;
use tunefork_simd::exact;
use tunefork_space::Domain;

use super::{kernels::Kernels, numeric::Numeric, rules::Rules, truncated_normal};

/// In cells narrower than this many widths the mass is taken as density times cell: the difference
/// of two distribution functions would be rounded away.
const NARROW_CELL: f64 = 1e-4;

/// ln √(2π)
const LOG_ROOT_OF_TAU: f64 = 0.918_938_533_204_672_8;

#[derive(Debug)]
pub(super) struct Discrete {
    domain: Domain,
    step: f64,
    numeric: Numeric,
    /// By slot, which of the distinct kernels it has. Observations repeat on a grid, so there are
    /// far fewer kernels than observations: one per value, by HyperOpt's rules at most three.
    shape: Vec<u32>,
    // By shape; shape 0 is the prior:
    mean: Vec<f64>,
    width: Vec<f64>,
    /// ln of the mass inside the bounds.
    log_inside: Vec<f64>,
}

impl Discrete {
    pub(super) fn new(domain: Domain, step: f64, rules: Rules) -> Self {
        let numeric = Numeric::new(&domain, rules);
        let mut kernels = Self {
            domain,
            step,
            numeric,
            shape: Vec::new(),
            mean: Vec::new(),
            width: Vec::new(),
            log_inside: Vec::new(),
        };
        kernels.update(&[], &[]);
        kernels
    }

    /// ln of each shape's normal mass between two transformed bounds.
    fn log_masses(&self, low: f64, high: f64) -> Vec<f64> {
        let standard = |bound: f64| {
            let kernels = self.mean.iter().zip(&self.width);
            kernels.map(|(mean, width)| (bound - mean) / width).collect::<Vec<f64>>()
        };
        let (mut masses, upper) = (standard(low), standard(high));
        exact::normal_mass(&mut masses, &upper);
        exact::ln(&mut masses);
        for (mass, (mean, width)) in masses.iter_mut().zip(self.mean.iter().zip(&self.width)) {
            let cell = (high - low) / width;
            if cell < NARROW_CELL {
                let middle = (0.5 * (low + high) - mean) / width;
                *mass = libm::log(cell) - 0.5 * middle * middle - LOG_ROOT_OF_TAU;
            }
        }
        masses
    }

    /// ln of the probability that each shape gives to an internal value.
    fn log_probabilities(&self, value: f64) -> Vec<f64> {
        let low = self.domain.transform(value - self.step / 2.0);
        let high = self.domain.transform(value + self.step / 2.0);
        let mut probabilities = self.log_masses(low, high);
        for (probability, inside) in probabilities.iter_mut().zip(&self.log_inside) {
            *probability -= inside;
        }
        probabilities
    }
}

impl Kernels for Discrete {
    fn update(&mut self, column: &[f64], member: &[bool]) {
        self.numeric.update(&self.domain, column, member, |_, _, _| {});
        let (mean, width) = self.numeric.prior();
        self.mean.clear();
        self.mean.push(mean);
        self.width.clear();
        self.width.push(width);
        self.shape.clear();
        self.shape.resize(column.len() + 1, 0);
        let mut last = None;
        for (slot, mean, width) in self.numeric.ranked() {
            if last != Some((mean, width)) {
                last = Some((mean, width));
                self.mean.push(mean);
                self.width.push(width);
            }
            self.shape[slot] = self.mean.len() as u32 - 1;
        }
        self.log_inside = self.log_masses(self.numeric.low, self.numeric.high);
    }

    /// By HyperOpt's rules a kernel is met as often as what is drawn from it lies inside the bounds.
    fn weigh(&self, weights: &mut [f64]) {
        if self.numeric.rules == Rules::Hyperopt {
            let inside: Vec<f64> = self.log_inside.iter().map(|&inside| libm::exp(inside)).collect();
            for (weight, &shape) in weights.iter_mut().zip(&self.shape) {
                *weight *= inside[shape as usize];
            }
        }
    }

    fn draw(&self, slot: usize, stream: &mut Stream) -> f64 {
        let Numeric { low, high, .. } = self.numeric;
        let shape = self.shape[slot] as usize;
        let (mean, width) = (self.mean[shape], self.width[shape]);
        let transformed = truncated_normal::draw(mean, width, low, high, stream.f64());
        self.domain.untransform(transformed)
    }

    fn internal(&self, coordinate: f64) -> f64 {
        coordinate
    }

    fn add_constants(&self, _exponents: &mut [f64]) {}

    fn add_log_densities(&self, coordinates: &[f64], exponents: &mut [Vec<f64>]) {
        for_each_value(coordinates, |value, places| {
            let probabilities = self.log_probabilities(value);
            let column: Vec<f64> = self.shape.iter().map(|&shape| probabilities[shape as usize]).collect();
            for &place in places {
                exact::add(&mut exponents[place], &column);
            }
        });
    }
}

/// Calls `visit(value, places)` once for each distinct value, with the places where it stands.
pub(super) fn for_each_value(values: &[f64], mut visit: impl FnMut(f64, &[usize])) {
    let mut places: Vec<usize> = (0..values.len()).collect();
    places.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    for group in places.chunk_by(|&a, &b| values[a] == values[b]) {
        visit(values[group[0]], group);
    }
}
