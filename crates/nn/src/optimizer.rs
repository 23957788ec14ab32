//! Optimizer settings with their bounds.

use tunefork_graph::optimizer::{Bounded, UpdateRule};

use crate::NetworkError;

/// An optimizer: its rule with the scalars, the learning rate and the weight decay.
///
/// ```
/// use tunefork_nn::{Optimizer, UpdateRule};
///
/// let adam = Optimizer::new(UpdateRule::ADAM, 1e-3);
/// assert_eq!(adam.check(), Ok(()));
/// let sgd = Optimizer {
///     weight_decay: 5e-4,
///     ..Optimizer::new(UpdateRule::momentum(0.9, true), 0.1)
/// };
/// assert_eq!(sgd.check(), Ok(()));
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Optimizer {
    /// Which rule, with its scalars.
    pub rule: UpdateRule,
    /// Learning rate before the schedule's factor, above 0.
    pub learning_rate: f64,
    /// Weight decay, not negative; decoupled for AdamW and Lion, added to the gradient otherwise.
    pub weight_decay: f64,
    /// Whether weight decay acts on biases and on the scales and shifts of norms too.
    pub decay_norms_and_biases: bool,
}

impl Optimizer {
    /// With the rule's usual weight decay ([`OptimizerKind::default_weight_decay`](crate::OptimizerKind)) on all
    /// parameters.
    pub fn new(rule: UpdateRule, learning_rate: f64) -> Self {
        let weight_decay = rule.kind().default_weight_decay();
        Self { rule, learning_rate, weight_decay, decay_norms_and_biases: true }
    }

    /// Checks every scalar against its bounds.
    ///
    /// # Errors
    /// [`NetworkError::OutOfRange`] with the first that is outside.
    pub fn check(&self) -> Result<(), NetworkError> {
        let mut bounds = vec![
            Bounded::positive("learning_rate", self.learning_rate),
            Bounded::not_negative("weight_decay", self.weight_decay),
        ];
        bounds.extend(self.rule.bounds());
        match bounds.into_iter().find(|scalar| !scalar.holds) {
            None => Ok(()),
            Some(Bounded { name: what, value, allowed, .. }) => {
                Err(NetworkError::OutOfRange { layer: "optimizer".into(), what, value, allowed: allowed.into() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(optimizer: Optimizer, message: &str) {
        assert_eq!(optimizer.check().unwrap_err().to_string(), message);
    }

    #[test]
    fn numbers_outside_their_bounds_are_named() {
        let sgd = |momentum, nesterov| Optimizer::new(UpdateRule::momentum(momentum, nesterov), 0.1);
        refused(sgd(1.0, false), "optimizer: momentum is 1, must be at least 0 and below 1");
        refused(sgd(0.0, true), "optimizer: momentum is 0, must be above 0 with nesterov");
        refused(
            Optimizer::new(UpdateRule::ADAM, 0.0),
            "optimizer: learning_rate is 0, must be a finite number above 0",
        );
        refused(
            Optimizer::new(UpdateRule::ADAM, f64::NAN),
            "optimizer: learning_rate is NaN, must be a finite number above 0",
        );
        refused(
            Optimizer { weight_decay: -1.0, ..Optimizer::new(UpdateRule::SGD, 0.1) },
            "optimizer: weight_decay is -1, must be a finite number from 0",
        );
        refused(
            Optimizer::new(UpdateRule::Adam { beta1: 0.9, beta2: 1.0, epsilon: 1e-8 }, 0.1),
            "optimizer: beta2 is 1, must be at least 0 and below 1",
        );
        refused(
            Optimizer::new(
                UpdateRule::RmsProp { alpha: 0.9, epsilon: 0.0, rmsprop_momentum: 0.0, centered: false },
                0.1,
            ),
            "optimizer: epsilon is 0, must be a finite number above 0",
        );
    }

    #[test]
    fn adamw_decays_by_default_as_in_pytorch() {
        assert_eq!(Optimizer::new(UpdateRule::ADAMW, 1e-3).weight_decay, 0.01);
        assert_eq!(Optimizer::new(UpdateRule::RMSPROP, 1e-3).weight_decay, 0.0);
    }
}
