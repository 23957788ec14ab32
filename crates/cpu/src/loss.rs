//! Softmax cross entropy with label smoothing, class weights and mixed labels: the formula stands in
//! `tunefork-graph`'s settings and in `crates/reference/src/ops/loss.rs`.

use tunefork_simd::{Isa, dispatch, math};

/// Sum of the images' losses, and how many were classified correctly.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Sum {
    pub loss: f64,
    pub correct: u32,
}

/// What the logits should say.
#[derive(Clone, Copy)]
pub(crate) struct Targets<'a> {
    /// Class of each row.
    pub labels: &'a [u16],
    /// Share of the target that all classes get.
    pub smoothing: f32,
    /// Weight of each class; empty: all weigh the same.
    pub class_weights: &'a [f32],
    /// Share of the next row's label.
    pub mixing: f32,
}

impl Targets<'_> {
    fn weight(&self, class: usize) -> f32 {
        self.class_weights.get(class).copied().unwrap_or(1.0)
    }

    /// A label of row `row` or, at `ahead` 1, of the next one, and how much of the target it has.
    fn label(&self, row: usize, ahead: usize) -> (usize, f32) {
        let share = [1.0 - self.mixing, self.mixing][ahead];
        let class = usize::from(self.labels[(row + ahead) % self.labels.len()]);
        (class, (1.0 - self.smoothing) * share * self.weight(class))
    }
}

/// Loss and hits of rows of `classes` logits. With `gradient`, the gradient of the mean loss takes the
/// place of the logits.
pub(crate) fn run(isa: Isa, logits: &mut [f32], classes: usize, targets: &Targets<'_>, gradient: bool) -> Sum {
    let labels = targets.labels;
    let total: f32 = labels.iter().map(|label| targets.weight(usize::from(*label))).sum();
    let scale = gradient.then(|| 1.0 / total);
    let mut sum = Sum::default();
    for (index, (logits, &label)) in logits.chunks_exact_mut(classes).zip(labels).enumerate() {
        sum.correct += u32::from(argmax(logits) == usize::from(label));
        let row_targets = [targets.label(index, 0), targets.label(index, 1)];
        let share = targets.smoothing / classes as f32;
        let loss = row(isa, logits, row_targets, share, targets.class_weights, scale);
        sum.loss += f64::from(loss);
    }
    // The sum whose mean over the rows is the weighted mean.
    sum.loss *= labels.len() as f64 / f64::from(total);
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
    /// Loss of one image with two labels and their targets, where each class has `share` of its weight
    /// besides; the logits become their gradient times `scale`, if given.
    fn row<S>(
        simd: S,
        logits: &mut [f32],
        labels: [(usize, f32); 2],
        share: f32,
        class_weights: &[f32],
        scale: Option<f32>,
    ) -> f32 {
        let _ = simd;
        let weight = |class: usize| class_weights.get(class).copied().unwrap_or(1.0);
        let largest = logits.iter().fold(f32::NEG_INFINITY, |a, &b| if b > a { b } else { a });
        let (mut total, mut others, mut weights) = (0.0, 0.0, 0.0);
        for (class, &logit) in logits.iter().enumerate() {
            total += math::exp(logit - largest);
            others += weight(class) * (logit - largest);
            weights += weight(class);
        }
        let log_total = math::ln(total);
        // -log p of a class is log_total - (logit - largest).
        let own = labels.map(|(class, target)| target * (log_total - (logits[class] - largest)));
        let loss = own[0] + own[1] + share * (weights * log_total - others);
        if let Some(scale) = scale {
            let targets = labels[0].1 + labels[1].1 + share * weights;
            for (class, logit) in logits.iter_mut().enumerate() {
                let own = labels.map(|(label, target)| if class == label { target } else { 0.0 });
                let target = share * weight(class) + own[0] + own[1];
                *logit = (math::exp(*logit - largest) / total * targets - target) * scale;
            }
        }
        loss
    }
}
