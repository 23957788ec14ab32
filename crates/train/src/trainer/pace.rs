//! How fast a task is trained, from a few of its steps.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Trainer;
use crate::TrainError;

/// Fewest timed calls of the engine; one more before them warms up.
const FEWEST: usize = 3;

/// Of the time for the steps, what evaluation gets.
const EVALUATION_SHARE: u32 = 4;

impl Trainer {
    /// Seconds of an epoch, training and validation, without going through one: as many steps are taken
    /// as `time` allows, at least four, and a few batches of validation images are evaluated. What an
    /// epoch does is then counted with the mean of each, so that a busy machine counts as it is.
    ///
    /// # Errors
    /// As [`Trainer::epoch`].
    pub fn pace(mut self, time: Duration) -> Result<f64, TrainError> {
        let (beginning, step) = self.pace_of_steps(time)?;
        let evaluation = self.pace_of_evaluation(time / EVALUATION_SHARE)?;
        let steps = self.compiled.steps_per_epoch as f64;
        let validated = self.task.split.validation.len() as f64;
        Ok(beginning + step * steps + evaluation * validated)
    }

    /// Seconds until the first step of an epoch, and of a step.
    fn pace_of_steps(&mut self, time: Duration) -> Result<(f64, f64), TrainError> {
        let epoch = self.epochs_done() + 1;
        let start = Instant::now();
        let (mut beginnings, mut steps) = (Vec::new(), Vec::new());
        // An epoch of few steps is gone through several times.
        while steps.len() <= FEWEST || start.elapsed() < time {
            let begin = Instant::now();
            let mut marks = Vec::new();
            let trained = self.train(epoch, &mut |taken| {
                marks.push((taken, begin.elapsed()));
                steps.len() + marks.len() > FEWEST + 1 && start.elapsed() >= time
            });
            match trained {
                Ok(_) => marks.push((self.compiled.steps_per_epoch, begin.elapsed())),
                Err(TrainError::Interrupted { .. }) => {}
                Err(error) => return Err(error),
            }
            beginnings.push((1, marks[0].1));
            steps.extend(marks.windows(2).map(|pair| {
                let [(first, from), (last, to)] = [pair[0], pair[1]];
                (last - first, to - from)
            }));
        }
        Ok((mean(&beginnings), mean(&steps[1..])))
    }

    /// Seconds of the evaluation of an image.
    fn pace_of_evaluation(&mut self, time: Duration) -> Result<f64, TrainError> {
        let split = Arc::clone(&self.task.split);
        let some = self.compiled.plan.evaluation.batch * self.engine.chunk().max(1);
        let some = &split.validation[..some.min(split.validation.len())];
        let start = Instant::now();
        let mut images = Vec::new();
        while images.len() <= FEWEST || start.elapsed() < time {
            let begin = Instant::now();
            self.measure(some, &|_| false)?;
            images.push((some.len() as u64, begin.elapsed()));
        }
        Ok(mean(&images[1..]))
    }
}

/// Seconds for one, from how many took how long.
fn mean(timed: &[(u64, Duration)]) -> f64 {
    let count: u64 = timed.iter().map(|(count, _)| count).sum();
    let time: Duration = timed.iter().map(|(_, time)| time).sum();
    time.as_secs_f64() / count as f64
}

#[cfg(test)]
mod tests {
    use tunefork_data::{Generated, Normalisation, Split, SplitOptions};
    use tunefork_nn::{Image, Network, Optimizer, UpdateRule};
    use tunefork_rng::Key;

    use super::*;
    use crate::{Cpu, Images, Task, TrainSpec};

    #[test]
    fn an_epoch_of_fewer_steps_than_are_timed_has_a_pace() {
        let generated = Generated { train: 64, height: 12, width: 12, ..Generated::default() };
        let data = generated.draw().unwrap();
        let split = Split::new(&data, &SplitOptions::default(), Key::study(0)).unwrap();
        let images = Images { normalisation: Normalisation::of(&data, &split.train).unwrap(), data: Arc::new(data) };
        let task = Task {
            network: Network { hidden: vec![8], ..Network::new(Image::new(12, 12, 1), 10) },
            spec: TrainSpec::new(Optimizer::new(UpdateRule::ADAM, 1e-3)),
            images,
            split: Arc::new(split),
            key: Key::study(0),
        };
        let trainer = Trainer::new(task, &Cpu::default()).unwrap();
        assert_eq!(trainer.compiled().steps_per_epoch, 1);
        let seconds = trainer.pace(Duration::ZERO).unwrap();
        assert!(seconds > 0.0 && seconds.is_finite(), "{seconds}");
    }

    #[test]
    fn calls_of_many_count_for_more() {
        let seconds = Duration::from_secs;
        assert_eq!(mean(&[(1, seconds(4)), (3, seconds(4))]), 2.0);
    }
}
