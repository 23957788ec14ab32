//! Updates of parameters, by the table in [`tunefork_graph::optimizer`].

use tunefork_graph::optimizer::{UpdateRule, bias_correction, clip_scale};

use crate::Tensor;

/// The state of an optimizer: two tensors like each parameter, whatever the kind makes of them, and
/// the number of updates so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimizer {
    /// The rule and its constants.
    pub rule: UpdateRule,
    first: Vec<Tensor>,
    second: Vec<Tensor>,
    step: u64,
}

impl Optimizer {
    /// An optimizer that has not made an update.
    pub fn new(rule: UpdateRule, parameters: &[Tensor]) -> Self {
        let zeros: Vec<Tensor> = parameters.iter().map(|p| Tensor::zeros(p.raw_dim())).collect();
        Self { rule, first: zeros.clone(), second: zeros, step: 0 }
    }

    /// One update of all parameters.
    ///
    /// # Panics
    /// If the tensors differ from those that the optimizer was made for.
    pub fn update(&mut self, parameters: &mut [Tensor], gradients: &[Tensor], learning_rate: f64, weight_decay: f64) {
        self.step += 1;
        let tensors = parameters.iter_mut().zip(gradients);
        for ((p, g), (a, b)) in tensors.zip(self.first.iter_mut().zip(&mut self.second)) {
            assert_eq!(p.shape(), g.shape(), "a gradient has the shape of its parameter");
            ndarray::Zip::from(p).and(g).and(a).and(b).for_each(|p, &g, a, b| {
                update_one(self.rule, self.step, learning_rate, weight_decay, p, g, a, b);
            });
        }
    }
}

/// One parameter p with its gradient g and its state: a and b are buf for SGD (a), v and buf for
/// RMSprop, m and v for Adam and AdamW, m (a) for Lion.
fn update_one(rule: UpdateRule, step: u64, lr: f64, wd: f64, p: &mut f64, g: f64, a: &mut f64, b: &mut f64) {
    match rule {
        UpdateRule::Sgd { momentum, nesterov } => {
            let mut g = g + wd * *p;
            if momentum != 0.0 {
                *a = if step == 1 { g } else { momentum * *a + g };
                g = if nesterov { g + momentum * *a } else { *a };
            }
            *p -= lr * g;
        }
        UpdateRule::RmsProp { alpha, epsilon, momentum } => {
            let g = g + wd * *p;
            *a = alpha * *a + (1.0 - alpha) * g * g;
            let direction = g / (a.sqrt() + epsilon);
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
        UpdateRule::Adam { beta1, beta2, epsilon } => adam(step, lr, [beta1, beta2, epsilon], p, g + wd * *p, a, b),
        UpdateRule::AdamW { beta1, beta2, epsilon } => {
            *p *= 1.0 - lr * wd;
            adam(step, lr, [beta1, beta2, epsilon], p, g, a, b);
        }
    }
}

fn adam(step: u64, lr: f64, [beta1, beta2, epsilon]: [f64; 3], p: &mut f64, g: f64, m: &mut f64, v: &mut f64) {
    *m = beta1 * *m + (1.0 - beta1) * g;
    *v = beta2 * *v + (1.0 - beta2) * g * g;
    let root = v.sqrt() / bias_correction(beta2, step).sqrt();
    *p -= lr / bias_correction(beta1, step) * *m / (root + epsilon);
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
