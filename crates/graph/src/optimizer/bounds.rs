//! The bounds of the scalars.

use super::UpdateRule;

impl UpdateRule {
    /// Its numbers, each with the bounds that it has beside the others.
    pub fn bounds(&self) -> Vec<Bounded> {
        match *self {
            Self::Sgd { momentum, dampening, nesterov } => vec![
                Bounded::share("momentum", momentum),
                Bounded::new("momentum", momentum, !nesterov || momentum > 0.0, "above 0 with nesterov"),
                Bounded::new("dampening", dampening, (0.0..=1.0).contains(&dampening), "from 0 to 1"),
                Bounded::new("dampening", dampening, !nesterov || dampening == 0.0, "0 with nesterov"),
            ],
            Self::RmsProp { alpha, epsilon, rmsprop_momentum, centered: _ } => vec![
                Bounded::share("alpha", alpha),
                Bounded::positive("epsilon", epsilon),
                Bounded::share("rmsprop_momentum", rmsprop_momentum),
            ],
            Self::Adam { beta1, beta2, epsilon } | Self::AdamW { beta1, beta2, epsilon } => vec![
                Bounded::share("beta1", beta1),
                Bounded::share("beta2", beta2),
                Bounded::positive("epsilon", epsilon),
            ],
            Self::NAdam { beta1, beta2, epsilon, momentum_decay } => vec![
                Bounded::share("beta1", beta1),
                Bounded::share("beta2", beta2),
                Bounded::positive("epsilon", epsilon),
                Bounded::not_negative("momentum_decay", momentum_decay),
            ],
            Self::Adagrad { epsilon, lr_decay } => {
                vec![Bounded::positive("epsilon", epsilon), Bounded::not_negative("lr_decay", lr_decay)]
            }
            Self::Lion { beta1, beta2 } => vec![Bounded::share("beta1", beta1), Bounded::share("beta2", beta2)],
        }
    }
}

/// A scalar that has been held against its bounds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Bounded {
    /// What the scalar is called in formulae and study files.
    pub name: &'static str,
    /// What it is.
    pub value: f64,
    /// Whether it lies within its bounds.
    pub holds: bool,
    /// The bounds in words, after "must be".
    pub allowed: &'static str,
}

impl Bounded {
    /// A scalar, of which the caller knows whether it `holds`.
    pub fn new(name: &'static str, value: f64, holds: bool, allowed: &'static str) -> Self {
        Self { name, value, holds, allowed }
    }

    /// In [0, 1).
    pub fn share(name: &'static str, value: f64) -> Self {
        Self::new(name, value, (0.0..1.0).contains(&value), "at least 0 and below 1")
    }

    /// Finite and above 0.
    pub fn positive(name: &'static str, value: f64) -> Self {
        Self::new(name, value, value > 0.0 && value.is_finite(), "a finite number above 0")
    }

    /// Finite, 0 or above.
    pub fn not_negative(name: &'static str, value: f64) -> Self {
        Self::new(name, value, value >= 0.0 && value.is_finite(), "a finite number from 0")
    }
}
