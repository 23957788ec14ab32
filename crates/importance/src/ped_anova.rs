//! How far the values of the best trials lie from those of all.

use tunefork_space::Domain;
use tunefork_trial::History;

use crate::cells::Cells;
use crate::density::{Kind, density};
use crate::trials::known;

/// What is asked about the trials.
///
/// ```
/// # use tunefork_importance::PedAnova;
/// assert_eq!(PedAnova::default().best, 0.1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PedAnova {
    /// The share of trials that count as the best, in (0, 1]; those equal to the last of them count, too.
    pub best: f64,
}

impl Default for PedAnova {
    fn default() -> Self {
        Self { best: 0.1 }
    }
}

/// What one parameter had to do with a trial being among the best.
#[derive(Clone, Debug, PartialEq)]
pub struct Importance {
    /// The parameter's name.
    pub parameter: String,
    /// Its importance, at least 0: the Pearson divergence of the two densities, weighted by the share of the best trials.
    pub importance: f64,
    /// Its share of the importances of all parameters; 0 if all are of none.
    pub share: f64,
}

/// Two densities are compared with this much added to each cell, as in Optuna.
const TINY: f64 = 1e-12;

/// The importances of a study's parameters, the most important first, equal ones in the order of the space.
///
/// Only completed trials with a value count. A parameter that exists under conditions is compared where it exists. With
/// fewer than two such trials nothing is known, and the list is empty.
pub fn ped_anova(history: &History, asked: PedAnova) -> Vec<Importance> {
    let trials = known(history);
    if trials.len() < 2 {
        return Vec::new();
    }
    let best = best_of(history, &trials, asked.best);
    let parameters = history.space().parameters().iter().enumerate();
    let mut importances: Vec<Importance> = parameters
        .map(|(index, parameter)| {
            let importance = of_parameter(&parameter.domain, history.column(index), &trials, &best);
            Importance { parameter: parameter.name.clone(), importance, share: 0.0 }
        })
        .collect();
    let sum: f64 = importances.iter().map(|of| of.importance).sum();
    if sum > 0.0 {
        importances.iter_mut().for_each(|of| of.share = of.importance / sum);
    }
    importances.sort_by(|a, b| b.importance.total_cmp(&a.importance));
    importances
}

/// The best `share` of these trials, and those that are as good as the last of them.
fn best_of(history: &History, trials: &[usize], share: f64) -> Vec<usize> {
    let loss = |trial: &usize| history.direction().loss(history.values()[*trial]);
    let mut losses: Vec<f64> = trials.iter().map(loss).collect();
    losses.sort_by(f64::total_cmp);
    let count = libm::ceil(share * trials.len() as f64).clamp(1.0, trials.len() as f64) as usize;
    let last = losses[count - 1];
    trials.iter().copied().filter(|trial| loss(trial) <= last).collect()
}

fn of_parameter(domain: &Domain, column: &[f64], trials: &[usize], best: &[usize]) -> f64 {
    let cells = Cells::of(domain);
    let values = |of: &[usize]| -> Vec<f64> { of.iter().map(|trial| column[*trial]).filter(|v| !v.is_nan()).collect() };
    let (of_best, of_all) = (values(best), values(trials));
    if domain.is_single() || of_all.len() < 2 || of_best.is_empty() {
        return 0.0;
    }
    let kind = if domain.is_categorical() { Kind::Choice } else { Kind::Number };
    let counted = |values: &[f64]| cells.count_of(domain, values.iter().copied());
    let estimate = |values: &[f64]| density(kind, &counted(values));
    let cells = estimate(&of_best).into_iter().zip(estimate(&of_all));
    let both = cells.map(|(best, all)| (best + TINY, all + TINY));
    let divergence: f64 = both.map(|(best, all)| all * (best / all - 1.0).powi(2)).sum();
    let part = |some: usize, of: usize| some as f64 / of as f64;
    let (best_here, all_here) = (part(of_best.len(), best.len()), part(of_all.len(), trials.len()));
    part(best.len(), trials.len()).powi(2) * best_here * best_here / all_here * divergence
}
