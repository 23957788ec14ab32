//! The numbers of one update.

use super::UpdateRule;

/// The numbers of one update, each worked out in f64 and rounded once: 1 - 0.999 in f32 would be wrong
/// in the fifth digit.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Scalars {
    /// What the parameters are multiplied by first: 1 - lr wd (AdamW, Lion); else 1.
    pub shrink: f32,
    /// How much of a parameter is added to its gradient: the weight decay; 0 where it is decoupled.
    pub decay: f32,
    /// What the direction is multiplied by: the learning rate, and what it is divided by from step to step.
    pub rate: f32,
    /// What NAdam multiplies the gradient by, beside the mean; else 0.
    pub gradient_rate: f32,
    /// How much of each state stays: momentum (SGD), momentum and alpha (RMSprop), beta1 and beta2.
    pub kept: [f32; 2],
    /// How much of what is new comes to each state.
    pub added: [f32; 2],
    /// What a root is divided by: sqrt(1 - beta2^t) (Adam, AdamW, NAdam); else 1.
    pub root: f32,
    /// Added to a root.
    pub epsilon: f32,
    /// Whether SGD looks ahead.
    pub nesterov: bool,
    /// Whether RMSprop divides by the deviation.
    pub centered: bool,
}

impl Scalars {
    /// The same without weight decay.
    pub fn without_decay(self) -> Self {
        Self { shrink: 1.0, decay: 0.0, ..self }
    }
}

impl UpdateRule {
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

/// What NAdam multiplies the gradient and the mean by at update `t`, from 1: (1 - mu_t) / (1 - mu_1 ... mu_t) and
/// mu_{t+1} / (1 - mu_1 ... mu_{t+1}) with mu_i = beta1 (1 - 0.96^(i momentum_decay) / 2).
///
/// Worked out anew at each step, so that a training that goes on has the same bits; the product is left when it is
/// too small to change what it is taken from (with beta1 = 0.9 after some 400 factors).
///
/// ```
/// # use tunefork_graph::optimizer::momentum_schedule;
/// // Without decay mu is half of beta1 all the time.
/// assert_eq!(momentum_schedule(0.5, 0.0, 1), [1.0, 0.25 / (1.0 - 0.25 * 0.25)]);
/// ```
pub fn momentum_schedule(beta1: f64, momentum_decay: f64, t: u64) -> [f64; 2] {
    let fall = libm::pow(0.96, momentum_decay);
    let (mut power, mut product, mut i) = (fall, 1.0, 1);
    while i <= t && product > f64::EPSILON / 4.0 {
        product *= beta1 * (1.0 - 0.5 * power);
        power *= fall;
        i += 1;
    }
    let mu = |i: u64| beta1 * (1.0 - 0.5 * libm::pow(fall, i as f64));
    [(1.0 - mu(t)) / (1.0 - product), mu(t + 1) / (1.0 - product * mu(t + 1))]
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
