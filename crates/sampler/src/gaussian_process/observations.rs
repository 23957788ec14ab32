//! What a model learns from: which trials, and what they are taken to be worth.

use tunefork_trial::{History, TrialNumber};

use crate::standing::Standing;

/// Losses beyond this (either side) count as this, so that their squares are finite.
const LARGEST: f64 = 1e150;

/// How many points without a value are believed in at most, the newest.
const MOST_BELIEVED: usize = 128;

/// Losses are compressed beyond about this many times the distance from the best to the median.
const UNCOMPRESSED: f64 = 3.0;

/// The trials that a model is made of, by ascending number.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Observations {
    /// Complete, pruned, paused and diverged ones.
    pub(super) observed: Vec<usize>,
    /// Running ones, and those that failed without a fault of their own.
    pub(super) believed: Vec<usize>,
}

impl Observations {
    /// The trials of `history` other than `own` that `is_of_use`.
    pub(super) fn new(history: &History, own: TrialNumber, is_of_use: impl Fn(usize) -> bool) -> Self {
        let mut all = Self::default();
        for number in history.numbers() {
            let trial = number.index();
            if number == own || !is_of_use(trial) {
                continue;
            }
            match Standing::of(history, number) {
                Standing::Complete | Standing::Partial | Standing::Diverged => all.observed.push(trial),
                Standing::Running | Standing::Failed => all.believed.push(trial),
                Standing::Waiting => {}
            }
        }
        let surplus = all.believed.len().saturating_sub(MOST_BELIEVED);
        all.believed.drain(..surplus);
        all
    }
}

/// Of trials by ascending number at most `most`: half of them the newest, the others the best of the rest.
pub(super) fn select(history: &History, trials: &[usize], most: usize) -> Vec<usize> {
    if trials.len() <= most {
        return trials.to_vec();
    }
    let (old, new) = trials.split_at(trials.len() - most / 2);
    let losses = losses(history, trials);
    let mut ranked: Vec<usize> = (0..old.len()).collect();
    ranked.sort_by(|&a, &b| losses[a].total_cmp(&losses[b]));
    let mut kept: Vec<usize> = ranked[..most - new.len()].iter().map(|&place| old[place]).collect();
    kept.sort_unstable();
    kept.extend_from_slice(new);
    kept
}

/// The losses of trials with their worse half compressed, moved and scaled to a mean of 0 and a deviation of 1.
pub(super) fn targets(history: &History, trials: &[usize]) -> Vec<f64> {
    let mut targets = losses(history, trials);
    compress(&mut targets);
    let n = targets.len() as f64;
    let mean = targets.iter().sum::<f64>() / n;
    let deviation = (targets.iter().map(|y| (y - mean) * (y - mean)).sum::<f64>() / n).sqrt();
    let scale = if deviation > 0.0 { 1.0 / deviation } else { 0.0 };
    targets.iter_mut().for_each(|y| *y = (*y - mean) * scale);
    targets
}

/// Finite losses of complete, pruned, paused and diverged trials. Infinite ones count as the extreme finite ones. A pruned trial counts as its
/// last report, but as no better than the median of the complete ones: it was stopped because it would not have become good,
/// and an early report says little else.
fn losses(history: &History, trials: &[usize]) -> Vec<f64> {
    let standing = |trial: usize| Standing::of(history, TrialNumber(trial as u32));
    let loss = |trial: usize| {
        let last = || history.reports(TrialNumber(trial as u32)).last().map_or(f64::NAN, |report| report.value);
        let has_value = matches!(standing(trial), Standing::Complete | Standing::Diverged);
        history.direction().loss(if has_value { history.values()[trial] } else { last() })
    };
    let any_complete = trials.iter().any(|&trial| standing(trial) == Standing::Complete);
    let is_measure = |trial: usize| !any_complete || standing(trial) == Standing::Complete;
    let measures = trials.iter().filter(|&&trial| is_measure(trial)).map(|&trial| loss(trial));
    let mut finite: Vec<f64> =
        measures.filter(|loss| loss.is_finite()).map(|loss| loss.clamp(-LARGEST, LARGEST)).collect();
    finite.sort_by(f64::total_cmp);
    let (Some(&best), Some(&worst)) = (finite.first(), finite.last()) else { return vec![0.0; trials.len()] };
    let median = median(&finite);
    let limited = |&trial: &usize| {
        let loss = loss(trial);
        let lowest = if is_measure(trial) { best } else { median };
        if loss.is_nan() { worst } else { loss.clamp(lowest, worst) }
    };
    trials.iter().map(limited).collect()
}

/// Draws the losses that are worse than the median nearer to it, by a logarithm that begins with slope 1: a few huge losses
/// must not make all others look alike.
fn compress(losses: &mut [f64]) {
    let mut sorted = losses.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(&best) = sorted.first() else { return };
    let median = median(&sorted);
    let unit = UNCOMPRESSED * (median - best);
    if unit > 0.0 {
        for loss in losses.iter_mut().filter(|loss| **loss > median) {
            *loss = median + unit * libm::log1p((*loss - median) / unit);
        }
    }
}

/// The median of sorted numbers, of two in the middle the lower.
fn median(sorted: &[f64]) -> f64 {
    sorted[(sorted.len() - 1) / 2]
}

#[cfg(test)]
mod tests {
    use tunefork_space::{Point, Space};
    use tunefork_trial::{Direction, Report, TrialState};

    use super::*;

    const COMPLETE: TrialState = TrialState::Complete;
    const PRUNED: TrialState = TrialState::Pruned;

    fn history(trials: &[(TrialState, Option<f64>)]) -> History {
        let mut history = History::new(Space::default(), Direction::Maximize);
        for (state, value) in trials {
            let trial = history.next_number();
            history.start(trial, Point::absent(0)).unwrap();
            if let Some(value) = *value {
                history.report(trial, Report { step: 1, value }).unwrap();
            }
            match state {
                TrialState::Running => {}
                state => history.finish(trial, *state, *value).unwrap(),
            }
        }
        history
    }

    #[test]
    fn trials_are_observed_or_believed() {
        let (failed, running) = ((TrialState::Failed, None), (TrialState::Running, None));
        let history = history(&[(COMPLETE, Some(1.0)), failed, running, (PRUNED, None), running]);
        let all = Observations::new(&history, TrialNumber(2), |trial| trial != 1);
        assert_eq!(all, Observations { observed: vec![0, 3], believed: vec![4] });
        assert_eq!(Observations::new(&history, TrialNumber(9), |_| true).believed, [1, 2, 4]);
    }

    #[test]
    fn pruned_trials_are_no_better_than_the_median() {
        let complete = [5.0, 1.0, 2.0, f64::INFINITY, f64::NEG_INFINITY].map(|value| (COMPLETE, Some(value)));
        let pruned = [Some(9.0), Some(1.5), Some(-7.0), Some(f64::NAN), None].map(|value| (PRUNED, value));
        let history = history(&[complete, pruned].concat());
        let expected = [-5.0, -1.0, -2.0, -5.0, -1.0, -2.0, -1.5, -1.0, -1.0, -1.0];
        assert_eq!(losses(&history, &(0..10).collect::<Vec<usize>>()), expected);
        // Without complete ones they are compared with each other.
        assert_eq!(losses(&history, &[5, 6, 7, 8]), [-9.0, -1.5, 7.0, 7.0]);
        assert_eq!(losses(&history, &[8, 9]), [0.0; 2]);
    }

    #[test]
    fn only_bad_losses_are_compressed() {
        let mut losses = [2.0, 1.0, 0.0, 4.0, 1e9];
        compress(&mut losses);
        assert_eq!(losses[..3], [2.0, 1.0, 0.0]);
        assert!((3.0..4.0).contains(&losses[3]) && losses[4] < 130.0, "{losses:?}");
    }

    #[test]
    fn the_best_and_the_newest_are_selected() {
        let values = [3.0, 9.0, 1.0, 8.0, 2.0, 0.0];
        let history = history(&values.map(|value| (COMPLETE, Some(value))));
        let all: Vec<usize> = (0..6).collect();
        assert_eq!(select(&history, &all, 4), [1, 3, 4, 5]);
        assert_eq!(select(&history, &all, 3), [1, 3, 5]);
        assert_eq!(select(&history, &all, 6), all);
    }
}
