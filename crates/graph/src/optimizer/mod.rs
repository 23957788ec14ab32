//! The optimizers with their scalars, shared by descriptions and engines.
//!
//! An update takes the parameters p, their gradients g, the state, the learning rate, the weight
//! decay and the number t of the step, from 1. The formulae are PyTorch's; the order of the
//! operations matters for following its losses:
//!
//! | kind | update |
//! |---|---|
//! | SGD | g += wd p; with momentum: buf = g at t = 1, else buf = momentum buf + (1 - dampening) g, and g = g + momentum buf (Nesterov) or buf; p -= lr g |
//! | RMSprop | g += wd p; v = alpha v + (1 - alpha) g g; d = g / (sqrt(v) + eps); with momentum: buf = momentum buf + d, p -= lr buf; else p -= lr d |
//! | RMSprop, centred | as RMSprop, but m = alpha m + (1 - alpha) g and sqrt(v - m m) in place of sqrt(v); what rounding makes negative counts as 0, where PyTorch has NaN |
//! | Adam | g += wd p; m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g g; p -= lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps) |
//! | AdamW | p *= 1 - lr wd; then as Adam with wd = 0 |
//! | NAdam | as Adam up to v; mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2), M_t = mu_1 ... mu_t; p -= lr ((1 - mu_t) / (1 - M_t) g + mu_{t+1} / (1 - M_{t+1}) m) / (sqrt(v) / sqrt(1 - beta2^t) + eps) |
//! | Adagrad | g += wd p; s += g g; p -= lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps) |
//! | Lion | p *= 1 - lr wd; p -= lr sign(beta1 m + (1 - beta1) g); m = beta2 m + (1 - beta2) g (arXiv 2302.06675) |
//!
//! Weight decay acts on all parameters, biases and norms included, or on all but these.

mod bounds;
mod declare;
mod rules;
mod scalars;

pub use bounds::Bounded;
pub use rules::{GivenScalars, OptimizerKind, UpdateRule};
pub use scalars::{Scalars, bias_correction, clip_scale, momentum_schedule};
