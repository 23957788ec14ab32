//! Softmax cross entropy with label smoothing e over C classes of weights w, the weighted mean over the
//! rows, each mixed with the next one (z_i: its label) at share m:
//!
//! `loss = sum_i sum_c t[i, c] (-logp[i, c]) / sum_i w[y_i]`
//! `t[i, c] = (1 - e) ((1 - m) w[c] [c = y_i] + m w[c] [c = z_i]) + e/C w[c]`.

use ndarray::Array2;

use super::rows;
use crate::{Settings, Tensor};

/// log softmax of each row, shifted by the largest value.
fn log_softmax(logits: &Tensor) -> Array2<f64> {
    let mut logp = rows(logits);
    for mut row in logp.rows_mut() {
        let largest = row.fold(f64::NEG_INFINITY, |largest, &value| if value > largest { value } else { largest });
        let sum: f64 = row.iter().map(|&value| libm::exp(value - largest)).sum();
        let log_sum = libm::log(sum);
        row.mapv_inplace(|value| value - largest - log_sum);
    }
    logp
}

/// t, divided by the sum of the rows' weights.
fn targets(labels: &[u16], classes: usize, settings: &Settings) -> Array2<f64> {
    let weight = |c: usize| settings.class_weights.get(c).copied().unwrap_or(1.0);
    let total: f64 = labels.iter().map(|label| weight(usize::from(*label))).sum();
    let (smoothing, mixing) = (settings.smoothing, settings.mixing);
    Array2::from_shape_fn((labels.len(), classes), |(i, c)| {
        let is = |row: usize| f64::from(u8::from(usize::from(labels[row % labels.len()]) == c));
        let own = (1.0 - mixing) * is(i) + mixing * is(i + 1);
        weight(c) * ((1.0 - smoothing) * own + smoothing / classes as f64) / total
    })
}

/// The loss, a tensor of one value.
pub fn forward(logits: &Tensor, labels: &[u16], settings: &Settings) -> Tensor {
    let logp = log_softmax(logits);
    let targets = targets(labels, logp.ncols(), settings);
    ndarray::arr0(-(logp * targets).sum()).into_dyn()
}

/// softmax times the row's sum of t, minus t.
pub fn gradient(logits: &Tensor, labels: &[u16], settings: &Settings) -> Tensor {
    let mut gradient = log_softmax(logits);
    let targets = targets(labels, gradient.ncols(), settings);
    for (mut row, targets) in gradient.rows_mut().into_iter().zip(targets.rows()) {
        let total = targets.sum();
        row.zip_mut_with(&targets, |logp, target| {
            *logp = libm::exp(*logp) * total - target;
        });
    }
    gradient.into_dyn()
}

/// How many rows have their largest logit at the label; the first of equals counts.
pub fn correct(logits: &Tensor, labels: &[u16]) -> usize {
    let argmax = |row: ndarray::ArrayView1<'_, f64>| {
        row.iter().enumerate().fold(0, |best, (c, &value)| if value > row[best] { c } else { best })
    };
    rows(logits).rows().into_iter().zip(labels).filter(|(row, label)| argmax(*row) == usize::from(**label)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: [u16; 3] = [2, 0, 1];

    fn close(found: &Tensor, expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-14, "{found} instead of {expected}");
        }
    }

    fn logits() -> Tensor {
        let rows = [[0.5, -1.0, 2.0, 0.0], [1.5, 0.25, -0.75, 1.0], [-2.0, 0.0, 0.5, 3.0]];
        ndarray::arr2(&rows).into_dyn()
    }

    /// torch.nn.functional.cross_entropy(logits, labels, weight, label_smoothing=0.1) in float64.
    #[test]
    fn weights_are_those_of_pytorch() {
        let settings = Settings { smoothing: 0.1, class_weights: vec![0.5, 2.0, 1.0, 1.5], ..Settings::default() };
        close(&forward(&logits(), &LABELS, &settings), &[2.015756740845045]);
        #[rustfmt::skip]
        let gradients = [
            0.04283023635795836, -0.003932103358866403, -0.056327879726191805, 0.017429746727099897,
            -0.04993565976153729, 0.009267042100466309, 0.0015217177145380922, 0.039146899946532886,
            -0.00031669621885785745, -0.504522028631279, 0.03250790008604179, 0.47233082476409505,
        ];
        close(&gradient(&logits(), &LABELS, &settings), &gradients);
    }

    /// The same with 0.7 of each label's one-hot row and 0.3 of the next one's as target.
    #[test]
    fn mixed_targets_are_those_of_pytorch() {
        let settings = Settings { smoothing: 0.1, mixing: 0.3, ..Settings::default() };
        close(&forward(&logits(), &LABELS, &settings), &[1.6656740098596217]);
        #[rustfmt::skip]
        let gradients = [
            -0.04551843016167342, 0.003451264469582958, 0.018366640962058135, 0.023700524730032407,
            -0.05153612125529302, -0.05054513197006836, 0.009246963478772944, 0.09283428974658847,
            -0.006360768271169263, -0.2037579394302124, -0.07430257137642489, 0.2844212790778066,
        ];
        close(&gradient(&logits(), &LABELS, &settings), &gradients);
    }
}
