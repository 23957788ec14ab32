//! Softmax cross entropy with label smoothing.

use tunefork_simd::{Isa, dispatch, math};

/// Sum of the images' losses, and how many were classified correctly.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Sum {
    pub loss: f64,
    pub correct: u32,
}

/// Loss and hits of rows of `classes` logits. With `gradient`, the gradient of the mean loss takes the
/// place of the logits.
pub fn run(
    isa: Isa,
    logits: &mut [f32],
    classes: usize,
    labels: &[u16],
    smoothing: f32,
    gradient: bool,
) -> Sum {
    let scale = gradient.then(|| 1.0 / labels.len() as f32);
    let mut sum = Sum::default();
    for (logits, &label) in logits.chunks_exact_mut(classes).zip(labels) {
        let label = usize::from(label);
        sum.correct += u32::from(argmax(logits) == label);
        sum.loss += f64::from(row(isa, logits, label, smoothing, scale));
    }
    sum
}

/// The first of the largest values; the first NaN if there is one.
fn argmax(values: &[f32]) -> usize {
    let mut best = 0;
    for (index, value) in values.iter().enumerate() {
        if *value > values[best] || (value.is_nan() && !values[best].is_nan()) {
            best = index;
        }
    }
    best
}

dispatch! {
    /// Loss of one image; the logits become their gradient times `scale`, if given.
    fn row<S>(simd: S, logits: &mut [f32], label: usize, smoothing: f32, scale: Option<f32>) -> f32 {
        let _ = simd;
        let largest = logits.iter().fold(f32::NEG_INFINITY, |a, &b| if b > a { b } else { a });
        let (mut total, mut others) = (0.0, 0.0);
        for &logit in logits.iter() {
            total += math::exp(logit - largest);
            others += logit - largest;
        }
        let log_total = math::ln(total);
        // -log p of a class is log_total - (logit - largest).
        let share = smoothing / logits.len() as f32;
        let own = log_total - (logits[label] - largest);
        let loss = (1.0 - smoothing) * own + share * (logits.len() as f32 * log_total - others);
        if let Some(scale) = scale {
            for (class, logit) in logits.iter_mut().enumerate() {
                let target = share + if class == label { 1.0 - smoothing } else { 0.0 };
                *logit = (math::exp(*logit - largest) / total - target) * scale;
            }
        }
        loss
    }
}
