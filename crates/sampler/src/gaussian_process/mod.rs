//! Bayesian optimisation with a Gaussian process.
//!
//! Jones, Schonlau and Welch, "Efficient global optimization of expensive black-box functions", Journal of Global Optimization
//! 13, 1998: a process fitted to the trials says, of every point, which values are to be expected there, and the proposal is
//! the point where the largest improvement is. The files follow the mathematics: `observations` says what each trial is taken
//! to be worth, `axes` where it lies, `matern` and `cholesky` are the kernel and the matrices of it, `fit` finds the length
//! scales (with `lbfgs`), `model` predicts, `improvement` weighs, and `search` looks for the best point.

mod axes;
mod cholesky;
mod fit;
mod improvement;
mod lbfgs;
mod matern;
mod model;
mod observations;
mod search;

#[cfg(test)]
mod reference;

use tunefork_rng::Stream;
use tunefork_space::{Point, Space};
use tunefork_trial::History;

use self::{
    axes::Axes,
    fit::{Data, Hyperparameters, fit},
    model::Model,
    observations::{Observations, select, targets},
    search::{Reach, Search},
};
use crate::{
    Ask, Proposal, Random, Sampler, SamplerError, SamplerKind,
    random::{Among, draw, is_used},
};

/// How many candidates are asked for whether the region admits them, and no trial has them, before one is drawn at random.
const TRIES: usize = 32;

/// Length scales, signal and noise are found from at most so many trials: a fit takes dozens of times as long as a model.
const MOST_FITTED: usize = 256;

/// Candidates are drawn near so many of the best trials.
const INCUMBENTS: usize = 5;

/// When [`GaussianProcess`] begins to learn, and from how many trials.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GaussianProcessOptions {
    /// Proposals are random until so many trials are complete or pruned.
    pub startup_trials: u32,
    /// From how many complete and pruned trials it learns at most; 2 or more. The time for a proposal grows with the cube of
    /// this. Of more trials the newest are taken, and the best of the others, half of the number each.
    pub most_trials: u32,
}

impl Default for GaussianProcessOptions {
    /// 10 start-up trials, 500 at most.
    fn default() -> Self {
        Self { startup_trials: 10, most_trials: 500 }
    }
}

/// A Gaussian process with the Matérn 5/2 kernel, whose proposals have the largest expected improvement.
///
/// Each parameter has a length scale of its own; these, the signal and the noise are the most probable ones, found anew each
/// time that the number of observations has grown by about a sixteenth.
///
/// * Integers and steps are searched on their grid, choices by trying them.
/// * Where a parameter does not exist, its absence is one more place beside its range; only parameters that are active at the
///   proposed point get a value.
/// * Complete trials count with their values, of which infinite ones are taken for the most extreme finite ones. Pruned trials
///   count with their last report, but as no better than the median of the complete ones.
/// * Running trials, and failed ones that have not diverged, count as if what the process expects there had come true, which keeps the next
///   proposals away. Waiting ones are ignored.
/// * A point that another trial has is not proposed again, unless nothing else is found.
#[derive(Debug)]
pub struct GaussianProcess {
    options: GaussianProcessOptions,
    /// What was fitted last: a cache.
    fitted: Option<(Data, Hyperparameters)>,
    /// Draws while too little is known, and where what is likely to be good is not admitted.
    random: Random,
}

impl GaussianProcess {
    /// Checks the options.
    ///
    /// # Errors
    /// Less than two trials to learn from.
    pub fn new(options: GaussianProcessOptions) -> Result<Self, SamplerError> {
        if options.most_trials < 2 {
            let value = options.most_trials.into();
            return Err(SamplerError::Option { option: "most_trials", value, allowed: "2 or more" });
        }
        Ok(Self { options, fitted: None, random: Random::new() })
    }

    /// The point with the largest expected improvement of those that `is_allowed`; `None` if too little is known or none is found.
    fn learn(
        &mut self,
        ask: &Ask<'_>,
        alone: Option<usize>,
        is_allowed: impl FnMut(&Point) -> bool,
        stream: &mut Stream,
    ) -> Option<Point> {
        let (history, space) = (ask.history, ask.history.space());
        let has = |trial: usize| alone.is_none_or(|parameter| !history.column(parameter)[trial].is_nan());
        let Observations { observed, believed } = Observations::new(history, ask.number, has);
        if observed.len() < self.options.startup_trials.max(1) as usize {
            return None;
        }
        let everything: Vec<usize> = (0..space.len()).collect();
        let parameters = alone.as_ref().map_or(&everything[..], std::slice::from_ref);
        let can_lack = |parameter: usize| {
            let column = history.column(parameter);
            space.is_conditional(parameter) || observed.iter().chain(&believed).any(|&trial| column[trial].is_nan())
        };
        let axes = Axes::new(space, parameters, can_lack);
        if axes.len() == 0 {
            return None;
        }

        let value = |trial: usize, parameter: usize| history.column(parameter)[trial];
        let parameters = self.fit(history, &axes, &observed[..fitted_size(observed.len())]);
        let mut trials = select(history, &observed, self.options.most_trials as usize);
        let targets = targets(history, &trials);
        let incumbents: Vec<Point> = best(&targets).map(|place| point(history, trials[place])).collect();
        trials.extend(believed);
        let columns = axes.columns(trials.len(), |place, parameter| value(trials[place], parameter));
        let model = Model::new(axes.features(), columns, trials.len(), &targets, &parameters);
        let search = Search { reach: Reach { space, alone }, axes: &axes, model: &model };
        search.best(&incumbents, TRIES, is_allowed, stream)
    }

    /// The hyperparameters for these trials.
    fn fit(&mut self, history: &History, axes: &Axes<'_>, observed: &[usize]) -> Hyperparameters {
        let trials = select(history, observed, MOST_FITTED.min(self.options.most_trials as usize));
        let columns = axes.columns(trials.len(), |place, parameter| history.column(parameter)[trials[place]]);
        let data = Data { features: axes.features().to_vec(), columns, targets: targets(history, &trials) };
        match &self.fitted {
            Some((known, parameters)) if *known == data => parameters.clone(),
            _ => {
                let parameters = fit(&data, axes.len());
                self.fitted = Some((data, parameters.clone()));
                parameters
            }
        }
    }
}

impl Sampler for GaussianProcess {
    fn name(&self) -> &'static str {
        SamplerKind::Gp.name()
    }

    fn propose(&mut self, ask: &Ask<'_>) -> Proposal {
        let mut stream = ask.stream();
        let is_allowed = |point: &Point| !is_used(ask, point) && ask.region.admits(point);
        match self.learn(ask, None, is_allowed, &mut stream) {
            Some(point) => Proposal::Point(point),
            None => self.random.draw(ask, &mut stream, Among::All),
        }
    }

    /// The value with the largest expected improvement, from the trials that have this parameter, whatever their others are.
    fn propose_one(&mut self, ask: &Ask<'_>, parameter: usize) -> f64 {
        let mut stream = ask.stream_of(parameter);
        let learnt = self.learn(ask, Some(parameter), |_| true, &mut stream);
        learnt.map_or_else(|| draw(ask.history.space().domain(parameter), &mut stream), |point| point.get(parameter))
    }

    fn trials(&self, _space: &Space) -> Option<u64> {
        None
    }
}

/// Of how many observations the first ones are fitted to: all of up to 32, and of more of them a number that goes up in steps
/// of about a sixteenth.
fn fitted_size(observations: usize) -> usize {
    let step = (observations / 16).checked_ilog2().map_or(1, |power| 1 << power);
    observations / step * step
}

/// The places of the lowest targets, lowest first.
fn best(targets: &[f64]) -> impl Iterator<Item = usize> {
    let mut places: Vec<usize> = (0..targets.len()).collect();
    places.sort_by(|&a, &b| targets[a].total_cmp(&targets[b]));
    places.into_iter().take(INCUMBENTS)
}

fn point(history: &History, trial: usize) -> Point {
    history.point(tunefork_trial::TrialNumber(trial as u32))
}
