//! The update of the parameters: one pass over flat buffers.

use std::ops::Range;

use tunefork_graph::optimizer::{Scalars, UpdateRule, clip_scale};
use tunefork_graph::{Slot, StepSettings};
use tunefork_simd::{Isa, dispatch};

use crate::pool::Pool;
use crate::shared::Shared;

/// Elements of a task.
const PART: usize = 16 * 1024;

/// Parameters, their gradients and the tensors of state, all of one length but the states that the plan has no room
/// for, which are empty.
#[derive(Clone, Copy)]
pub(crate) struct Buffers<'a> {
    pub parameters: Shared<'a>,
    pub gradients: Shared<'a>,
    pub states: [Shared<'a>; UpdateRule::MOST_STATES],
    pub len: usize,
}

/// Updates the parameters, which lie in these slots, and returns the global norm of the gradients, if it had to be
/// known.
///
/// # Panics
/// If the rule has more tensors of state than there are.
pub(crate) fn run(
    isa: Isa,
    pool: &mut Pool,
    buffers: &Buffers<'_>,
    slots: &[Slot],
    settings: &StepSettings<'_>,
) -> Option<f64> {
    let norm = settings.clip_norm.map(|_| {
        // SAFETY: no task is running.
        norm(isa, unsafe { buffers.gradients.part(0..buffers.len).read() })
    });
    let clip = norm.zip(settings.clip_norm).map_or(1.0, |(norm, most)| clip_scale(norm, f64::from(most)));
    let rule = settings.optimizer;
    let scalars = rule.scalars(settings.learning_rate, settings.weight_decay, settings.step + 1);
    let update = Update { rule, scalars, clip: clip as f32 };
    let without_decay = Update { scalars: scalars.without_decay(), ..update };
    let task_part = |task: usize| -> Range<usize> { task * PART..((task + 1) * PART).min(buffers.len) };
    pool.run(buffers.len.div_ceil(PART), &|task, _| {
        if settings.decay_norms_and_biases {
            update.apply(isa, buffers, task_part(task));
        } else {
            for slot in slots {
                let update = if slot.shape.rank() > 1 { &update } else { &without_decay };
                let (task, slot) = (task_part(task), slot.range());
                update.apply(isa, buffers, task.start.max(slot.start)..task.end.min(slot.end));
            }
        }
    });
    norm
}

/// The global norm, summed part by part in order.
fn norm(isa: Isa, gradients: &[f32]) -> f64 {
    gradients.chunks(PART).map(|part| square_sum(isa, part)).sum::<f64>().sqrt()
}

#[derive(Clone, Copy)]
struct Update {
    rule: UpdateRule,
    scalars: Scalars,
    /// What the gradients are multiplied by.
    clip: f32,
}

impl Update {
    fn apply(&self, isa: Isa, buffers: &Buffers<'_>, part: Range<usize>) {
        if part.is_empty() {
            return;
        }
        let states = self.rule.states();
        let state = |which: usize| if which < states { part.clone() } else { 0..0 };
        // SAFETY: each task has its own part of every buffer.
        let (p, g, [a, b, c]) = unsafe {
            (
                buffers.parameters.part(part.clone()).write(),
                buffers.gradients.part(part.clone()).read(),
                [0, 1, 2].map(|which| buffers.states[which].part(state(which)).write()),
            )
        };
        let (clip, scalars) = (self.clip, self.scalars);
        match self.rule {
            UpdateRule::Sgd { momentum: 0.0, .. } => sgd(isa, p, g, clip, scalars),
            UpdateRule::Sgd { .. } => sgd_momentum(isa, p, g, a, clip, scalars),
            UpdateRule::RmsProp { centered: false, .. } => rms_prop(isa, p, g, a, b, clip, scalars),
            UpdateRule::RmsProp { centered: true, .. } => rms_prop_centered(isa, p, g, [a, b, c], clip, scalars),
            UpdateRule::Adam { .. } | UpdateRule::AdamW { .. } => adam(isa, p, g, a, b, clip, scalars),
            UpdateRule::NAdam { .. } => nadam(isa, p, g, a, b, clip, scalars),
            UpdateRule::Adagrad { .. } => adagrad(isa, p, g, a, clip, scalars),
            UpdateRule::Lion { .. } => lion(isa, p, g, a, clip, scalars),
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

    fn sgd<S>(simd: S, p: &mut [f32], g: &[f32], clip: f32, s: Scalars) {
        let _ = simd;
        for (p, g) in p.iter_mut().zip(g) {
            let g = g * clip + s.decay * *p;
            *p -= s.rate * g;
        }
    }

    fn sgd_momentum<S>(simd: S, p: &mut [f32], g: &[f32], a: &mut [f32], clip: f32, s: Scalars) {
        let _ = simd;
        let ([momentum, _], [added, _]) = (s.kept, s.added);
        for ((p, g), buffer) in p.iter_mut().zip(g).zip(a) {
            let g = g * clip + s.decay * *p;
            *buffer = momentum * *buffer + added * g;
            let direction = if s.nesterov { g + momentum * *buffer } else { *buffer };
            *p -= s.rate * direction;
        }
    }

    fn rms_prop<S>(simd: S, p: &mut [f32], g: &[f32], a: &mut [f32], b: &mut [f32], clip: f32, s: Scalars) {
        let _ = simd;
        let ([momentum, alpha], [_, added]) = (s.kept, s.added);
        for (((p, g), square), buffer) in p.iter_mut().zip(g).zip(a).zip(b) {
            let g = g * clip + s.decay * *p;
            *square = alpha * *square + added * g * g;
            // Without momentum the buffer is the direction itself.
            *buffer = momentum * *buffer + g / (square.sqrt() + s.epsilon);
            *p -= s.rate * *buffer;
        }
    }

    fn rms_prop_centered<S>(simd: S, p: &mut [f32], g: &[f32], states: [&mut [f32]; 3], clip: f32, s: Scalars) {
        let _ = simd;
        let [a, b, c] = states;
        let ([momentum, alpha], [_, added]) = (s.kept, s.added);
        for ((((p, g), square), buffer), mean) in p.iter_mut().zip(g).zip(a).zip(b).zip(c) {
            let g = g * clip + s.decay * *p;
            *square = alpha * *square + added * g * g;
            *mean = alpha * *mean + added * g;
            let variance = *square - *mean * *mean;
            // What rounding makes negative counts as 0; what is no number stays none.
            let variance = if variance < 0.0 { 0.0 } else { variance };
            *buffer = momentum * *buffer + g / (variance.sqrt() + s.epsilon);
            *p -= s.rate * *buffer;
        }
    }

    fn adam<S>(simd: S, p: &mut [f32], g: &[f32], a: &mut [f32], b: &mut [f32], clip: f32, s: Scalars) {
        let _ = simd;
        let ([_, beta2], [added1, added2]) = (s.kept, s.added);
        for (((p, g), mean), square) in p.iter_mut().zip(g).zip(a).zip(b) {
            let shrunk = *p * s.shrink;
            let g = g * clip + s.decay * shrunk;
            *mean += (g - *mean) * added1;
            *square = beta2 * *square + added2 * g * g;
            *p = shrunk - s.rate * *mean / (square.sqrt() / s.root + s.epsilon);
        }
    }

    fn nadam<S>(simd: S, p: &mut [f32], g: &[f32], a: &mut [f32], b: &mut [f32], clip: f32, s: Scalars) {
        let _ = simd;
        let ([_, beta2], [added1, added2]) = (s.kept, s.added);
        for (((p, g), mean), square) in p.iter_mut().zip(g).zip(a).zip(b) {
            let g = g * clip + s.decay * *p;
            *mean += (g - *mean) * added1;
            *square = beta2 * *square + added2 * g * g;
            *p -= (s.gradient_rate * g + s.rate * *mean) / (square.sqrt() / s.root + s.epsilon);
        }
    }

    fn adagrad<S>(simd: S, p: &mut [f32], g: &[f32], a: &mut [f32], clip: f32, s: Scalars) {
        let _ = simd;
        for ((p, g), sum) in p.iter_mut().zip(g).zip(a) {
            let g = g * clip + s.decay * *p;
            *sum += g * g;
            *p -= s.rate * g / (sum.sqrt() + s.epsilon);
        }
    }

    fn lion<S>(simd: S, p: &mut [f32], g: &[f32], a: &mut [f32], clip: f32, s: Scalars) {
        let _ = simd;
        let ([beta1, beta2], [added1, added2]) = (s.kept, s.added);
        for ((p, g), mean) in p.iter_mut().zip(g).zip(a) {
            let g = g * clip;
            let direction = beta1 * *mean + added1 * g;
            // Zero moves nothing, and what is no number stays none.
            let sign = if direction == 0.0 { 0.0 } else { direction.signum() };
            *p = *p * s.shrink - s.rate * sign;
            *mean = beta2 * *mean + added2 * g;
        }
    }
}
