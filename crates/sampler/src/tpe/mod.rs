//! The tree-structured Parzen estimator.
//!
//! Bergstra et al., "Algorithms for hyper-parameter optimization", NeurIPS 2011, by the rules of
//! Optuna 5 for one objective or, where `rules` tells them apart, of HyperOpt 0.3. The files follow the mathematics: `split` divides the trials into good
//! and bad ones, `parzen` turns each set into a density, a mixture of `kernels` (`continuous`,
//! `discrete`, `categorical`; `numeric` places them), and `truncated_normal` draws from them. The
//! proposal is the candidate, drawn from the good density, that is likeliest to be good.

mod categorical;
mod continuous;
mod discrete;
mod hyperopt;
mod kernels;
mod numeric;
mod parzen;
mod rules;
mod split;
pub(crate) mod truncated_normal;

#[cfg(test)]
mod golden;

use tunefork_rng::Stream;
use tunefork_space::{Domain, Point, Space};
use tunefork_trial::{History, TrialNumber};

pub use self::hyperopt::HyperoptOptions;
use self::{
    kernels::{Kernels, for_domain},
    parzen::Parzen,
    rules::Rules,
    split::Split,
};
use crate::standing::Standing;
use crate::{
    Ask, Proposal, Random, Sampler, SamplerError, SamplerKind,
    random::{Among, draw, others},
};

/// When [`Tpe`] begins to learn, and how it proposes then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TpeOptions {
    /// Proposals are random until so many trials are complete or pruned.
    pub startup_trials: u32,
    /// How many candidates are drawn for each proposal; 1 or more.
    pub candidates: u32,
    /// Whether parameters that every trial has are proposed together. Otherwise each is proposed by
    /// itself, which is blind to values that only work in combination.
    pub multivariate: bool,
    /// Whether running trials count as bad ones, which keeps trials that run at the same
    /// time apart.
    pub constant_liar: bool,
}

impl Default for TpeOptions {
    /// Optuna 5's defaults: 10 start-up trials, 24 candidates, multivariate, constant liar.
    fn default() -> Self {
        Self { startup_trials: 10, candidates: 24, multivariate: true, constant_liar: true }
    }
}

/// The tree-structured Parzen estimator.
///
/// Parameters without conditions that every finished trial has are proposed jointly. Every other
/// parameter follows by itself, those with conditions after the ones that they depend on, learning
/// from the trials in which it was present.
///
/// Complete trials are ranked by value and come before pruned ones, which are ranked by how far they
/// got and their last value (NaN counts as the worst). Failed and waiting trials are ignored.
///
/// [`Tpe::hyperopt`] follows other rules.
#[derive(Debug)]
pub struct Tpe {
    options: TpeOptions,
    rules: Rules,
    /// The space that `bad` belongs to.
    space: Space,
    /// Per parameter, the kernels of the bad trials: a cache, brought up to date at each proposal.
    bad: Vec<Box<dyn Kernels>>,
    exponents: Vec<Vec<f64>>,
    /// Draws while too little is known, and where what is likely to be good is not admitted.
    random: Random,
}

/// How often a point is drawn from what is likely to be good, before one is drawn at random since the region admits none of these.
const TRIES: u32 = 32;

impl Tpe {
    /// Checks the options.
    ///
    /// # Errors
    /// No candidates.
    pub fn new(options: TpeOptions) -> Result<Self, SamplerError> {
        Self::with(options, Rules::Optuna)
    }

    fn with(options: TpeOptions, rules: Rules) -> Result<Self, SamplerError> {
        if options.candidates == 0 {
            return Err(SamplerError::Option { option: "candidates", value: 0.0, allowed: "1 or more" });
        }
        let (bad, exponents, random) = (Vec::new(), Vec::new(), Random::new());
        Ok(Self { options, rules, space: Space::default(), bad, exponents, random })
    }

    /// Forgets the kernels when the space is another one.
    fn meet(&mut self, space: &Space) {
        if self.space != *space {
            self.bad = space.parameters().iter().map(|p| for_domain(&p.domain, self.rules)).collect();
            self.space = space.clone();
        }
    }

    /// Whether too little is known for densities.
    fn is_starting(&self, ask: &Ask<'_>) -> bool {
        let known = |&trial: &_| self.rules.count(Standing::of(ask.history, trial), self.options.constant_liar);
        others(ask).filter(known).count() < self.options.startup_trials as usize
    }

    fn split(&self, ask: &Ask<'_>) -> Split {
        Split::new(ask.history, ask.number, self.rules, self.options.constant_liar)
    }

    fn joint(&self, history: &History) -> Vec<usize> {
        let space = history.space();
        let everywhere = |&index: &usize| {
            let present = history.numbers().zip(history.column(index));
            let lacks = |(trial, value): (TrialNumber, &f64)| value.is_nan() && Standing::of(history, trial).is_known();
            !present.into_iter().any(lacks)
        };
        (0..space.len())
            .filter(|_| self.options.multivariate)
            .filter(|&index| !space.is_conditional(index) && !space.domain(index).is_single())
            .filter(everywhere)
            .collect()
    }

    /// A value for every active parameter, likely to be good.
    fn propose_point(&mut self, history: &History, split: &Split, stream: &mut Stream) -> Point {
        let space = history.space();
        let mut point = Point::absent(space.len());
        let joint = self.joint(history);
        if !joint.is_empty() {
            let values = self.propose_group(history, split, &joint, stream);
            for (&index, value) in joint.iter().zip(values) {
                point.set(index, value);
            }
        }
        for &index in space.topological_order() {
            if point.has(index) || !space.is_active(&point, index) {
                continue;
            }
            let domain = space.domain(index);
            let value = match domain.is_single() {
                true => domain.nth(0),
                false => self.propose_group(history, split, &[index], stream)[0],
            };
            point.set(index, value);
        }
        point
    }

    /// Internal values for a group of parameters, proposed together.
    fn propose_group(&mut self, history: &History, split: &Split, group: &[usize], stream: &mut Stream) -> Vec<f64> {
        let mut complete = vec![true; history.len()];
        for &index in group {
            let domain = history.space().domain(index);
            for (complete, &value) in complete.iter_mut().zip(history.column(index)) {
                *complete &= is_observed(domain, value);
            }
        }
        let good: Vec<usize> = split.good.iter().copied().filter(|&trial| complete[trial]).collect();
        let all = vec![true; good.len()];
        let mut good_kernels: Vec<Box<dyn Kernels>> = Vec::with_capacity(group.len());
        for &index in group {
            let column: Vec<f64> = good.iter().map(|&trial| history.column(index)[trial]).collect();
            let mut kernels = for_domain(history.space().domain(index), self.rules);
            kernels.update(&column, &all);
            good_kernels.push(kernels);
        }
        let good = Parzen::new(good_kernels.iter().map(|kernels| &**kernels).collect(), &all);

        let mut member = vec![false; history.len()];
        for &trial in &split.bad {
            member[trial] = complete[trial];
        }
        for &index in group {
            self.bad[index].update(history.column(index), &member);
        }
        let bad = Parzen::new(group.iter().map(|&index| &*self.bad[index]).collect(), &member);

        let candidates = good.draw(self.options.candidates as usize, stream);
        let likely_good = good.log_density(&candidates, &mut self.exponents);
        let likely_bad = bad.log_density(&candidates, &mut self.exponents);
        let scores = likely_good.iter().zip(&likely_bad);
        let best = first_largest(scores.map(|(good, bad)| good - bad));
        let chosen = good_kernels.iter().zip(&candidates);
        chosen.map(|(kernels, coordinates)| kernels.internal(coordinates[best])).collect()
    }
}

impl Sampler for Tpe {
    fn name(&self) -> &'static str {
        match self.rules {
            Rules::Optuna => SamplerKind::Tpe.name(),
            Rules::Hyperopt => SamplerKind::Hyperopt.name(),
        }
    }

    fn propose(&mut self, ask: &Ask<'_>) -> Proposal {
        let mut stream = ask.stream();
        if !self.is_starting(ask) {
            self.meet(ask.history.space());
            let split = self.split(ask);
            for _ in 0..TRIES {
                let point = self.propose_point(ask.history, &split, &mut stream);
                if ask.region.admits(&point) {
                    return Proposal::Point(point);
                }
            }
        }
        self.random.draw(ask, &mut stream, Among::All)
    }

    fn propose_one(&mut self, ask: &Ask<'_>, parameter: usize) -> f64 {
        let domain = ask.history.space().domain(parameter);
        let mut stream = ask.stream_of(parameter);
        if domain.is_single() || self.is_starting(ask) {
            return draw(domain, &mut stream);
        }
        self.meet(ask.history.space());
        let split = self.split(ask);
        self.propose_group(ask.history, &split, &[parameter], &mut stream)[0]
    }

    fn trials(&self, _space: &Space) -> Option<u64> {
        None
    }
}

/// Whether an internal value can be learnt from: present, and one of the choices if there are any.
fn is_observed(domain: &Domain, value: f64) -> bool {
    match domain {
        Domain::Categorical { choices, .. } => (0.0..choices.len() as f64).contains(&value),
        Domain::Float { .. } | Domain::Int { .. } => !value.is_nan(),
    }
}

/// The place of the largest value, of equal ones the first.
fn first_largest(values: impl Iterator<Item = f64>) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for (place, value) in values.enumerate() {
        if value > best.1 {
            best = (place, value);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equal_ones_is_the_largest() {
        assert_eq!(first_largest([1.0, 3.0, 2.0, 3.0].into_iter()), 1);
        assert_eq!(first_largest([f64::NEG_INFINITY, f64::NAN, -2.0].into_iter()), 2);
        assert_eq!(first_largest([f64::NEG_INFINITY; 2].into_iter()), 0);
    }
}
