//! What the kernels of one parameter can do, whatever its kind.

use tunefork_rng::Stream;
use tunefork_space::Domain;

use super::{categorical::Categorical, continuous::Continuous, discrete::Discrete, rules::Rules};

/// The kernels of one parameter: slot 0 is the prior, slot n + 1 belongs to entry n of the column.
///
/// A *coordinate* is a value in the units in which the kernels work: transformed on a continuous
/// domain, internal on all others.
pub(super) trait Kernels: std::fmt::Debug + Send {
    /// Fits one kernel to each entry of `column` (internal values) that is a member. Slots of
    /// other entries hold arbitrary finite kernels; they must be given no weight.
    fn update(&mut self, column: &[f64], member: &[bool]);

    /// Turns the weights of the observations (and of the prior, 1), by slot, into those of the kernels.
    fn weigh(&self, weights: &mut [f64]);

    /// A random coordinate from one kernel.
    fn draw(&self, slot: usize, stream: &mut Stream) -> f64;

    fn internal(&self, coordinate: f64) -> f64;

    /// Adds to `exponents[slot]` the part of the kernels' log densities that is the same everywhere.
    fn add_constants(&self, exponents: &mut [f64]);

    /// Adds to `exponents[i][slot]` the rest of the kernels' log densities at `coordinates[i]`.
    fn add_log_densities(&self, coordinates: &[f64], exponents: &mut [Vec<f64>]);
}

pub(super) fn for_domain(domain: &Domain, rules: Rules) -> Box<dyn Kernels> {
    match domain {
        Domain::Categorical { choices, .. } => Box::new(Categorical::new(choices.len(), rules)),
        Domain::Float { step: None, .. } => Box::new(Continuous::new(domain.clone(), rules)),
        Domain::Float { step: Some(step), .. } => Box::new(Discrete::new(domain.clone(), *step, rules)),
        Domain::Int { step, .. } => Box::new(Discrete::new(domain.clone(), *step as f64, rules)),
    }
}
