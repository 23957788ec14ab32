//! Where solutions are drawn from, and how it learns from a generation of them.

use tunefork_rng::Stream;
use tunefork_simd::exact;

use super::{
    constants::Constants,
    covariance::Covariance,
    encoding::{Coordinate, Encoding, Observed},
    margin::with_margin,
};
use crate::tpe::truncated_normal;

/// ln of the largest factor by which the step size grows from one generation to the next: solutions that were not drawn from this distribution
/// may lie anywhere.
const MOST_GROWTH: f64 = 1.0;

/// The largest step size, as a share of a parameter's range.
const LARGEST_SIGMA: f64 = 1e32;

/// Longer steps than √d and this are cut: a normal vector's length has a standard deviation of about 0.7, so that of its own hardly any is.
const BEYOND_USUAL: f64 = 3.0;

/// How fast the probabilities of choices follow those of the better half of a generation.
const CHOICE_RATE: f64 = 0.3;

/// How likely it is that all categorical parameters have their likeliest choice, at most.
const MOST_CERTAIN: f64 = 0.73;

/// A normal distribution N(m, σ² C) over coordinates and independent distributions over choices.
#[derive(Clone, Debug)]
pub(super) struct Distribution {
    /// m.
    mean: Vec<f64>,
    /// σ: the step size.
    sigma: f64,
    pub(super) covariance: Covariance,
    /// p_σ: the path of the step size.
    path_sigma: Vec<f64>,
    /// p_c: the path of the covariance.
    path_c: Vec<f64>,
    /// A: by how much the margin widens each coordinate.
    widening: Vec<f64>,
    /// Per categorical parameter, how likely each choice is.
    choices: Vec<Vec<f64>>,
    generation: u32,
}

/// A solution: where a trial is in the search, as far as it is known.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Solution {
    /// A place for each coordinate.
    pub(super) places: Vec<f64>,
    pub(super) chosen: Vec<Option<usize>>,
}

impl Distribution {
    /// The distribution of a first generation. All choices are equally likely.
    pub(super) fn new(encoding: &Encoding, mean: Vec<f64>, sigma: f64, covariance: Covariance) -> Self {
        let dimensions = mean.len();
        let even = |size: usize| vec![1.0 / size as f64; size];
        Self {
            mean,
            sigma,
            covariance,
            path_sigma: vec![0.0; dimensions],
            path_c: vec![0.0; dimensions],
            widening: vec![1.0; dimensions],
            choices: encoding.choices.iter().map(|choice| even(choice.size)).collect(),
            generation: 0,
        }
    }

    /// The same with other probabilities of the choices.
    pub(super) fn with_choices(self, choices: Vec<Vec<f64>>) -> Self {
        Self { choices, ..self }
    }

    /// Draws a place for each coordinate and a choice for each categorical parameter. Places of continuous parameters outside of their range
    /// are drawn anew, all together, up to ten times per coordinate.
    pub(super) fn draw(&self, encoding: &Encoding, stream: &mut Stream) -> (Vec<f64>, Vec<usize>) {
        let inside =
            |(coordinate, place): (&Coordinate, &f64)| !coordinate.is_continuous() || (0.0..=1.0).contains(place);
        let mut places = self.draw_places(stream);
        for _ in 0..10 * places.len() {
            if encoding.coordinates.iter().zip(&places).all(inside) {
                break;
            }
            places = self.draw_places(stream);
        }
        let chosen = self.choices.iter().map(|likely| pick(likely, stream.f64())).collect();
        (places, chosen)
    }

    fn draw_places(&self, stream: &mut Stream) -> Vec<f64> {
        let normal: Vec<f64> = self.mean.iter().map(|_| stream.normal()).collect();
        let mut places = self.covariance.colour(&normal);
        for ((place, mean), widening) in places.iter_mut().zip(&self.mean).zip(&self.widening) {
            *place = mean + self.sigma * widening * *place;
        }
        places
    }

    /// A place of one coordinate, drawn by itself.
    pub(super) fn draw_place(&self, coordinate: usize, stream: &mut Stream) -> f64 {
        self.mean[coordinate] + self.deviation(coordinate) * stream.normal()
    }

    /// A choice of one categorical parameter.
    pub(super) fn draw_choice(&self, choice: usize, stream: &mut Stream) -> usize {
        pick(&self.choices[choice], stream.f64())
    }

    /// The solution behind a trial. What its values hide is drawn again, from what they leave possible: the place within a rounded value's
    /// cell, and all of a parameter that was absent, which so takes part without pulling the distribution anywhere. Since nothing that was
    /// observed depends on what is hidden, such a draw is as good as the one that was made for the trial.
    pub(super) fn reveal(&self, observed: &Observed, stream: &mut Stream) -> Solution {
        let mut place = |(i, &(low, high)): (usize, &(f64, f64))| {
            // A draw for every coordinate, so that none depends on what is known of the others.
            let u = stream.f64();
            if low == high {
                low
            } else {
                truncated_normal::draw_anywhere(self.mean[i], self.deviation(i), low, high, u)
            }
        };
        let places = observed.cells.iter().enumerate().map(&mut place).collect();
        Solution { places, chosen: observed.chosen.clone() }
    }

    /// d: how many coordinates there are.
    pub(super) fn dimensions(&self) -> usize {
        self.mean.len()
    }

    /// By how much a coordinate varies, with the margin.
    fn deviation(&self, coordinate: usize) -> f64 {
        self.sigma * self.widening[coordinate] * self.covariance.deviation(coordinate)
    }

    /// Learns from a generation, best first (equations 36 to 47 of the tutorial).
    pub(super) fn learn(&mut self, constants: &Constants, encoding: &Encoding, ranked: &[Solution]) {
        self.generation += 1;
        self.learn_choices(constants, encoding, ranked);
        if self.mean.is_empty() {
            return;
        }
        let d = self.mean.len() as f64;
        let steps: Vec<Step> = ranked.iter().map(|solution| self.step(&solution.places)).collect();
        let better = || steps.iter().zip(&constants.weights).filter(|(_, weight)| **weight > 0.0);
        let average = |part: fn(&Step) -> &[f64], i: usize| better().map(|(step, w)| w * part(step)[i]).sum::<f64>();
        let moved: Vec<f64> = (0..self.mean.len()).map(|i| average(|step| &step.raw, i)).collect();
        let moved_white: Vec<f64> = (0..self.mean.len()).map(|i| average(|step| &step.white, i)).collect();

        for (i, mean) in self.mean.iter_mut().enumerate() {
            *mean += self.sigma * self.widening[i] * moved[i];
        }
        follow(&mut self.path_sigma, constants.c_sigma, constants.mu_eff, &moved_white);
        let length = norm(&self.path_sigma);
        // A path that is long because the step size is too small would make the covariance grow in its place.
        let age = f64::from(2 * self.generation);
        let settled = length / (1.0 - libm::pow(1.0 - constants.c_sigma, age)).sqrt();
        let stalls = settled >= (1.4 + 2.0 / (d + 1.0)) * constants.chi;
        let still = vec![0.0; moved.len()];
        follow(&mut self.path_c, constants.c_c, constants.mu_eff, if stalls { &still } else { &moved });
        self.learn_covariance(constants, &steps, stalls);
        let growth = constants.c_sigma / constants.d_sigma * (length / constants.chi - 1.0);
        self.sigma = (self.sigma * libm::exp(growth.min(MOST_GROWTH))).min(LARGEST_SIGMA);
        self.keep_margin(constants, encoding);
    }

    fn learn_covariance(&mut self, constants: &Constants, steps: &[Step], stalls: bool) {
        let d = self.mean.len() as f64;
        let missing = if stalls { constants.c_1 * constants.c_c * (2.0 - constants.c_c) } else { 0.0 };
        let weights: f64 = constants.weights.iter().sum();
        let keep = 1.0 + missing - constants.c_1 - constants.c_mu * weights;
        let mut terms = vec![(constants.c_1, self.path_c.as_slice())];
        for (step, &weight) in steps.iter().zip(&constants.weights) {
            // A bad solution far away must not make the covariance negative.
            let length = norm(&step.white);
            let weight = if weight < 0.0 { weight * d / (length * length + 1e-8) } else { weight };
            terms.push((constants.c_mu * weight, &step.raw));
        }
        self.covariance.update(keep, &terms);
    }

    /// From the mean to some places, in units of the step size. A step longer than nearly all that are drawn comes from elsewhere: an
    /// enqueued trial's, or one of an older generation's; it is shortened (Hansen, "Injecting external solutions into CMA-ES",
    /// arXiv 1110.4181).
    fn step(&self, places: &[f64]) -> Step {
        let apart = places.iter().zip(&self.mean).zip(&self.widening);
        let mut raw: Vec<f64> =
            apart.map(|((place, mean), widening)| (place - mean) / (self.sigma * widening)).collect();
        let mut white = self.covariance.whiten(&raw);
        let longest = (raw.len() as f64).sqrt() + BEYOND_USUAL;
        let length = norm(&white);
        if length > longest {
            raw.iter_mut().chain(&mut white).for_each(|part| *part *= longest / length);
        }
        Step { raw, white }
    }

    fn keep_margin(&mut self, constants: &Constants, encoding: &Encoding) {
        let margin = 1.0 / (self.mean.len() * constants.population()) as f64;
        for (i, coordinate) in encoding.coordinates.iter().enumerate() {
            if coordinate.is_continuous() {
                continue;
            }
            let narrow = self.sigma * self.covariance.deviation(i);
            let (mean, deviation) = with_margin(self.mean[i], narrow, coordinate.cell_at(self.mean[i]), margin);
            (self.mean[i], self.widening[i]) = (mean, deviation / narrow);
        }
    }

    /// The probabilities move towards the weighted shares of the choices in the better half of the generation, and keep to a floor (as in
    /// Hamano et al., "CatCMA", arXiv 2405.09962, there with a learning rate that adapts itself).
    fn learn_choices(&mut self, constants: &Constants, encoding: &Encoding, ranked: &[Solution]) {
        let certain = libm::pow(MOST_CERTAIN, 1.0 / encoding.choices.len().max(1) as f64);
        for (i, likely) in self.choices.iter_mut().enumerate() {
            let before = likely.clone();
            for (solution, &weight) in ranked.iter().zip(&constants.weights).filter(|(_, weight)| **weight > 0.0) {
                let Some(chosen) = solution.chosen[i] else { continue };
                for (choice, likely) in likely.iter_mut().enumerate() {
                    let seen = if choice == chosen { 1.0 } else { 0.0 };
                    *likely += CHOICE_RATE * weight * (seen - before[choice]);
                }
            }
            let floor = (1.0 - certain) / (likely.len() as f64 - 1.0);
            raise_to(floor, likely);
        }
    }

    /// Whether nothing can come of this distribution any more: it is narrower than `narrowest`, its shape or size is out of all
    /// proportion, or its steps are lost in the rounding of the mean.
    pub(super) fn is_spent(&self, narrowest: f64) -> bool {
        if self.mean.is_empty() {
            return false;
        }
        let d = self.mean.len();
        let is_small = |size: f64| self.sigma * size < narrowest;
        let is_narrow = (0..d).all(|i| is_small(self.covariance.deviation(i)) && is_small(self.path_c[i].abs()));
        let deviations = self.covariance.deviations();
        let longest = deviations.iter().fold(0.0, |most: f64, deviation| most.max(*deviation));
        let shortest = deviations.iter().fold(f64::INFINITY, |least, deviation| least.min(*deviation));
        let unmoved = |i: usize, step: f64| self.mean[i] + step == self.mean[i];
        let no_coordinate = (0..d).any(|i| unmoved(i, 0.2 * self.sigma * self.covariance.deviation(i)));
        let axis = self.covariance.axis(self.generation as usize % d);
        let no_axis = (0..d).all(|i| unmoved(i, 0.1 * self.sigma * axis[i]));
        is_narrow || self.sigma * longest > 1e4 || longest / shortest > 1e7 || no_coordinate || no_axis
    }

    #[cfg(test)]
    pub(super) fn moments(&self) -> (&[f64], f64, &[f64], &[f64]) {
        (&self.mean, self.sigma, &self.path_sigma, &self.path_c)
    }

    #[cfg(test)]
    pub(super) fn choices(&self) -> &[Vec<f64>] {
        &self.choices
    }
}

/// A step from the mean, and the same whitened.
struct Step {
    raw: Vec<f64>,
    white: Vec<f64>,
}

/// path ← (1 − c) path + √(c (2 − c) µ_eff) · step: of random steps it stays as long as it is.
fn follow(path: &mut [f64], c: f64, mu_eff: f64, step: &[f64]) {
    let share = (c * (2.0 - c) * mu_eff).sqrt();
    path.iter_mut().zip(step).for_each(|(path, step)| *path = (1.0 - c) * *path + share * step);
}

fn norm(vector: &[f64]) -> f64 {
    vector.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// The place at which the cumulated probabilities pass `u`.
fn pick(likely: &[f64], u: f64) -> usize {
    let mut cumulated = 0.0;
    let passed = |likely: &f64| {
        cumulated += likely;
        u < cumulated
    };
    likely.iter().position(passed).unwrap_or(likely.len() - 1)
}

/// Lifts probabilities to a floor and takes what that costs from the others, in proportion to what they have above it.
pub(super) fn raise_to(floor: f64, likely: &mut [f64]) {
    likely.iter_mut().for_each(|likely| *likely = likely.max(floor));
    let spare = 1.0 - floor * likely.len() as f64;
    let above = exact::sum(likely) - floor * likely.len() as f64;
    if above > 0.0 {
        likely.iter_mut().for_each(|likely| *likely = floor + (*likely - floor) * spare / above);
    }
}
