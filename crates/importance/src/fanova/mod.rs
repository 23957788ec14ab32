//! How much of the variance of the results the parameters explain, alone and in pairs.

mod cube;
mod tree;
mod variance;

use tunefork_rng::{Key, Purpose};
use tunefork_trial::History;

use crate::trials::known;
use cube::Cube;
use variance::{Parts, pairs};

/// How the trials are modelled.
///
/// ```
/// # use tunefork_importance::Fanova;
/// assert_eq!(Fanova::default().trees, 64);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fanova {
    /// Regression trees in the forest, at least 1.
    pub trees: usize,
    /// The forest is grown on no more trials than this, at least 2: what pairs cost grows with its square. Of more trials those
    /// are taken that lie evenly in the order of their values, the best and the worst among them.
    pub trials: usize,
    /// Of the draws; equal seeds give equal results on every machine.
    pub seed: u64,
}

impl Default for Fanova {
    fn default() -> Self {
        Self { trees: 64, trials: 2000, seed: 0 }
    }
}

/// The variance of a study's results over its whole space, taken apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    /// What each parameter explains alone, the most important first, equal ones in the order of the space.
    pub main: Vec<MainEffect>,
    /// What each two parameters explain together, beyond what each does alone; in the same order.
    pub interactions: Vec<Interaction>,
    /// How many trials the forest was grown on.
    pub trials: usize,
}

impl Effects {
    /// What three and more parameters explain together: the share of the variance that no effect here explains, 0 to 1;
    /// 0 if there is no variance.
    pub fn rest(&self) -> f64 {
        let alone: f64 = self.main.iter().map(|of| of.explained).sum();
        let together: f64 = self.interactions.iter().map(|of| of.explained).sum();
        if alone + together > 0.0 { (1.0 - alone - together).max(0.0) } else { 0.0 }
    }
}

/// What one parameter explains.
#[derive(Clone, Debug, PartialEq)]
pub struct MainEffect {
    /// The parameter's name.
    pub parameter: String,
    /// The share of the variance that it explains alone, 0 to 1: the mean over the trees.
    pub explained: f64,
    /// The standard deviation of `explained` over the trees.
    pub deviation: f64,
    /// Its share of what all parameters explain alone; 0 if none explains anything.
    pub share: f64,
}

/// What two parameters explain together.
#[derive(Clone, Debug, PartialEq)]
pub struct Interaction {
    /// The names, in the order of the space.
    pub parameters: [String; 2],
    /// The share of the variance that only both together explain, 0 to 1: the mean over the trees.
    pub explained: f64,
    /// The standard deviation of `explained` over the trees.
    pub deviation: f64,
}

/// Takes the variance of the results apart: F. Hutter, H. Hoos, K. Leyton-Brown, "An Efficient Approach for Assessing
/// Hyperparameter Importance", ICML 2014.
///
/// A forest of regression trees models the results; the variance of each tree over the whole space, in which all values
/// are as likely as the domains say, is computed exactly. Only completed trials with a finite value count, and their
/// order does not. With fewer than two of them nothing is known, and the lists are empty.
///
/// A parameter that exists under conditions is compared on the whole space, too: where it is absent it does nothing, so
/// those trials get any value of it. What it explains is weighted by how often it exists, and what the condition decides is
/// in part an interaction with it. Optuna leaves such parameters out.
///
/// Very bad results have a large part in a variance. What makes a trial one of the best is asked by
/// [`ped_anova`](crate::ped_anova()).
///
/// ```
/// use tunefork_importance::{Fanova, fanova};
/// use tunefork_space::{Domain, Parameter, Space};
/// use tunefork_trial::{Direction, History, TrialState};
///
/// let signs = |name| Ok::<_, tunefork_space::DomainError>(Parameter::new(name, Domain::choice([-1, 1])?));
/// let mut history = History::new(Space::new(vec![signs("x")?, signs("y")?])?, Direction::Minimize);
/// for i in 0..100 {
///     let (x, y) = (i % 2, i / 2 % 2);
///     let number = history.next_number();
///     history.start(number, vec![f64::from(x), f64::from(y)].into())?;
///     history.finish(number, TrialState::Complete, Some(if x == y { 1.0 } else { 0.0 }))?;
/// }
/// let effects = fanova(&history, Fanova::default());
/// assert!(effects.interactions[0].explained > 0.99); // Neither sign tells anything alone.
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn fanova(history: &History, asked: Fanova) -> Effects {
    let trials = chosen(history, asked.trials.max(2));
    if trials.len() < 2 {
        return Effects::default();
    }
    let space = history.space();
    let varies = |parameter: &usize| {
        let column = history.column(*parameter);
        !space.domain(*parameter).is_single() && trials.iter().any(|trial| !column[*trial].is_nan())
    };
    let varied: Vec<usize> = (0..space.len()).filter(varies).collect();
    let parts = if varied.is_empty() { Vec::new() } else { forest(history, &varied, &trials, asked) };
    let name = |parameter: usize| space.parameters()[parameter].name.clone();
    let mut effects = Effects { trials: trials.len(), ..Effects::default() };
    for parameter in 0..space.len() {
        let axis = varied.iter().position(|of| *of == parameter);
        let of_tree = |parts: &Parts| axis.map_or(0.0, |axis| parts.alone[axis]);
        let (explained, deviation) = mean_and_deviation(parts.iter().map(of_tree));
        effects.main.push(MainEffect { parameter: name(parameter), explained, deviation, share: 0.0 });
    }
    for (pair, (a, b)) in pairs(varied.len()).enumerate() {
        let (explained, deviation) = mean_and_deviation(parts.iter().map(|parts| parts.together[pair]));
        let parameters = [name(varied[a]), name(varied[b])];
        effects.interactions.push(Interaction { parameters, explained, deviation });
    }
    let sum: f64 = effects.main.iter().map(|of| of.explained).sum();
    if sum > 0.0 {
        effects.main.iter_mut().for_each(|of| of.share = of.explained / sum);
    }
    effects.main.sort_by(|a, b| b.explained.total_cmp(&a.explained));
    effects.interactions.sort_by(|a, b| b.explained.total_cmp(&a.explained));
    effects
}

/// The parts of all trees that have a variance.
fn forest(history: &History, parameters: &[usize], trials: &[usize], asked: Fanova) -> Vec<Parts> {
    let stream = |index: u64| Key::study(asked.seed).stream_at(Purpose::Resample, index);
    let cube = Cube::new(history, parameters, trials, &mut stream(0));
    let orders = tree::orders(&cube);
    let tree = |number: u64| variance::parts(&tree::grow(&cube, &orders, &mut stream(number)));
    (1..=asked.trees.max(1) as u64).filter_map(tree).collect()
}

/// The trials that count, no more than `most`, ordered by what is known of them, so that their numbers play no part.
fn chosen(history: &History, most: usize) -> Vec<usize> {
    let mut trials = known(history);
    let columns: Vec<&[f64]> = (0..history.space().len()).map(|parameter| history.column(parameter)).collect();
    trials.sort_by(|a, b| {
        let by_value = history.values()[*a].total_cmp(&history.values()[*b]);
        columns.iter().fold(by_value, |order, column| order.then_with(|| column[*a].total_cmp(&column[*b])))
    });
    if trials.len() > most {
        let last = trials.len() - 1;
        trials = (0..most).map(|place| trials[place * last / (most - 1)]).collect();
    }
    trials
}

/// Both are 0 where there is nothing.
fn mean_and_deviation(of_trees: impl Iterator<Item = f64>) -> (f64, f64) {
    let of_trees: Vec<f64> = of_trees.collect();
    let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / of_trees.len().max(1) as f64;
    let middle = mean(&mut of_trees.iter().copied());
    (middle, mean(&mut of_trees.iter().map(|value| (value - middle) * (value - middle))).sqrt())
}
