//! The optimizers with their scalars, shared by descriptions and engines.
//!
//! An update takes the parameters p, their gradients g, the state, the learning rate, the weight
//! decay and the number t of the step, from 1. The formulae are PyTorch's; the order of the
//! operations matters for following its losses:
//!
//! | kind | update |
//! |---|---|
//! | SGD | g += wd p; with momentum: buf = g at t = 1, else buf = momentum buf + g, and g = g + momentum buf (Nesterov) or buf; p -= lr g |
//! | RMSprop | g += wd p; v = alpha v + (1 - alpha) g g; d = g / (sqrt(v) + eps); with momentum: buf = momentum buf + d, p -= lr buf; else p -= lr d |
//! | Adam | g += wd p; m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g g; p -= lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps) |
//! | AdamW | p *= 1 - lr wd; then as Adam with wd = 0 |
//! | Lion | p *= 1 - lr wd; p -= lr sign(beta1 m + (1 - beta1) g); m = beta2 m + (1 - beta2) g (arXiv 2302.06675) |
//!
//! Weight decay applies to all parameters, biases and batch norms included.

tunefork_names::named_enum! {
    /// The optimizers by name.
    pub enum OptimizerKind: "optimizer" {
        /// Stochastic gradient descent, with momentum or without.
        Sgd = "sgd",
        /// Adam.
        Adam = "adam",
        /// Adam with decoupled weight decay.
        AdamW = "adamw",
        /// RMSprop.
        RmsProp = "rmsprop",
        /// Lion.
        Lion = "lion",
    }
}

/// An optimizer with its scalars, which do not change during a run.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum UpdateRule {
    /// Stochastic gradient descent; state: buf.
    Sgd {
        /// Share of the previous direction, in [0, 1).
        momentum: f64,
        /// Look ahead along the direction; needs momentum above 0.
        nesterov: bool,
    },
    /// RMSprop, not centred; state: v, buf.
    RmsProp {
        /// Decay of the mean square, in [0, 1).
        alpha: f64,
        /// Added to the root, above 0.
        epsilon: f64,
        /// Share of the previous direction, in [0, 1).
        momentum: f64,
    },
    /// Adam, with weight decay added to the gradient; state: m, v.
    Adam {
        /// Decay of the mean, in [0, 1).
        beta1: f64,
        /// Decay of the mean square, in [0, 1).
        beta2: f64,
        /// Added to the root, above 0.
        epsilon: f64,
    },
    /// Adam with decoupled weight decay; state: m, v.
    AdamW {
        /// Decay of the mean, in [0, 1).
        beta1: f64,
        /// Decay of the mean square, in [0, 1).
        beta2: f64,
        /// Added to the root, above 0.
        epsilon: f64,
    },
    /// Lion, with decoupled weight decay; state: m.
    Lion {
        /// Share of m in the direction, in [0, 1).
        beta1: f64,
        /// Decay of m, in [0, 1).
        beta2: f64,
    },
}

impl UpdateRule {
    /// Plain stochastic gradient descent.
    pub const SGD: Self = Self::Sgd { momentum: 0.0, nesterov: false };
    /// RMSprop with PyTorch's defaults.
    pub const RMSPROP: Self = Self::RmsProp { alpha: 0.99, epsilon: 1e-8, momentum: 0.0 };
    /// Adam with PyTorch's defaults.
    pub const ADAM: Self = Self::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
    /// AdamW with PyTorch's defaults.
    pub const ADAMW: Self = Self::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

    /// Lion with the defaults of its paper's published code.
    pub const LION: Self = Self::Lion { beta1: 0.9, beta2: 0.99 };

    /// Rules that between them reach every branch of every optimizer: what engines are compared over.
    pub const EXAMPLES: &[Self] = &[
        Self::SGD,
        Self::Sgd { momentum: 0.9, nesterov: false },
        Self::Sgd { momentum: 0.9, nesterov: true },
        Self::RMSPROP,
        Self::RmsProp { alpha: 0.99, epsilon: 1e-3, momentum: 0.0 },
        Self::RmsProp { alpha: 0.9, epsilon: 1e-8, momentum: 0.9 },
        Self::RmsProp { alpha: 0.9, epsilon: 1e-3, momentum: 0.9 },
        Self::ADAM,
        Self::Adam { beta1: 0.5, beta2: 0.9, epsilon: 1e-3 },
        Self::Adam { beta1: 0.95, beta2: 0.99, epsilon: 1e-8 },
        Self::ADAMW,
        Self::AdamW { beta1: 0.95, beta2: 0.99, epsilon: 1e-3 },
        Self::AdamW { beta1: 0.5, beta2: 0.9, epsilon: 1e-8 },
        Self::LION,
        Self::Lion { beta1: 0.5, beta2: 0.9 },
        Self::Lion { beta1: 0.95, beta2: 0.98 },
    ];

    /// The most state tensors that a rule has for each parameter. A plan has room for all of them,
    /// because the rule is chosen at run time.
    pub const STATES: usize = 2;

    /// Its scalars, each with the bounds that it has beside the others.
    pub fn bounds(&self) -> Vec<Bounded> {
        match *self {
            Self::Sgd { momentum, nesterov } => vec![
                Bounded::share("momentum", momentum),
                Bounded::new("momentum", momentum, !nesterov || momentum > 0.0, "above 0 with nesterov"),
            ],
            Self::RmsProp { alpha, epsilon, momentum } => vec![
                Bounded::share("alpha", alpha),
                Bounded::positive("epsilon", epsilon),
                Bounded::share("momentum", momentum),
            ],
            Self::Adam { beta1, beta2, epsilon } | Self::AdamW { beta1, beta2, epsilon } => vec![
                Bounded::share("beta1", beta1),
                Bounded::share("beta2", beta2),
                Bounded::positive("epsilon", epsilon),
            ],
            Self::Lion { beta1, beta2 } => vec![Bounded::share("beta1", beta1), Bounded::share("beta2", beta2)],
        }
    }

    /// Which optimizer it is.
    pub fn kind(&self) -> OptimizerKind {
        match self {
            Self::Sgd { .. } => OptimizerKind::Sgd,
            Self::RmsProp { .. } => OptimizerKind::RmsProp,
            Self::Adam { .. } => OptimizerKind::Adam,
            Self::AdamW { .. } => OptimizerKind::AdamW,
            Self::Lion { .. } => OptimizerKind::Lion,
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

/// The numbers of one update, worked out in f64: what an engine whose rules are one kernel rounds and sends there.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Scalars {
    /// What a direction is multiplied by.
    pub rate: f64,
    /// How much of each state stays: momentum (SGD), momentum and alpha (RMSprop), beta1 and beta2 (Adam, AdamW, Lion).
    pub decays: [f64; 2],
    /// How much of what is new comes to each state.
    pub rests: [f64; 2],
    /// What the states have gathered, 1 - beta^t (Adam, AdamW); else 1.
    pub corrections: [f64; 2],
    /// Added to a root.
    pub epsilon: f64,
    /// Whether SGD looks ahead.
    pub nesterov: bool,
}

impl UpdateRule {
    /// The numbers of update `t`, from 1.
    pub fn scalars(&self, learning_rate: f64, t: u64) -> Scalars {
        let plain = |decays: [f64; 2]| Scalars {
            rate: learning_rate,
            decays,
            rests: decays.map(|decay| 1.0 - decay),
            corrections: [1.0; 2],
            epsilon: 0.0,
            nesterov: false,
        };
        match *self {
            Self::Sgd { momentum, nesterov } => Scalars { nesterov, ..plain([momentum, 0.0]) },
            Self::RmsProp { alpha, epsilon, momentum } => Scalars { epsilon, ..plain([momentum, alpha]) },
            Self::Lion { beta1, beta2 } => plain([beta1, beta2]),
            Self::Adam { beta1, beta2, epsilon } | Self::AdamW { beta1, beta2, epsilon } => {
                let corrections = [beta1, beta2].map(|beta| bias_correction(beta, t));
                Scalars { epsilon, corrections, ..plain([beta1, beta2]) }
            }
        }
    }
}

/// 1 - beta^t, the weight that a running mean which started at 0 has gathered after `step` updates.
///
/// By repeated squaring in f64: the same bits everywhere, and no drift as a product kept in f32
/// would have.
///
/// ```
/// # use tunefork_graph::optimizer::bias_correction;
/// assert_eq!(bias_correction(0.5, 3), 1.0 - 0.125);
/// ```
pub fn bias_correction(beta: f64, step: u64) -> f64 {
    let (mut power, mut square, mut left) = (1.0, beta, step);
    while left > 0 {
        if left & 1 == 1 {
            power *= square;
        }
        square *= square;
        left >>= 1;
    }
    1.0 - power
}

/// What the gradients are multiplied by so that their global norm is at most `max_norm`:
/// min(1, max_norm / (norm + 1e-6)), as PyTorch's `clip_grad_norm_`. A norm that is no number gives
/// no number.
///
/// ```
/// # use tunefork_graph::optimizer::clip_scale;
/// assert_eq!(clip_scale(0.5, 1.0), 1.0);
/// assert!((clip_scale(10.0, 1.0) - 0.1).abs() < 1e-7);
/// assert!(clip_scale(f64::NAN, 1.0).is_nan());
/// ```
pub fn clip_scale(norm: f64, max_norm: f64) -> f64 {
    let scale = max_norm / (norm + 1e-6);
    if scale > 1.0 { 1.0 } else { scale }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_optimizer_has_an_example() {
        for kind in OptimizerKind::ALL {
            assert!(UpdateRule::EXAMPLES.iter().any(|rule| rule.kind() == *kind), "{kind}");
        }
    }

    #[test]
    fn every_example_is_within_its_bounds() {
        for rule in UpdateRule::EXAMPLES {
            assert!(rule.bounds().iter().all(|bounded| bounded.holds), "{rule:?}");
        }
    }
}
