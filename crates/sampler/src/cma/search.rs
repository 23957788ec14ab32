//! The search from its first generation to the present, played again from the history.

use std::cmp::Ordering;

use tunefork_rng::{Key, Purpose};
use tunefork_space::{Point, Space};
use tunefork_trial::{Direction, History, TrialNumber, TrialState};

use crate::standing::Standing;

use super::{
    CmaEsOptions,
    constants::{Constants, usual_population},
    covariance::Covariance,
    distribution::{Distribution, Solution},
    encoding::Encoding,
    warm,
};

/// With more coordinates than this the covariance is kept diagonal.
const MOST_CORRELATED: usize = 100;

/// A population is not doubled beyond this.
const LARGEST_POPULATION: usize = 4096;

/// The draws with which what trials hide is revealed: an index for a trial's stream that no parameter has.
const REVEAL: u64 = u64::MAX - 1;

/// A generation whose best and worst values stayed so near to each other for long is at an end.
const FLAT: f64 = 1e-12;

/// What a trial tells.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Told {
    trial: TrialNumber,
    merit: Merit,
    point: Point,
}

/// How good a trial is.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Merit {
    /// How far it got: complete trials furthest.
    step: i64,
    /// The last loss; NaN counts as infinite.
    loss: f64,
}

impl Merit {
    /// Of a trial that is learnt from; a diverged one is worse than all others.
    fn new(history: &History, trial: TrialNumber) -> Self {
        let loss = |value: f64| match history.direction().loss(value) {
            loss if loss.is_nan() => f64::INFINITY,
            loss => loss,
        };
        match Standing::of(history, trial) {
            Standing::Complete => return Self { step: i64::MAX, loss: loss(history.values()[trial.index()]) },
            Standing::Diverged => return Self { step: -2, loss: f64::INFINITY },
            Standing::Partial | Standing::Running | Standing::Failed | Standing::Waiting => {}
        }
        history.last_report(trial).map_or(Self { step: -1, loss: f64::INFINITY }, |report| Self {
            step: report.step.into(),
            loss: loss(report.value),
        })
    }

    /// A trial that got further is better (what stopped the other one knew why), then the smaller loss.
    fn compare(&self, other: &Self) -> Ordering {
        other.step.cmp(&self.step).then(self.loss.partial_cmp(&other.loss).unwrap_or(Ordering::Equal))
    }
}

impl Told {
    fn new(history: &History, trial: TrialNumber) -> Self {
        Self { trial, merit: Merit::new(history, trial), point: history.point(trial) }
    }

    /// Whether this is what the trial tells now: a cache may meet another history.
    fn is_told_by(&self, history: &History, trial: TrialNumber) -> bool {
        let same =
            |(parameter, value): (usize, &f64)| history.column(parameter)[trial.index()].to_bits() == value.to_bits();
        self.trial == trial
            && self.merit == Merit::new(history, trial)
            && self.point.values().iter().enumerate().all(same)
    }
}

/// The trials that are learnt from, in the order of their numbers.
pub(super) fn telling(history: &History, own: TrialNumber, pruned: bool) -> Vec<TrialNumber> {
    let counts = |trial: &TrialNumber| match Standing::of(history, *trial) {
        Standing::Complete | Standing::Diverged => *trial != own,
        Standing::Partial => pruned && *trial != own && history.state(*trial) == TrialState::Pruned,
        Standing::Running | Standing::Waiting | Standing::Failed => false,
    };
    history.numbers().filter(counts).collect()
}

fn all_told(history: &History, trials: &[TrialNumber]) -> Vec<Told> {
    trials.iter().map(|&trial| Told::new(history, trial)).collect()
}

/// Best first; of equal ones the first.
fn ranked(told: &[Told]) -> Vec<&Told> {
    let mut ranked: Vec<&Told> = told.iter().collect();
    ranked.sort_by(|a, b| a.merit.compare(&b.merit).then(a.trial.cmp(&b.trial)));
    ranked
}

/// What those of the trials with numbers below `enqueued` tell, if they are enough to start from.
pub(super) fn leading(history: &History, telling: &[TrialNumber], enqueued: u32) -> Vec<Told> {
    let leading = &telling[..telling.partition_point(|trial| trial.0 < enqueued)];
    if warm::promising(leading.len()) > 0 { all_told(history, leading) } else { Vec::new() }
}

/// What the search is about; another one is another search.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Subject {
    pub(super) space: Space,
    pub(super) key: Key,
    pub(super) direction: Direction,
    /// The trials to start from: enough of them, or none.
    pub(super) leading: Vec<Told>,
}

/// The generations so far.
#[derive(Clone, Debug)]
pub(super) struct Search {
    pub(super) subject: Subject,
    pub(super) encoding: Encoding,
    options: CmaEsOptions,
    first: Run,
    /// With the state after each, so that a late trial costs no more than the generations from its own on.
    generations: Vec<Generation>,
}

#[derive(Clone, Debug)]
struct Generation {
    told: Vec<Told>,
    after: Run,
}

impl Generation {
    /// Whether it is made of these trials, which have as many.
    fn is_told_by(&self, history: &History, trials: &[TrialNumber]) -> bool {
        self.told.iter().zip(trials).all(|(told, &trial)| told.is_told_by(history, trial))
    }
}

/// CMA-ES from a start until nothing more is to be expected; then the next run starts.
#[derive(Clone, Debug)]
struct Run {
    constants: Constants,
    distribution: Distribution,
    initial_sigma: f64,
    /// Best and worst loss of each generation of this run.
    ranges: Vec<(f64, f64)>,
    /// How many runs there were before.
    restarts: u32,
}

impl Search {
    pub(super) fn new(subject: Subject, options: CmaEsOptions) -> Self {
        let encoding = Encoding::new(&subject.space);
        let parameters = encoding.coordinates.len() + encoding.choices.len();
        let population = options.population.map_or(usual_population(parameters), |population| population as usize);
        let mean = vec![0.5; encoding.coordinates.len()];
        let first = Run::new(&encoding, population, mean, options.sigma);
        let mut search = Self { subject, encoding, options, first, generations: Vec::new() };
        search.warm_up();
        search
    }

    /// Lets the first generation be drawn from near the best of the leading trials.
    fn warm_up(&mut self) {
        let ranked = ranked(&self.subject.leading);
        let promising = &ranked[..warm::promising(ranked.len())];
        if !promising.is_empty() {
            let solutions = self.reveal(&self.first, promising);
            let separable = self.encoding.coordinates.len() > MOST_CORRELATED;
            self.first.distribution = warm::distribution(&self.encoding, &solutions, separable);
        }
    }

    /// The distribution after these trials, of which the leading ones are left out. A generation is made of the next λ of them; those that
    /// were met before are not played again.
    pub(super) fn after(&mut self, history: &History, telling: &[TrialNumber]) -> (&Encoding, &Distribution) {
        let mut left = &telling[self.subject.leading.len()..];
        let mut played = 0;
        while let Some((batch, rest)) = left.split_at_checked(self.run_after(played).constants.population()) {
            if !self.generations.get(played).is_some_and(|known| known.is_told_by(history, batch)) {
                self.generations.truncate(played);
                let told = all_told(history, batch);
                let after = self.next(self.run_after(played), &told);
                self.generations.push(Generation { told, after });
            }
            played += 1;
            left = rest;
        }
        (&self.encoding, &self.run_after(played).distribution)
    }

    /// The run when so many generations were played.
    fn run_after(&self, played: usize) -> &Run {
        played.checked_sub(1).map_or(&self.first, |last| &self.generations[last].after)
    }

    /// The run after one more generation, or the first state of the next run.
    fn next(&self, run: &Run, batch: &[Told]) -> Run {
        let mut run = run.clone();
        let ranked = ranked(batch);
        let solutions = self.reveal(&run, &ranked);
        run.distribution.learn(&run.constants, &self.encoding, &solutions);
        if let (Some(best), Some(worst)) = (ranked.first(), ranked.last()) {
            run.ranges.push((best.merit.loss, worst.merit.loss));
        }
        if self.options.restarts && run.is_over(self.options.tolerance) { self.restart(&run) } else { run }
    }

    fn reveal(&self, run: &Run, told: &[&Told]) -> Vec<Solution> {
        let solution = |told: &&Told| {
            let mut stream = self.subject.key.trial(told.trial.0).stream_at(Purpose::Propose, REVEAL);
            run.distribution.reveal(&self.encoding.observe(&told.point), &mut stream)
        };
        told.iter().map(solution).collect()
    }

    /// Begins anew at a random place with twice the population, which sees more of the whole and less of the single valley (Auger and
    /// Hansen, "A restart CMA evolution strategy with increasing population size", CEC 2005).
    fn restart(&self, run: &Run) -> Run {
        let restarts = run.restarts + 1;
        let mut stream = self.subject.key.stream_at(Purpose::Propose, restarts.into());
        let mean = self.encoding.coordinates.iter().map(|_| stream.f64()).collect();
        let population = (2 * run.constants.population()).min(LARGEST_POPULATION);
        Run { restarts, ..Run::new(&self.encoding, population, mean, self.options.sigma) }
    }
}

impl Run {
    fn new(encoding: &Encoding, population: usize, mean: Vec<f64>, sigma: f64) -> Self {
        let dimensions = mean.len();
        let separable = dimensions > MOST_CORRELATED;
        let covariance = Covariance::identity(dimensions, separable);
        Self {
            constants: Constants::new(dimensions.max(1), population, separable),
            distribution: Distribution::new(encoding, mean, sigma, covariance),
            initial_sigma: sigma,
            ranges: Vec::new(),
            restarts: 0,
        }
    }

    /// Whether the last generations were all alike, or the distribution is spent.
    fn is_over(&self, tolerance: f64) -> bool {
        let (d, population) = (self.distribution.dimensions(), self.constants.population());
        let long = 10 + (30 * d).div_ceil(population);
        let flat = self.ranges.len() >= long && {
            let last = &self.ranges[self.ranges.len() - long..];
            let best = last.iter().fold(f64::INFINITY, |best, range| best.min(range.0));
            let worst = last.iter().fold(f64::NEG_INFINITY, |worst, range| worst.max(range.1));
            worst - best < FLAT
        };
        flat || self.distribution.is_spent(tolerance * self.initial_sigma)
    }
}
