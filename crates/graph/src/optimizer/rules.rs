//! The table of the optimizers, and what each of them says of itself.

use super::bounds::{Bounded, allowed};
use super::declare::update_rules;
use super::scalars::{Scalars, bias_correction, momentum_schedule};

update_rules! {
    /// Stochastic gradient descent, with momentum or without; state with momentum: buf.
    Sgd = "sgd" {
        /// Share of the previous direction.
        momentum: f64 = 0.0, share;
        /// Share of each gradient but the first that does not reach buf.
        dampening: f64 = 0.0, part;
        /// Look ahead along the direction; needs momentum above 0 and no dampening.
        nesterov: bool = false, flag;
    }
    /// Adam, with weight decay added to the gradient; state: m, v.
    Adam = "adam" {
        /// Decay of the mean.
        beta1: f64 = 0.9, share;
        /// Decay of the mean square.
        beta2: f64 = 0.999, share;
        /// Added to the root.
        epsilon: f64 = 1e-8, positive;
    }
    /// Adam with decoupled weight decay; state: m, v.
    AdamW = "adamw" {
        /// Decay of the mean.
        beta1: f64 = 0.9, share;
        /// Decay of the mean square.
        beta2: f64 = 0.999, share;
        /// Added to the root.
        epsilon: f64 = 1e-8, positive;
    }
    /// RMSprop, centred or not; state: v, buf, and centred: m.
    RmsProp = "rmsprop" {
        /// Decay of the mean square, and of the mean.
        alpha: f64 = 0.99, share;
        /// Added to the root.
        epsilon: f64 = 1e-8, positive;
        /// Share of the previous direction.
        rmsprop_momentum: f64 = 0.0, share;
        /// Divide by the deviation of the gradient in place of its mean square's root.
        centered: bool = false, flag;
    }
    /// Lion, with decoupled weight decay; state: m.
    Lion = "lion" {
        /// Share of m in the direction.
        beta1: f64 = 0.9, share;
        /// Decay of m.
        beta2: f64 = 0.99, share;
    }
    /// Adam with Nesterov's momentum, and weight decay added to the gradient; state: m, v.
    NAdam = "nadam" {
        /// Decay of the mean.
        beta1: f64 = 0.9, share;
        /// Decay of the mean square.
        beta2: f64 = 0.999, share;
        /// Added to the root.
        epsilon: f64 = 1e-8, positive;
        /// How fast the momentum rises from half of beta1 to all of it.
        momentum_decay: f64 = 0.004, not_negative;
    }
    /// Adagrad; state: the sum of the squares.
    Adagrad = "adagrad" {
        /// Added to the root.
        epsilon: f64 = 1e-10, positive;
        /// How fast the learning rate falls with the steps.
        lr_decay: f64 = 0.0, not_negative;
    }
}

/// What a user has said of the scalars; `None`: nothing.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct GivenScalars {
    /// SGD's share of the previous direction.
    pub momentum: Option<f64>,
    /// RMSprop's share of the previous direction.
    pub rmsprop_momentum: Option<f64>,
    /// Share of a gradient that does not reach the direction.
    pub dampening: Option<f64>,
    /// Look ahead along the direction.
    pub nesterov: Option<bool>,
    /// Decay of RMSprop's mean square.
    pub alpha: Option<f64>,
    /// Divide by the deviation.
    pub centered: Option<bool>,
    /// Decay of the mean; Lion's share of the mean in the direction.
    pub beta1: Option<f64>,
    /// Decay of the mean square; Lion's decay of the mean.
    pub beta2: Option<f64>,
    /// Added to a root.
    pub epsilon: Option<f64>,
    /// How fast NAdam's momentum rises.
    pub momentum_decay: Option<f64>,
    /// How fast Adagrad's learning rate falls.
    pub lr_decay: Option<f64>,
}

impl GivenScalars {
    /// Nothing was said.
    pub const NONE: Self = Self {
        momentum: None,
        rmsprop_momentum: None,
        dampening: None,
        nesterov: None,
        alpha: None,
        centered: None,
        beta1: None,
        beta2: None,
        epsilon: None,
        momentum_decay: None,
        lr_decay: None,
    };
}

impl OptimizerKind {
    /// The weight decay that its authors' code has unless it is told otherwise.
    pub const fn default_weight_decay(self) -> f64 {
        match self {
            Self::AdamW => 0.01,
            Self::Sgd | Self::Adam | Self::RmsProp | Self::Lion | Self::NAdam | Self::Adagrad => 0.0,
        }
    }
}

impl UpdateRule {
    /// Plain stochastic gradient descent.
    pub const SGD: Self = OptimizerKind::Sgd.rule(&GivenScalars::NONE);
    /// RMSprop with PyTorch's defaults.
    pub const RMSPROP: Self = OptimizerKind::RmsProp.rule(&GivenScalars::NONE);
    /// Adam with PyTorch's defaults.
    pub const ADAM: Self = OptimizerKind::Adam.rule(&GivenScalars::NONE);
    /// AdamW with PyTorch's defaults.
    pub const ADAMW: Self = OptimizerKind::AdamW.rule(&GivenScalars::NONE);

    /// Stochastic gradient descent with momentum, not dampened.
    pub const fn momentum(momentum: f64, nesterov: bool) -> Self {
        Self::Sgd { momentum, dampening: 0.0, nesterov }
    }

    /// Rules that between them reach every branch of every optimizer: what engines are compared over.
    pub const EXAMPLES: &[Self] = &[
        Self::SGD,
        Self::momentum(0.9, false),
        Self::momentum(0.9, true),
        Self::Sgd { momentum: 0.9, dampening: 0.25, nesterov: false },
        Self::RMSPROP,
        Self::RmsProp { alpha: 0.99, epsilon: 1e-3, rmsprop_momentum: 0.0, centered: false },
        Self::RmsProp { alpha: 0.9, epsilon: 1e-8, rmsprop_momentum: 0.9, centered: false },
        Self::RmsProp { alpha: 0.9, epsilon: 1e-3, rmsprop_momentum: 0.9, centered: true },
        Self::RmsProp { alpha: 0.5, epsilon: 1e-2, rmsprop_momentum: 0.0, centered: true },
        Self::ADAM,
        Self::Adam { beta1: 0.5, beta2: 0.9, epsilon: 1e-3 },
        Self::Adam { beta1: 0.95, beta2: 0.99, epsilon: 1e-8 },
        Self::ADAMW,
        Self::AdamW { beta1: 0.95, beta2: 0.99, epsilon: 1e-3 },
        Self::AdamW { beta1: 0.5, beta2: 0.9, epsilon: 1e-8 },
        OptimizerKind::Lion.rule(&GivenScalars::NONE),
        Self::Lion { beta1: 0.5, beta2: 0.9 },
        Self::Lion { beta1: 0.95, beta2: 0.98 },
        OptimizerKind::NAdam.rule(&GivenScalars::NONE),
        Self::NAdam { beta1: 0.5, beta2: 0.9, epsilon: 1e-3, momentum_decay: 0.5 },
        OptimizerKind::Adagrad.rule(&GivenScalars::NONE),
        Self::Adagrad { epsilon: 1e-3, lr_decay: 0.5 },
    ];

    /// The most tensors of state that a rule has.
    pub const MOST_STATES: usize = 3;

    /// How many tensors of state it has, each laid out as the parameters, which all start at zero.
    pub fn states(&self) -> usize {
        match *self {
            Self::Sgd { momentum, .. } => usize::from(momentum != 0.0),
            Self::RmsProp { centered, .. } => 2 + usize::from(centered),
            Self::Adam { .. } | Self::AdamW { .. } | Self::NAdam { .. } => 2,
            Self::Lion { .. } | Self::Adagrad { .. } => 1,
        }
    }

    /// Its numbers, each with its bounds, those that it has beside the others too.
    pub fn bounds(&self) -> Vec<Bounded> {
        let mut bounds = self.own_bounds();
        if let Self::Sgd { momentum, dampening, nesterov: true } = *self {
            bounds.push(Bounded::new("momentum", momentum, momentum > 0.0, "above 0 with nesterov"));
            bounds.push(Bounded::new("dampening", dampening, dampening == 0.0, "0 with nesterov"));
        }
        bounds
    }

    /// The numbers of update `t`, from 1.
    pub fn scalars(&self, learning_rate: f64, weight_decay: f64, t: u64) -> Scalars {
        let with = |rate: f64, kept: [f64; 2]| Scalars {
            shrink: 1.0,
            decay: weight_decay as f32,
            rate: rate as f32,
            gradient_rate: 0.0,
            kept: kept.map(|kept| kept as f32),
            added: kept.map(|kept| (1.0 - kept) as f32),
            root: 1.0,
            epsilon: 0.0,
            nesterov: false,
            centered: false,
        };
        let decoupled = |scalars: Scalars| {
            let shrink = (1.0 - learning_rate * weight_decay) as f32;
            Scalars { decay: 0.0, shrink, ..scalars }
        };
        let adam = |rate: f64, beta1: f64, beta2: f64, epsilon: f64| {
            let root = bias_correction(beta2, t).sqrt() as f32;
            Scalars { root, epsilon: epsilon as f32, ..with(rate, [beta1, beta2]) }
        };
        match *self {
            Self::Sgd { momentum, dampening, nesterov } => {
                let added = if t == 1 { 1.0 } else { 1.0 - dampening };
                Scalars { added: [added as f32, 1.0], nesterov, ..with(learning_rate, [momentum, 0.0]) }
            }
            Self::RmsProp { alpha, epsilon, rmsprop_momentum: momentum, centered } => {
                Scalars { epsilon: epsilon as f32, centered, ..with(learning_rate, [momentum, alpha]) }
            }
            Self::Adam { beta1, beta2, epsilon } => {
                adam(learning_rate / bias_correction(beta1, t), beta1, beta2, epsilon)
            }
            Self::AdamW { beta1, beta2, epsilon } => {
                decoupled(adam(learning_rate / bias_correction(beta1, t), beta1, beta2, epsilon))
            }
            Self::NAdam { beta1, beta2, epsilon, momentum_decay } => {
                let [gradient, mean] = momentum_schedule(beta1, momentum_decay, t);
                let gradient_rate = (learning_rate * gradient) as f32;
                Scalars { gradient_rate, ..adam(learning_rate * mean, beta1, beta2, epsilon) }
            }
            Self::Adagrad { epsilon, lr_decay } => {
                let rate = learning_rate / (1.0 + (t - 1) as f64 * lr_decay);
                Scalars { epsilon: epsilon as f32, ..with(rate, [0.0; 2]) }
            }
            Self::Lion { beta1, beta2 } => decoupled(with(learning_rate, [beta1, beta2])),
        }
    }
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

    /// The numbers of the update `t` = 3 at learning rate 0.5 and weight decay 0.1, from the formulae in the module's head.
    #[test]
    fn scalars_are_those_of_the_formulae() {
        let plain = Scalars {
            shrink: 1.0,
            decay: 0.1,
            rate: 0.5,
            gradient_rate: 0.0,
            kept: [0.0; 2],
            added: [1.0; 2],
            root: 1.0,
            epsilon: 0.0,
            nesterov: false,
            centered: false,
        };
        // beta1 = 0.5 and beta2 = 0.75 after three updates: 1 - 0.5^3 and 1 - 0.75^3.
        let root = 0.578125f64.sqrt() as f32;
        let (kept, added) = ([0.5, 0.75], [0.5, 0.25]);
        let adam = Scalars { rate: (0.5 / 0.875) as f32, kept, added, root, epsilon: 1e-3, ..plain };
        // NAdam without decay: mu is half of beta1, and the product of three is 1/64.
        let nadam = Scalars { rate: (0.5 * 0.25 / (1.0 - 1.0 / 256.0)) as f32, ..adam };
        let nadam = Scalars { gradient_rate: (0.5 * 0.75 / (1.0 - 1.0 / 64.0)) as f32, ..nadam };
        let (beta1, beta2, epsilon) = (0.5, 0.75, 1e-3);
        let rms = |centered| UpdateRule::RmsProp { alpha: 0.75, epsilon, rmsprop_momentum: 0.5, centered };
        for (rule, expected) in [
            (UpdateRule::SGD, plain),
            (
                UpdateRule::Sgd { momentum: 0.5, dampening: 0.25, nesterov: false },
                Scalars { kept: [0.5, 0.0], added: [0.75, 1.0], ..plain },
            ),
            (UpdateRule::momentum(0.5, true), Scalars { kept: [0.5, 0.0], nesterov: true, ..plain }),
            (rms(false), Scalars { kept, added, epsilon: 1e-3, ..plain }),
            (rms(true), Scalars { kept, added, epsilon: 1e-3, centered: true, ..plain }),
            (UpdateRule::Adam { beta1, beta2, epsilon }, adam),
            (UpdateRule::AdamW { beta1, beta2, epsilon }, Scalars { shrink: 0.95, decay: 0.0, ..adam }),
            (UpdateRule::NAdam { beta1, beta2, epsilon, momentum_decay: 0.0 }, nadam),
            (UpdateRule::Adagrad { epsilon, lr_decay: 1.5 }, Scalars { rate: 0.125, epsilon: 1e-3, ..plain }),
            (UpdateRule::Lion { beta1, beta2 }, Scalars { shrink: 0.95, decay: 0.0, kept, added, ..plain }),
        ] {
            let scalars = rule.scalars(0.5, 0.1, 3);
            assert_eq!(scalars, expected, "{rule:?}");
            assert_eq!(scalars.without_decay(), Scalars { shrink: 1.0, decay: 0.0, ..expected }, "{rule:?}");
        }
        let dampened = UpdateRule::Sgd { momentum: 0.5, dampening: 0.25, nesterov: false };
        assert_eq!(dampened.scalars(0.5, 0.1, 1).added, [1.0, 1.0], "the first gradient is not dampened");
    }

    #[test]
    fn states_are_counted_as_the_table_says() {
        let rms = |centered| UpdateRule::RmsProp { alpha: 0.9, epsilon: 1e-8, rmsprop_momentum: 0.0, centered };
        let [lion, nadam, adagrad] = [OptimizerKind::Lion, OptimizerKind::NAdam, OptimizerKind::Adagrad]
            .map(|kind| kind.rule(&GivenScalars::NONE));
        for (rule, states) in [
            (UpdateRule::SGD, 0),
            (UpdateRule::momentum(0.9, false), 1),
            (rms(false), 2),
            (rms(true), 3),
            (UpdateRule::ADAM, 2),
            (UpdateRule::ADAMW, 2),
            (nadam, 2),
            (lion, 1),
            (adagrad, 1),
        ] {
            assert_eq!(rule.states(), states, "{rule:?}");
        }
    }

    #[test]
    fn scalars_are_held_against_their_bounds() {
        let (inf, nan) = (f64::INFINITY, f64::NAN);
        for (value, [share, part, positive, not_negative]) in [
            (-0.5, [false; 4]),
            (0.0, [true, true, false, true]),
            (0.5, [true; 4]),
            (1.0, [false, true, true, true]),
            (2.0, [false, false, true, true]),
            (inf, [false; 4]),
            (nan, [false; 4]),
        ] {
            assert_eq!(Bounded::share("x", value).holds, share, "{value}");
            assert_eq!(Bounded::part("x", value).holds, part, "{value}");
            assert_eq!(Bounded::positive("x", value).holds, positive, "{value}");
            assert_eq!(Bounded::not_negative("x", value).holds, not_negative, "{value}");
        }
        // Looking ahead needs a direction that is not dampened.
        let holds = |momentum, dampening, nesterov| {
            UpdateRule::Sgd { momentum, dampening, nesterov }.bounds().iter().all(|bounded| bounded.holds)
        };
        assert!(holds(0.0, 0.5, false) && holds(0.5, 0.0, true));
        assert!(!holds(0.0, 0.0, true) && !holds(0.5, 0.5, true));
    }

    #[test]
    fn optimizers_are_found_by_their_scalars() {
        assert_eq!(OptimizerKind::names_with::<4>("beta1"), ["adam", "adamw", "lion", "nadam"]);
        assert_eq!(OptimizerKind::names_with::<1>("momentum"), ["sgd"]);
        for (scalar, count) in [("beta1", 4), ("epsilon", 5), ("momentum", 1), ("centered", 1), ("beta", 0), ("", 0)] {
            assert_eq!(OptimizerKind::count_with(scalar), count, "{scalar}");
        }
        assert_eq!(OptimizerKind::AdamW.scalars(), ["beta1", "beta2", "epsilon"]);
        assert_eq!(OptimizerKind::ALL.iter().map(|kind| kind.default_weight_decay()).sum::<f64>(), 0.01);
    }

    #[test]
    fn every_example_is_within_its_bounds() {
        for rule in UpdateRule::EXAMPLES {
            assert!(rule.bounds().iter().all(|bounded| bounded.holds), "{rule:?}");
        }
        assert_eq!(UpdateRule::EXAMPLES.iter().map(UpdateRule::states).max(), Some(UpdateRule::MOST_STATES));
    }
}
