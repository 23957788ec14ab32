//! Updates of parameters, by the table in [`tunefork_graph::optimizer`].

use tunefork_graph::optimizer::{UpdateRule, bias_correction, clip_scale, momentum_schedule};

use crate::Tensor;

/// The state of an optimizer: tensors like each parameter, whatever the kind makes of them, and
/// the number of updates so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimizer {
    /// The rule and its constants.
    pub rule: UpdateRule,
    /// Whether weight decay acts on parameters of one axis too.
    pub decay_norms_and_biases: bool,
    states: [Vec<Tensor>; UpdateRule::MOST_STATES],
    step: u64,
}

impl Optimizer {
    /// An optimizer that has not made an update; weight decay acts on all parameters.
    pub fn new(rule: UpdateRule, parameters: &[Tensor]) -> Self {
        let zeros: Vec<Tensor> = parameters.iter().map(|p| Tensor::zeros(p.raw_dim())).collect();
        let states = std::array::from_fn(|_| zeros.clone());
        Self { rule, decay_norms_and_biases: true, states, step: 0 }
    }

    /// One update of all parameters.
    ///
    /// # Panics
    /// If the tensors differ from those that the optimizer was made for.
    pub fn update(&mut self, parameters: &mut [Tensor], gradients: &[Tensor], learning_rate: f64, weight_decay: f64) {
        self.step += 1;
        let [a, b, c] = &mut self.states;
        let states = a.iter_mut().zip(b).zip(c);
        for ((p, g), ((a, b), c)) in parameters.iter_mut().zip(gradients).zip(states) {
            assert_eq!(p.shape(), g.shape(), "a gradient has the shape of its parameter");
            let decays = self.decay_norms_and_biases || p.ndim() > 1;
            let decay = if decays { weight_decay } else { 0.0 };
            let (rule, step) = (self.rule, self.step);
            ndarray::Zip::from(p).and(g).and(a).and(b).and(c).for_each(|p, &g, a, b, c| {
                update_one(rule, step, learning_rate, decay, p, g, [a, b, c]);
            });
        }
    }
}

/// One parameter p with its gradient g and its state, whose parts the rules name in this order.
fn update_one(rule: UpdateRule, step: u64, lr: f64, wd: f64, p: &mut f64, g: f64, [a, b, c]: [&mut f64; 3]) {
    match rule {
        UpdateRule::Sgd { momentum, dampening, nesterov } => {
            let mut g = g + wd * *p;
            if momentum != 0.0 {
                *a = if step == 1 { g } else { momentum * *a + (1.0 - dampening) * g };
                g = if nesterov { g + momentum * *a } else { *a };
            }
            *p -= lr * g;
        }
        UpdateRule::RmsProp { alpha, epsilon, rmsprop_momentum: momentum, centered } => {
            let g = g + wd * *p;
            *a = alpha * *a + (1.0 - alpha) * g * g;
            *c = alpha * *c + (1.0 - alpha) * g;
            let square = if centered { (*a - *c * *c).max(0.0) } else { *a };
            let direction = g / (square.sqrt() + epsilon);
            *b = if momentum != 0.0 { momentum * *b + direction } else { direction };
            *p -= lr * *b;
        }
        UpdateRule::Lion { beta1, beta2 } => {
            *p *= 1.0 - lr * wd;
            let direction = beta1 * *a + (1.0 - beta1) * g;
            // In Rust the sign of zero is one.
            *p -= if direction == 0.0 { 0.0 } else { lr * direction.signum() };
            *a = beta2 * *a + (1.0 - beta2) * g;
        }
        UpdateRule::Adagrad { epsilon, lr_decay } => {
            let g = g + wd * *p;
            *a += g * g;
            *p -= lr / (1.0 + (step - 1) as f64 * lr_decay) * g / (a.sqrt() + epsilon);
        }
        UpdateRule::Adam { beta1, beta2, epsilon } => {
            let root = adam(step, [beta1, beta2, epsilon], g + wd * *p, a, b);
            *p -= lr / bias_correction(beta1, step) * *a / root;
        }
        UpdateRule::AdamW { beta1, beta2, epsilon } => {
            *p *= 1.0 - lr * wd;
            let root = adam(step, [beta1, beta2, epsilon], g, a, b);
            *p -= lr / bias_correction(beta1, step) * *a / root;
        }
        UpdateRule::NAdam { beta1, beta2, epsilon, momentum_decay } => {
            let g = g + wd * *p;
            let root = adam(step, [beta1, beta2, epsilon], g, a, b);
            let [gradient, mean] = momentum_schedule(beta1, momentum_decay, step);
            *p -= lr * (gradient * g + mean * *a) / root;
        }
    }
}

/// Adam's two means, and the root that directions are divided by.
fn adam(step: u64, [beta1, beta2, epsilon]: [f64; 3], g: f64, m: &mut f64, v: &mut f64) -> f64 {
    *m = beta1 * *m + (1.0 - beta1) * g;
    *v = beta2 * *v + (1.0 - beta2) * g * g;
    v.sqrt() / bias_correction(beta2, step).sqrt() + epsilon
}

/// Scales gradients so that their global norm is at most `max_norm`; returns the norm before.
pub fn clip(gradients: &mut [Tensor], max_norm: f64) -> f64 {
    let norm = gradients.iter().map(|g| g.iter().map(|g| g * g).sum::<f64>()).sum::<f64>().sqrt();
    let scale = clip_scale(norm, max_norm);
    for gradient in gradients {
        *gradient *= scale;
    }
    norm
}
