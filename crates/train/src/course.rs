//! What the values of the epochs so far lead to: pure functions, so that a run that is taken up again
//! has nothing more to remember.

use serde::{Deserialize, Serialize};

use crate::{EpochValue, Objective};

/// Values that differ by less than this share of the best one are no progress (PyTorch's default).
const THRESHOLD: f64 = 1e-4;

/// A learning rate that drops when the value stands still, as PyTorch's `ReduceLROnPlateau` does it.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Plateau {
    /// Epochs without progress that are borne; with the next one the rate drops.
    pub patience: u32,
    /// What the rate is multiplied by, in (0, 1).
    pub factor: f64,
}

impl Plateau {
    /// Factor of the learning rate after epochs with these values.
    ///
    /// ```
    /// use tunefork_train::{Objective, Plateau};
    ///
    /// let plateau = Plateau { patience: 1, factor: 0.5 };
    /// assert_eq!(plateau.rate(Objective::Accuracy, &[0.8, 0.7]), 1.0);
    /// assert_eq!(plateau.rate(Objective::Accuracy, &[0.8, 0.7, 0.8]), 0.5);
    /// ```
    pub fn rate(&self, objective: Objective, values: &[f64]) -> f64 {
        let (mut rate, mut waited, mut best) = (1.0, 0, None);
        for &value in values {
            if best.is_none_or(|best| is_progress(objective, value, best)) {
                (best, waited) = (Some(value), 0);
            } else {
                waited += 1;
            }
            if waited > self.patience {
                (rate, waited) = (rate * self.factor, 0);
            }
        }
        rate
    }
}

fn is_progress(objective: Objective, value: f64, best: f64) -> bool {
    match objective.is_maximised() {
        true => value > best * (1.0 + THRESHOLD),
        false => value < best * (1.0 - THRESHOLD),
    }
}

/// The first of the best values.
pub(crate) fn best(objective: Objective, values: &[f64]) -> Option<EpochValue> {
    let numbered = (1..).zip(values).map(|(epoch, &value)| EpochValue { epoch, value });
    numbered.reduce(|best, new| match objective.better(new.value, best.value) {
        true => new,
        false => best,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// torch.optim.lr_scheduler.ReduceLROnPlateau(SGD(lr=1.0), mode, factor=0.1, patience=1).
    #[test]
    fn rates_follow_pytorch() {
        let plateau = Plateau { patience: 1, factor: 0.1 };
        let values = [0.5, 0.6, 0.6, 0.6, 0.6, 0.7, 0.70001, 0.69, 0.7, 0.65, 0.9];
        let mirrored = values.map(|value| 1.0 - value);
        let torch = [1.0, 1.0, 1.0, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.001, 0.001];
        for (epochs, expected) in (1..).zip(torch) {
            for (objective, values) in [(Objective::Accuracy, &values), (Objective::Loss, &mirrored)] {
                let rate: f64 = plateau.rate(objective, &values[..epochs]);
                assert!((rate - expected).abs() < 1e-15, "{objective:?}, {epochs} epochs: {rate}");
            }
        }
    }

    #[test]
    fn the_first_of_equal_values_is_the_best() {
        let at = |objective| best(objective, &[0.2, 0.9, 0.1, 0.9, 0.1]).map(|best| best.epoch);
        assert_eq!(at(Objective::Accuracy), Some(2));
        assert_eq!(at(Objective::Loss), Some(3));
        assert_eq!(best(Objective::Loss, &[]), None);
    }
}
