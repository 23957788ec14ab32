//! Softmax cross entropy with label smoothing e over C classes, the mean over N rows:
//! loss = 1/N sum_i [ (1 - e) (-logp[i, y_i]) + e/C sum_c (-logp[i, c]) ].

use ndarray::Array2;

use super::rows;
use crate::Tensor;

/// log softmax of each row, shifted by the largest value.
fn log_softmax(logits: &Tensor) -> Array2<f64> {
    let mut logp = rows(logits);
    for mut row in logp.rows_mut() {
        let largest = row.fold(f64::NEG_INFINITY, |largest, &value| {
            if value > largest { value } else { largest }
        });
        let sum: f64 = row.iter().map(|&value| libm::exp(value - largest)).sum();
        let log_sum = libm::log(sum);
        row.mapv_inplace(|value| value - largest - log_sum);
    }
    logp
}

/// The share of the target that class `c` has in a row labelled `label`.
fn target(label: u16, c: usize, classes: usize, smoothing: f64) -> f64 {
    let own = if usize::from(label) == c {
        1.0 - smoothing
    } else {
        0.0
    };
    own + smoothing / classes as f64
}

pub(crate) fn forward(logits: &Tensor, labels: &[u16], smoothing: f64) -> Tensor {
    let logp = log_softmax(logits);
    let (n, classes) = logp.dim();
    let term =
        |((i, c), &logp): ((usize, usize), &f64)| -logp * target(labels[i], c, classes, smoothing);
    ndarray::arr0(logp.indexed_iter().map(term).sum::<f64>() / n as f64).into_dyn()
}

/// (softmax - target) / N.
pub(crate) fn gradient(logits: &Tensor, labels: &[u16], smoothing: f64) -> Tensor {
    let mut gradient = log_softmax(logits);
    let (n, classes) = gradient.dim();
    for ((i, c), value) in gradient.indexed_iter_mut() {
        *value = (libm::exp(*value) - target(labels[i], c, classes, smoothing)) / n as f64;
    }
    gradient.into_dyn()
}

/// How many rows have their largest logit at the label; the first of equals counts.
pub(crate) fn correct(logits: &Tensor, labels: &[u16]) -> usize {
    let argmax = |row: ndarray::ArrayView1<'_, f64>| {
        row.iter().enumerate().fold(
            0,
            |best, (c, &value)| if value > row[best] { c } else { best },
        )
    };
    rows(logits)
        .rows()
        .into_iter()
        .zip(labels)
        .filter(|(row, label)| argmax(*row) == usize::from(**label))
        .count()
}
