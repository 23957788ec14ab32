//! The update of the parameters: one pass over flat buffers.

use std::ops::Range;

use tunefork_graph::StepSettings;
use tunefork_graph::optimizer::{UpdateRule, bias_correction, clip_scale};
use tunefork_simd::{Isa, dispatch};

use crate::pool::Pool;
use crate::shared::Shared;

/// Elements of a task.
const PART: usize = 16 * 1024;

/// Parameters, their gradients and the two tensors of state, all of one length.
#[derive(Clone, Copy)]
pub struct Buffers<'a> {
    pub parameters: Shared<'a>,
    pub gradients: Shared<'a>,
    pub states: [Shared<'a>; 2],
    pub len: usize,
}

/// Updates the parameters and returns the global norm of the gradients, if it had to be known.
pub fn run(isa: Isa, pool: &mut Pool, buffers: &Buffers<'_>, settings: &StepSettings<'_>) -> Option<f64> {
    let norm = settings.clip_norm.map(|_| {
        // SAFETY: no task is running.
        norm(isa, unsafe { buffers.gradients.part(0..buffers.len).read() })
    });
    let clip = norm.zip(settings.clip_norm).map_or(1.0, |(norm, most)| clip_scale(norm, f64::from(most)));
    let rule = Rule::new(settings, clip as f32);
    let part = |task: usize| -> Range<usize> { task * PART..((task + 1) * PART).min(buffers.len) };
    pool.run(buffers.len.div_ceil(PART), &|task, _| {
        // SAFETY: each task has its own part of every buffer.
        let (p, g, [a, b]) = unsafe {
            (
                buffers.parameters.part(part(task)).write(),
                buffers.gradients.part(part(task)).read(),
                buffers.states.map(|state| state.part(part(task)).write()),
            )
        };
        rule.apply(isa, p, g, a, b);
    });
    norm
}

/// The global norm, summed part by part in order.
fn norm(isa: Isa, gradients: &[f32]) -> f64 {
    gradients.chunks(PART).map(|part| square_sum(isa, part)).sum::<f64>().sqrt()
}

/// An update's scalars, worked out once in f64.
enum Rule {
    Sgd { clip: f32, rate: f32, decay: f32 },
    Momentum { clip: f32, rate: f32, decay: f32, momentum: f32, nesterov: bool, first: bool },
    RmsProp { clip: f32, rate: f32, decay: f32, alpha: f32, rest: f32, epsilon: f32, momentum: f32 },
    Adam(Adam),
    Lion(Lion),
}

/// Lion's scalars.
#[derive(Clone, Copy)]
struct Lion {
    clip: f32,
    /// Multiplies the parameter.
    shrink: f32,
    rate: f32,
    beta1: f32,
    rest1: f32,
    beta2: f32,
    rest2: f32,
}

/// Adam's and AdamW's scalars.
#[derive(Clone, Copy)]
struct Adam {
    clip: f32,
    /// Added to the gradient (Adam).
    decay: f32,
    /// Multiplies the parameter (AdamW).
    shrink: f32,
    rest1: f32,
    beta2: f32,
    rest2: f32,
    /// lr / (1 - beta1^t)
    rate: f32,
    /// sqrt(1 - beta2^t)
    root: f32,
    epsilon: f32,
}

impl Rule {
    fn new(settings: &StepSettings<'_>, clip: f32) -> Self {
        let (learning_rate, weight_decay) = (settings.learning_rate, settings.weight_decay);
        let (rate, decay, t) = (learning_rate as f32, weight_decay as f32, settings.step + 1);
        let adam = |beta1: f64, beta2: f64, epsilon: f64| Adam {
            clip,
            decay: 0.0,
            shrink: 1.0,
            rest1: (1.0 - beta1) as f32,
            beta2: beta2 as f32,
            rest2: (1.0 - beta2) as f32,
            rate: (learning_rate / bias_correction(beta1, t)) as f32,
            root: bias_correction(beta2, t).sqrt() as f32,
            epsilon: epsilon as f32,
        };
        let shrink = (1.0 - learning_rate * weight_decay) as f32;
        match settings.optimizer {
            UpdateRule::Sgd { momentum: 0.0, .. } => Self::Sgd { clip, rate, decay },
            UpdateRule::Sgd { momentum, nesterov } => {
                Self::Momentum { clip, rate, decay, momentum: momentum as f32, nesterov, first: t == 1 }
            }
            UpdateRule::RmsProp { alpha, epsilon, momentum } => Self::RmsProp {
                clip,
                rate,
                decay,
                alpha: alpha as f32,
                rest: (1.0 - alpha) as f32,
                epsilon: epsilon as f32,
                momentum: momentum as f32,
            },
            UpdateRule::Adam { beta1, beta2, epsilon } => Self::Adam(Adam { decay, ..adam(beta1, beta2, epsilon) }),
            UpdateRule::AdamW { beta1, beta2, epsilon } => Self::Adam(Adam { shrink, ..adam(beta1, beta2, epsilon) }),
            UpdateRule::Lion { beta1, beta2 } => Self::Lion(Lion {
                clip,
                shrink,
                rate,
                beta1: beta1 as f32,
                rest1: (1.0 - beta1) as f32,
                beta2: beta2 as f32,
                rest2: (1.0 - beta2) as f32,
            }),
        }
    }

    fn apply(&self, isa: Isa, p: &mut [f32], g: &[f32], a: &mut [f32], b: &mut [f32]) {
        match *self {
            Self::Sgd { clip, rate, decay } => sgd(isa, p, g, clip, rate, decay),
            Self::Momentum { clip, rate, decay, momentum, nesterov, first } => {
                if first {
                    a.fill(0.0); // then momentum * buffer + gradient is the gradient
                }
                sgd_momentum(isa, p, g, a, clip, rate, decay, momentum, nesterov);
            }
            Self::RmsProp { clip, rate, decay, alpha, rest, epsilon, momentum } => {
                rms_prop(isa, p, g, a, b, clip, rate, decay, alpha, rest, epsilon, momentum);
            }
            Self::Adam(rule) => adam(isa, p, g, a, b, rule),
            Self::Lion(rule) => lion(isa, p, g, a, rule),
        }
    }
}

dispatch! {
    /// The sum of squares over eight lanes in f64.
    fn square_sum<S>(simd: S, values: &[f32]) -> f64 {
        let _ = simd;
        let mut sums = [0.0f64; 8];
        for values in values.chunks(8) {
            for (sum, &value) in sums.iter_mut().zip(values) {
                *sum += f64::from(value) * f64::from(value);
            }
        }
        sums.iter().sum()
    }

    fn sgd<S>(simd: S, p: &mut [f32], g: &[f32], clip: f32, rate: f32, decay: f32) {
        let _ = simd;
        for (p, g) in p.iter_mut().zip(g) {
            let g = g * clip + decay * *p;
            *p -= rate * g;
        }
    }

    fn sgd_momentum<S>(
        simd: S,
        p: &mut [f32],
        g: &[f32],
        a: &mut [f32],
        clip: f32,
        rate: f32,
        decay: f32,
        momentum: f32,
        nesterov: bool,
    ) {
        let _ = simd;
        for ((p, g), buffer) in p.iter_mut().zip(g).zip(a) {
            let g = g * clip + decay * *p;
            *buffer = momentum * *buffer + g;
            let direction = if nesterov { g + momentum * *buffer } else { *buffer };
            *p -= rate * direction;
        }
    }

    fn rms_prop<S>(
        simd: S,
        p: &mut [f32],
        g: &[f32],
        a: &mut [f32],
        b: &mut [f32],
        clip: f32,
        rate: f32,
        decay: f32,
        alpha: f32,
        rest: f32,
        epsilon: f32,
        momentum: f32,
    ) {
        let _ = simd;
        for (((p, g), square), buffer) in p.iter_mut().zip(g).zip(a).zip(b) {
            let g = g * clip + decay * *p;
            *square = alpha * *square + rest * g * g;
            // Without momentum the buffer is the direction itself.
            *buffer = momentum * *buffer + g / (square.sqrt() + epsilon);
            *p -= rate * *buffer;
        }
    }

    fn adam<S>(simd: S, p: &mut [f32], g: &[f32], a: &mut [f32], b: &mut [f32], rule: Adam) {
        let _ = simd;
        for (((p, g), mean), square) in p.iter_mut().zip(g).zip(a).zip(b) {
            let shrunk = *p * rule.shrink;
            let g = g * rule.clip + rule.decay * shrunk;
            *mean += (g - *mean) * rule.rest1;
            *square = rule.beta2 * *square + rule.rest2 * g * g;
            *p = shrunk - rule.rate * *mean / (square.sqrt() / rule.root + rule.epsilon);
        }
    }

    fn lion<S>(simd: S, p: &mut [f32], g: &[f32], a: &mut [f32], rule: Lion) {
        let _ = simd;
        for ((p, g), mean) in p.iter_mut().zip(g).zip(a) {
            let g = g * rule.clip;
            let direction = rule.beta1 * *mean + rule.rest1 * g;
            // Zero moves nothing, and what is no number stays none.
            let sign = if direction == 0.0 { 0.0 } else { direction.signum() };
            *p = *p * rule.shrink - rule.rate * sign;
            *mean = rule.beta2 * *mean + rule.rest2 * g;
        }
    }
}
