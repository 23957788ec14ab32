//! The numbers of one update.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_correction_is_one_minus_a_power() {
        for step in 0..40u64 {
            assert_eq!(bias_correction(0.5, step), 1.0 - 1.0 / (1u64 << step) as f64, "{step}");
            let expected = 1.0 - libm::pow(0.999, step as f64);
            assert!((bias_correction(0.999, step) - expected).abs() < 1e-15, "{step}");
        }
        assert_eq!(bias_correction(0.999, u64::MAX), 1.0);
    }

    /// PyTorch's NAdam keeps the product from step to step; leaving it where it is too small to matter changes no bit.
    #[test]
    fn the_momentum_schedule_is_that_of_a_running_product() {
        for (beta1, decay) in [(0.9, 0.004), (0.9, 0.0), (0.5, 0.5), (0.99, 0.02), (0.0, 0.004)] {
            let fall = libm::pow(0.96, decay);
            let (mut power, mut product) = (1.0, 1.0);
            for t in 1..=2000u64 {
                power *= fall;
                product *= beta1 * (1.0 - 0.5 * power);
                let mu = |i: u64| beta1 * (1.0 - 0.5 * libm::pow(fall, i as f64));
                let expected = [(1.0 - mu(t)) / (1.0 - product), mu(t + 1) / (1.0 - product * mu(t + 1))];
                assert_eq!(momentum_schedule(beta1, decay, t), expected, "beta1 {beta1}, decay {decay}, update {t}");
            }
        }
        // mu_1 and mu_2 by hand, of beta1 = 0.8 and a whole unit of decay.
        let (first, second) = (0.8 * (1.0 - 0.48), 0.8 * (1.0 - 0.5 * 0.96 * 0.96));
        let [gradient, mean] = momentum_schedule(0.8, 1.0, 1);
        assert!((gradient - 1.0).abs() < 1e-15 && (mean - second / (1.0 - first * second)).abs() < 1e-15);
    }

    #[test]
    fn norms_are_clipped_to_the_largest_allowed() {
        assert_eq!((clip_scale(0.5, 1.0), clip_scale(0.0, 1.0)), (1.0, 1.0));
        for (norm, most) in [(10.0, 1.0), (3.0, 0.25), (1.0, 1.0)] {
            assert!((clip_scale(norm, most) * (norm + 1e-6) - most).abs() < 1e-15, "{norm} to {most}");
        }
        assert!(clip_scale(f64::NAN, 1.0).is_nan());
    }
}
