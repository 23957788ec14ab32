//! When a study has what it was begun for.

use std::fmt;
use tunefork_trial::History;

/// What ends a study before its budget is used up; each is a function of what was reported before, so a study ends in the same place whenever it is
/// simulated anew.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Goals {
    /// A complete trial is as good as this.
    pub target: Option<f64>,
    /// So many trials have ended, one after the other, and none was complete and better than those before.
    pub no_progress: Option<u32>,
    /// All trials together were trained for so many epochs.
    pub epochs: Option<u64>,
}

/// Which goal was reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reached {
    /// A complete trial is as good as this value.
    Target(f64),
    /// So many trials have ended without a better one.
    NoProgress(u32),
    /// The study was trained for so many epochs.
    Epochs(u64),
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target(target) => write!(f, "the target of {target} is reached"),
            Self::NoProgress(trials) => write!(f, "{trials} trials in a row were no better"),
            Self::Epochs(epochs) => write!(f, "{epochs} epochs are trained"),
        }
    }
}

/// How far a study has come towards its goals.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    epochs: u64,
    /// Trials that have ended since the best one did.
    since_best: u32,
}

impl Progress {
    /// A trial has reported an epoch.
    pub(crate) fn trained(&mut self) {
        self.epochs += 1;
    }

    /// A trial has ended, as the best so far or not.
    pub(crate) fn ended(&mut self, is_best: bool) {
        self.since_best = if is_best { 0 } else { self.since_best + 1 };
    }

    /// The goal that is reached, if one is.
    pub(crate) fn reached(&self, goals: &Goals, history: &History) -> Option<Reached> {
        let best = history.best().and_then(|best| history.value(best));
        let is_met = |target: &f64| best.is_some_and(|best| !history.direction().better(*target, best));
        let target = goals.target.filter(is_met).map(Reached::Target);
        let no_progress = goals.no_progress.filter(|trials| self.since_best >= *trials).map(Reached::NoProgress);
        let epochs = goals.epochs.filter(|epochs| self.epochs >= *epochs).map(Reached::Epochs);
        target.or(no_progress).or(epochs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tunefork_space::{Point, Space};
    use tunefork_trial::{Direction, TrialNumber, TrialState};

    #[test]
    fn each_goal_is_reached_at_its_moment() {
        for (direction, sign) in [(Direction::Maximize, 1.0), (Direction::Minimize, -1.0)] {
            let mut history = History::new(Space::default(), direction);
            let mut progress = Progress::default();
            let target = Goals { target: Some(sign * 0.9), ..Goals::default() };
            let patient = Goals { no_progress: Some(2), ..Goals::default() };
            let epochs = Goals { epochs: Some(3), ..Goals::default() };
            for (number, value, reached) in [
                (0, 0.5, [None; 3]),
                (1, 0.4, [None; 3]),
                (2, 0.3, [None, Some(Reached::NoProgress(2)), Some(Reached::Epochs(3))]),
                (3, 0.9, [Some(Reached::Target(sign * 0.9)), None, Some(Reached::Epochs(3))]),
            ] {
                let trial = TrialNumber(number);
                history.start(trial, Point::default()).unwrap();
                progress.trained();
                let best = history.best();
                history.finish(trial, TrialState::Complete, Some(sign * value)).unwrap();
                progress.ended(history.best() != best);
                let found = [target, patient, epochs].map(|goals| progress.reached(&goals, &history));
                assert_eq!(found, reached, "after trial {number}");
                assert_eq!(progress.reached(&Goals::default(), &history), None);
            }
        }
    }
}
