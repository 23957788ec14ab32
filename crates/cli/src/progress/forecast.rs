//! How long a study will still take, from what has happened so far.

use std::time::Duration;

/// Trials that must have ended before anything is said, where there are so many.
const FEWEST: u32 = 3;
/// Seconds that must have passed.
const SOONEST: f64 = 2.0;

/// Sums over what was seen.
pub(super) struct Forecast {
    limit: Option<Duration>,
    /// Seconds that were trained in this run of the program.
    trained: f64,
    /// Of trials that have ended: how many were trained at all, their epochs and seconds, and the epochs that they
    /// could have had.
    trials: u32,
    epochs: f64,
    seconds: f64,
    possible: f64,
}

/// A trial that has not ended.
pub(super) struct UnderWay {
    /// Epochs of which the times are known, and what they took together.
    pub told: u32,
    pub seconds: f64,
    /// Epochs that are done, with the share of the one under way.
    pub done: f64,
    /// Epochs that it can have.
    pub epochs: u32,
}

impl Forecast {
    pub(super) fn new(limit: Option<Duration>) -> Self {
        Self { limit, trained: 0.0, trials: 0, epochs: 0.0, seconds: 0.0, possible: 0.0 }
    }

    /// An epoch was trained in so many seconds.
    pub(super) fn trained(&mut self, seconds: f64) {
        self.trained += seconds;
    }

    /// A trial has ended after so many epochs, of those that it could have had. Early ends count as what they are.
    pub(super) fn ended(&mut self, epochs: u32, seconds: f64, possible: u32) {
        if epochs > 0 {
            self.trials += 1;
            self.epochs += f64::from(epochs);
            self.seconds += seconds;
            self.possible += f64::from(possible);
        }
    }

    /// Seconds until the end, with so many trials to come; nothing before enough is known.
    ///
    /// A trial lasts as long as all epochs so far divided by the ends so far, which is the mean of what can be stopped at
    /// any time: those that still run count with what they have lasted, so early ends alone do not make it short.
    pub(super) fn left(&self, to_come: u32, under_way: &[UnderWay], elapsed: f64) -> Option<f64> {
        let all = self.trials + under_way.len() as u32 + to_come;
        if to_come == 0 && under_way.is_empty() || self.trials < FEWEST.min(all / 2).max(1) || elapsed < SOONEST {
            return None;
        }
        let sum = |of: fn(&UnderWay) -> f64| under_way.iter().map(of).sum::<f64>();
        let told = self.epochs + sum(|trial| trial.told.into());
        let an_epoch = (self.seconds + sum(|trial| trial.seconds)) / told;
        let lasts = (self.epochs + sum(|trial| trial.done)) / f64::from(self.trials);
        let new = lasts.min(self.possible / f64::from(self.trials)) * an_epoch * f64::from(to_come);
        let begun = under_way.iter().map(|trial| trial.seconds_left(lasts, an_epoch)).sum::<f64>();
        // Seconds of training in a second: as many as trials are trained side by side, less what is not training.
        let unfinished = under_way.iter().map(|trial| trial.untold() * trial.an_epoch(an_epoch)).sum::<f64>();
        let pace = (self.trained + unfinished) / elapsed;
        let left = (new + begun) / pace;
        let allowed = self.limit.map_or(f64::INFINITY, |limit| (limit.as_secs_f64() - elapsed).max(0.0));
        Some(left.min(allowed)).filter(|left| left.is_finite())
    }
}

impl UnderWay {
    /// Seconds of one of its epochs, if that is known, else of any trial's.
    fn an_epoch(&self, any: f64) -> f64 {
        match self.told {
            0 => any,
            told => self.seconds / f64::from(told),
        }
    }

    fn untold(&self) -> f64 {
        (self.done - f64::from(self.told)).max(0.0)
    }

    fn seconds_left(&self, lasts: f64, an_epoch: f64) -> f64 {
        (f64::from(self.epochs) - self.done).clamp(0.0, lasts) * self.an_epoch(an_epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many trials of ten epochs have ended after as many epochs each, of a second each, two side by side.
    fn after(trials: u32, epochs: u32) -> Forecast {
        let mut forecast = Forecast::new(None);
        for _ in 0..trials {
            (0..epochs).for_each(|_| forecast.trained(1.0));
            forecast.ended(epochs, f64::from(epochs), 10);
        }
        forecast
    }

    fn under_way(told: u32, done: f64) -> UnderWay {
        UnderWay { told, seconds: told.into(), done, epochs: 10 }
    }

    #[test]
    fn nothing_is_said_before_something_is_known() {
        assert_eq!(after(0, 0).left(4, &[under_way(9, 9.5)], 100.0), None);
        assert_eq!(after(2, 10).left(10, &[], 10.0), None);
        assert_eq!(after(3, 1).left(10, &[], 1.5), None);
        assert_eq!(after(4, 10).left(0, &[], 10.0), None, "nothing is left");
        assert!(after(1, 10).left(1, &[], 10.0).is_some(), "of two trials one is half");
    }

    #[test]
    fn full_trials_take_what_they_have_taken() {
        // 40 s of training in 20 s; six trials of 10 s to come, two at their middle.
        let begun = [under_way(5, 5.0), under_way(5, 5.0)];
        let left = after(4, 10).left(6, &[], 20.0).unwrap();
        assert_eq!(left, 30.0);
        let mut forecast = after(4, 10);
        (0..10).for_each(|_| forecast.trained(1.0));
        assert_eq!(forecast.left(6, &begun, 25.0), Some((60.0 + 10.0) / 2.0));
    }

    #[test]
    fn those_stopped_early_count_with_what_they_took() {
        assert_eq!(after(8, 2).left(10, &[], 8.0), Some(10.0));
        // A trial that has gone on longer makes those to come longer, but none longer than it can be.
        let longer = after(8, 2).left(10, &[under_way(8, 8.0)], 12.0).unwrap();
        assert!(longer > 15.0, "{longer}");
        let most = after(1, 10).left(1, &[under_way(9, 9.0)], 9.5).unwrap();
        assert!(most <= 11.5, "{most}");
    }

    #[test]
    fn the_limit_of_a_study_is_its_end() {
        let forecast = Forecast { limit: Some(Duration::from_secs(25)), ..after(4, 10) };
        assert_eq!(forecast.left(6, &[], 20.0), Some(5.0));
        assert_eq!(forecast.left(6, &[], 30.0), Some(0.0));
    }
}
