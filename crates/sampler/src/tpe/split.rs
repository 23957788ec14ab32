//! Which trials are good: the two sets that the densities are fitted to.

use std::cmp::Ordering;

use tunefork_trial::{History, TrialNumber};

use super::rules::Rules;
use crate::standing::Standing;

/// So many of the newest trials keep their full weight.
const FULL_WEIGHT: usize = 25;

/// Trial numbers, both sets in ascending order (age matters for the weights).
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Split {
    pub(super) good: Vec<usize>,
    pub(super) bad: Vec<usize>,
}

impl Split {
    /// Divides the trials of `history` except `own`: complete ones by value, then pruned and paused ones by how
    /// far they got and their last value, then diverged ones. With `liar` the running ones join the bad set,
    /// which keeps proposals made at the same time apart. By HyperOpt's rules the failed ones follow
    /// the pruned ones, and live ones are like failed ones.
    pub(super) fn new(history: &History, own: TrialNumber, rules: Rules, liar: bool) -> Self {
        let (mut complete, mut pruned, mut diverged, mut lost) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut counted = 0;
        for trial in history.numbers().filter(|&trial| trial != own) {
            let (number, standing) = (trial.index(), Standing::of(history, trial));
            counted += usize::from(rules.count(standing, liar));
            match standing {
                Standing::Complete => {
                    complete.push((history.direction().loss(history.values()[number]), number));
                }
                Standing::Partial => pruned.push((PrunedKey::new(history, trial), number)),
                Standing::Diverged => diverged.push(((), number)),
                Standing::Failed if rules == Rules::Hyperopt => lost.push(((), number)),
                Standing::Running if liar => lost.push(((), number)),
                Standing::Running | Standing::Waiting | Standing::Failed => {}
            }
        }
        let wanted = rules.good_size(counted);
        let (mut good, mut bad) = (Vec::with_capacity(wanted), Vec::new());
        divide(complete, wanted, &mut good, &mut bad, |a, b| compare(*a, *b));
        divide(pruned, wanted, &mut good, &mut bad, PrunedKey::compare);
        divide(diverged, wanted, &mut good, &mut bad, |(), ()| Ordering::Equal);
        divide(lost, wanted, &mut good, &mut bad, |(), ()| Ordering::Equal);
        good.sort_unstable();
        bad.sort_unstable();
        Self { good, bad }
    }
}

/// Moves the best of `trials` to `good` until it has `wanted` members, the others to `bad`. Of equal
/// ones the lower number is better.
fn divide<K>(
    mut trials: Vec<(K, usize)>,
    wanted: usize,
    good: &mut Vec<usize>,
    bad: &mut Vec<usize>,
    compare: impl Fn(&K, &K) -> Ordering,
) {
    let room = wanted - good.len();
    if (1..trials.len()).contains(&room) {
        trials.select_nth_unstable_by(room, |a, b| compare(&a.0, &b.0).then(a.1.cmp(&b.1)));
    }
    let numbers = trials.iter().map(|trial| trial.1);
    good.extend(numbers.clone().take(room));
    bad.extend(numbers.skip(room));
}

/// How good a pruned trial is: further is better, then the last value.
struct PrunedKey {
    /// −1 without any report: worse than all others.
    last_step: i64,
    loss: f64,
}

impl PrunedKey {
    fn new(history: &History, trial: TrialNumber) -> Self {
        let Some(report) = history.last_report(trial) else {
            return Self { last_step: -1, loss: 0.0 };
        };
        let loss = history.direction().loss(report.value);
        Self { last_step: report.step.into(), loss: if loss.is_nan() { f64::INFINITY } else { loss } }
    }

    fn compare(&self, other: &Self) -> Ordering {
        other.last_step.cmp(&self.last_step).then(compare(self.loss, other.loss))
    }
}

/// Orders losses; none is NaN.
fn compare(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or(Ordering::Equal)
}

/// The weights of n observations, oldest first: the newest 25 have 1, older ones rise to it in a
/// straight line from 1/n.
pub(super) fn weights(n: usize) -> Vec<f64> {
    let old = n.saturating_sub(FULL_WEIGHT);
    let first = 1.0 / n as f64;
    let rise = if old > 1 { (1.0 - first) / (old - 1) as f64 } else { 0.0 };
    (0..n).map(|i| if i < old { first + rise * i as f64 } else { 1.0 }).collect()
}

#[cfg(test)]
mod tests {
    use tunefork_space::{Point, Space};
    use tunefork_trial::{Direction, Report, TrialState};

    use super::*;

    #[test]
    fn weights_are_those_of_optuna_and_hyperopt() {
        assert_eq!(weights(0), [0.0; 0]);
        assert_eq!(weights(25), [1.0; 25]);
        assert_eq!(weights(26)[..2], [1.0 / 26.0, 1.0]);
        assert_eq!(weights(27)[..3], [1.0 / 27.0, 1.0, 1.0]);
        let expected = [0.0333333, 0.275, 0.5166667, 0.7583333, 1.0, 1.0];
        for (weight, expected) in weights(30).into_iter().zip(expected) {
            assert!((weight - expected).abs() < 1e-7, "{weight} {expected}");
        }
    }

    /// Reports, state and final value of a trial.
    type Life = (&'static [(u32, f64)], TrialState, Option<f64>);

    fn history(direction: Direction, trials: &[Life]) -> History {
        let mut history = History::new(Space::default(), direction);
        for (number, (reports, state, value)) in trials.iter().enumerate() {
            let trial = TrialNumber(number as u32);
            history.start(trial, Point::default()).unwrap();
            for &(step, value) in *reports {
                history.report(trial, Report { step, value }).unwrap();
            }
            if state.is_finished() {
                history.finish(trial, *state, *value).unwrap();
            }
        }
        history
    }

    fn split(history: &History, liar: bool) -> (Vec<usize>, Vec<usize>) {
        let split = Split::new(history, history.next_number(), Rules::Optuna, liar);
        (split.good, split.bad)
    }

    #[test]
    fn complete_trials_are_divided_by_value_and_ties_by_number() {
        let values = [3.0, 1.0, f64::NEG_INFINITY, 1.0, 5.0, 6.0, 7.0, 8.0, 9.0, f64::INFINITY, 2.0];
        let trials: Vec<_> = values.iter().map(|&value| (&[][..], TrialState::Complete, Some(value))).collect();
        let (good, bad) = split(&history(Direction::Minimize, &trials), true);
        assert_eq!(good, [1, 2]);
        assert_eq!(bad, [0, 3, 4, 5, 6, 7, 8, 9, 10]);
        let (good, _) = split(&history(Direction::Maximize, &trials), true);
        assert_eq!(good, [8, 9]);
    }

    #[test]
    fn pruned_trials_follow_by_how_far_they_got() {
        use TrialState::Pruned;
        let base: [Life; 5] = [
            (&[], Pruned, None),
            (&[(1, 0.1)], Pruned, Some(0.1)),
            (&[(1, 0.1), (2, f64::NAN)], Pruned, None),
            (&[(1, 0.9), (2, 0.8)], Pruned, Some(0.8)),
            (&[(1, 0.9), (2, 0.7)], Pruned, Some(0.7)),
        ];
        // Eleven finished trials make two good ones, 21 make three, and so on.
        for (copies, expected) in [(1, vec![4]), (11, vec![4, 9, 14, 19, 24, 29])] {
            let trials: Vec<_> = base.iter().cycle().take(5 * copies).copied().collect();
            assert_eq!(split(&history(Direction::Minimize, &trials), true).0, expected);
        }
        let mut trials = base.to_vec();
        trials.push((&[], TrialState::Complete, Some(100.0)));
        assert_eq!(split(&history(Direction::Minimize, &trials), true).0, [5]);
        let order = [4, 3, 2, 1, 0];
        for keep in 1..5 {
            let kept: Vec<_> = order[keep..].iter().map(|&i| base[i]).collect();
            let (good, _) = split(&history(Direction::Minimize, &kept), true);
            assert_eq!(good, [0], "the best of those behind rank {keep}");
        }
    }

    #[test]
    fn live_trials_lie_only_when_asked_to_and_failed_ones_never_count() {
        let trials: [Life; 3] = [
            (&[], TrialState::Complete, Some(1.0)),
            (&[(1, 0.0)], TrialState::Running, None),
            (&[], TrialState::Failed, None),
        ];
        let history = history(Direction::Minimize, &trials);
        assert_eq!(split(&history, true), (vec![0], vec![1]));
        assert_eq!(split(&history, false), (vec![0], vec![]));
        assert_eq!(Split::new(&history, TrialNumber(1), Rules::Optuna, true).bad, [0; 0]);
    }

    /// A diverged trial is the worst of those with a value; a paused one counts by how far it got.
    #[test]
    fn diverged_trials_are_bad_and_paused_ones_like_pruned_ones() {
        let complete: Life = (&[], TrialState::Complete, Some(1.0));
        let running: Life = (&[(1, 0.5)], TrialState::Running, None);
        let mut history = history(Direction::Maximize, &[complete, running, running, running]);
        history.diverge(TrialNumber(1)).unwrap();
        history.pause(TrialNumber(2)).unwrap();
        history.finish(TrialNumber(3), TrialState::Failed, None).unwrap();
        assert_eq!(split(&history, false), (vec![0], vec![1, 2]));
        let early: Vec<Life> = vec![running; 2];
        let mut history = self::history(Direction::Minimize, &early);
        history.diverge(TrialNumber(0)).unwrap();
        history.pause(TrialNumber(1)).unwrap();
        assert_eq!(split(&history, true), (vec![1], vec![0]), "what has diverged comes last");
    }

    /// By HyperOpt's rules trials without a value are the worst, yet good where better ones are too few.
    #[test]
    fn failed_trials_are_the_worst() {
        let failed: Life = (&[], TrialState::Failed, None);
        let running: Life = (&[], TrialState::Running, None);
        let mut trials = vec![failed; 16];
        trials.extend([running, (&[], TrialState::Complete, Some(1.0))]);
        let history = history(Direction::Maximize, &trials);
        let split = |liar| Split::new(&history, history.next_number(), Rules::Hyperopt, liar);
        assert_eq!((split(true).good, split(true).bad), (vec![0, 17], (1..17).collect()));
        assert_eq!((split(false).good, split(false).bad), (vec![0, 17], (1..16).collect()));
    }
}
