//! Hyperband, asynchronous, in its stopping form.

use tunefork_trial::{History, TrialNumber};

use crate::brackets::{HyperbandOptions, brackets};
use crate::rungs::{Rungs, is_among_best, losses_at};
use crate::{Decision, OptionError, Scheduler, SchedulerKind, SuccessiveHalvingOptions};

/// Several forms of successive halving side by side: most trials may be stopped at the lowest rung, some only higher up,
/// and a few never, for no one knows beforehand how early a curve tells its end.
///
/// Li et al., JMLR 2018, in the asynchronous form that stops trials (Optuna's `HyperbandPruner`). A trial belongs to a bracket by its
/// number: brackets take turns in proportion to their sizes, spread evenly, so that any stretch of trials has about its share of each.
/// (Optuna draws by a hash.) It is compared with the trials of its own bracket alone.
///
/// NaN: a trial that has NaN at a rung is stopped there, and does not count for the others.
#[derive(Clone, Debug)]
pub struct Hyperband {
    /// The rungs of each bracket.
    rungs: Vec<Rungs>,
    /// To which bracket a trial belongs, by its number modulo the length.
    turns: Vec<usize>,
}

impl Hyperband {
    /// Checks the options.
    ///
    /// # Errors
    /// A `min_resource` of 0, a `max_resource` below it, a `factor` below 2.
    pub fn new(options: HyperbandOptions) -> Result<Self, OptionError> {
        let brackets = brackets(&options)?;
        let HyperbandOptions { min_resource, factor, .. } = options;
        let rungs = brackets.iter().map(|bracket| {
            let options = SuccessiveHalvingOptions { min_resource, factor, skip: bracket.skip, bootstrap: 0 };
            Rungs::new(&options)
        });
        let sizes: Vec<u64> = brackets.iter().map(|bracket| bracket.trials.into()).collect();
        Ok(Self { rungs: rungs.collect::<Result<_, _>>()?, turns: turns(&sizes) })
    }

    fn bracket(&self, trial: TrialNumber) -> usize {
        self.turns[trial.index() % self.turns.len()]
    }
}

/// The most turns that are laid out: brackets of a great η share these.
const MOST_TURNS: u64 = 4096;

/// One round of turns, in which each bracket has as many as its size, at even distances: whoever is furthest behind its share is next.
fn turns(sizes: &[u64]) -> Vec<usize> {
    let all: u64 = sizes.iter().sum();
    let length = all.min(MOST_TURNS);
    let mut taken = vec![0_u64; sizes.len()];
    let mut turns = Vec::with_capacity(length as usize);
    for turn in 1..=length {
        let behind = |bracket: &usize| {
            let due = u128::from(turn) * u128::from(sizes[*bracket]);
            (due as i128 - (u128::from(taken[*bracket]) * u128::from(all)) as i128, std::cmp::Reverse(*bracket))
        };
        let next = (0..sizes.len()).max_by_key(behind).expect("there is a bracket");
        taken[next] += 1;
        turns.push(next);
    }
    turns
}

impl Scheduler for Hyperband {
    fn name(&self) -> &'static str {
        SchedulerKind::Hyperband.name()
    }

    fn decide(&mut self, history: &History, trial: TrialNumber) -> Decision {
        let bracket = self.bracket(trial);
        let rungs = self.rungs[bracket];
        let Some(last) = history.last_report(trial) else { return Decision::Continue };
        for rung in rungs.reached(history.reports(trial)) {
            let losses = losses_at(history, rung).filter(|(_, other)| self.bracket(*other) == bracket);
            let losses: Vec<f64> = losses.map(|(loss, _)| loss).collect();
            let quota = rungs.quota(losses.len()).max(1);
            if last.value.is_nan() || !is_among_best(losses, quota, history.direction().loss(last.value)) {
                return Decision::Stop;
            }
        }
        Decision::Continue
    }

    fn rungs(&self, max_steps: u32) -> Vec<u32> {
        self.rungs[0].below(max_steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_take_turns_by_their_sizes() {
        let turns = turns(&[9, 5, 3]);
        let count = |bracket: usize, turns: &[usize]| turns.iter().filter(|turn| **turn == bracket).count();
        assert_eq!([0, 1, 2].map(|bracket| count(bracket, &turns)), [9, 5, 3]);
        for (length, (bracket, size)) in
            (0..17).flat_map(|length| [9.0, 5.0, 3.0].into_iter().enumerate().map(move |one| (length, one)))
        {
            let share = size * f64::from(length) / 17.0;
            let taken = count(bracket, &turns[..length as usize]) as f64;
            assert!((taken - share).abs() < 1.0, "{taken} of {share} in {turns:?}");
        }
        assert_eq!(super::turns(&[1]), [0]);
    }
}
