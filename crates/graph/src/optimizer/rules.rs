//! The table of the optimizers.

/// Declares the optimizers: for each its name in study files, and its scalars with their defaults.
macro_rules! update_rules {
    ($($(#[$about:meta])* $kind:ident = $name:literal {
        $($(#[$meaning:meta])* $scalar:ident: $type:ty = $default:literal,)*
    })*) => {
        tunefork_names::named_enum! {
            /// The optimizers by name.
            pub enum OptimizerKind: "optimizer" {
                $($(#[$about])* $kind = $name,)*
            }
        }

        /// An optimizer with its scalars, which do not change during a run.
        #[derive(Clone, Copy, PartialEq, Debug)]
        pub enum UpdateRule {
            $($(#[$about])* $kind {
                $($(#[$meaning])* $scalar: $type,)*
            },)*
        }

        impl OptimizerKind {
            /// What the scalars of this optimizer are called in formulae and study files.
            pub const fn scalars(self) -> &'static [&'static str] {
                match self {
                    $(Self::$kind => &[$(stringify!($scalar)),*],)*
                }
            }

            /// The rule with what a user has said, and its authors' defaults for all the rest.
            pub const fn rule(self, given: &GivenScalars) -> UpdateRule {
                match self {
                    $(Self::$kind => UpdateRule::$kind {
                        $($scalar: match given.$scalar {
                            Some(given) => given,
                            None => $default,
                        },)*
                    },)*
                }
            }
        }

        impl UpdateRule {
            /// Which optimizer it is.
            pub const fn kind(&self) -> OptimizerKind {
                match self {
                    $(Self::$kind { .. } => OptimizerKind::$kind,)*
                }
            }
        }
    };
}

update_rules! {
    /// Stochastic gradient descent, with momentum or without; state with momentum: buf.
    Sgd = "sgd" {
        /// Share of the previous direction, in [0, 1).
        momentum: f64 = 0.0,
        /// Share of each gradient but the first that does not reach buf, in [0, 1].
        dampening: f64 = 0.0,
        /// Look ahead along the direction; needs momentum above 0 and no dampening.
        nesterov: bool = false,
    }
    /// Adam, with weight decay added to the gradient; state: m, v.
    Adam = "adam" {
        /// Decay of the mean, in [0, 1).
        beta1: f64 = 0.9,
        /// Decay of the mean square, in [0, 1).
        beta2: f64 = 0.999,
        /// Added to the root, above 0.
        epsilon: f64 = 1e-8,
    }
    /// Adam with decoupled weight decay; state: m, v.
    AdamW = "adamw" {
        /// Decay of the mean, in [0, 1).
        beta1: f64 = 0.9,
        /// Decay of the mean square, in [0, 1).
        beta2: f64 = 0.999,
        /// Added to the root, above 0.
        epsilon: f64 = 1e-8,
    }
    /// RMSprop, centred or not; state: v, buf, and centred: m.
    RmsProp = "rmsprop" {
        /// Decay of the mean square, and of the mean, in [0, 1).
        alpha: f64 = 0.99,
        /// Added to the root, above 0.
        epsilon: f64 = 1e-8,
        /// Share of the previous direction, in [0, 1).
        rmsprop_momentum: f64 = 0.0,
        /// Divide by the deviation of the gradient in place of its mean square's root.
        centered: bool = false,
    }
    /// Lion, with decoupled weight decay; state: m.
    Lion = "lion" {
        /// Share of m in the direction, in [0, 1).
        beta1: f64 = 0.9,
        /// Decay of m, in [0, 1).
        beta2: f64 = 0.99,
    }
    /// Adam with Nesterov's momentum, and weight decay added to the gradient; state: m, v.
    NAdam = "nadam" {
        /// Decay of the mean, in [0, 1).
        beta1: f64 = 0.9,
        /// Decay of the mean square, in [0, 1).
        beta2: f64 = 0.999,
        /// Added to the root, above 0.
        epsilon: f64 = 1e-8,
        /// How fast the momentum rises from half of beta1 to all of it, not negative.
        momentum_decay: f64 = 0.004,
    }
    /// Adagrad; state: the sum of the squares.
    Adagrad = "adagrad" {
        /// Added to the root, above 0.
        epsilon: f64 = 1e-10,
        /// How fast the learning rate falls with the steps, not negative.
        lr_decay: f64 = 0.0,
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
    /// How many optimizers have this scalar.
    pub const fn count_with(scalar: &str) -> usize {
        let (mut count, mut at) = (0, 0);
        while at < Self::ALL.len() {
            count += Self::ALL[at].has(scalar) as usize;
            at += 1;
        }
        count
    }

    /// The names of the `COUNT` optimizers that have this scalar.
    ///
    /// # Panics
    /// If there are fewer, or none.
    pub const fn names_with<const COUNT: usize>(scalar: &str) -> [&'static str; COUNT] {
        assert!(COUNT > 0, "an optimizer has this scalar");
        let (mut names, mut at, mut kind) = ([""; COUNT], 0, 0);
        while at < COUNT {
            if Self::ALL[kind].has(scalar) {
                names[at] = Self::ALL[kind].name();
                at += 1;
            }
            kind += 1;
        }
        names
    }

    const fn has(self, scalar: &str) -> bool {
        let (mut at, scalars) = (0, self.scalars());
        while at < scalars.len() {
            if is_same(scalars[at], scalar) {
                return true;
            }
            at += 1;
        }
        false
    }

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
}

/// `==`, which does not yet run while compiling.
const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
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
            let bounds = rule.bounds();
            assert!(bounds.iter().all(|bounded| bounded.holds), "{rule:?}");
            for scalar in rule.kind().scalars() {
                let is_flag = ["nesterov", "centered"].contains(scalar);
                assert_eq!(bounds.iter().any(|bounded| bounded.name == *scalar), !is_flag, "{rule:?}: {scalar}");
            }
        }
        assert_eq!(UpdateRule::EXAMPLES.iter().map(UpdateRule::states).max(), Some(UpdateRule::MOST_STATES));
    }
}
