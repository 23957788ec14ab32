//! Eigenvalues and eigenvectors of symmetric matrices.

/// A sweep makes the matrix diagonal to twice as many digits: in practice ten do.
const MOST_SWEEPS: usize = 60;

/// The eigenvalues of a symmetric matrix of `n` rows, and its eigenvectors, of length 1, one after another in the same order.
///
/// Jacobi's method: plane rotations that make one pair of entries zero after the other (Golub and Van Loan, "Matrix computations", 8.5).
/// It is chosen for its accuracy with small eigenvalues and because it is the same few operations in the same order on every machine.
pub(super) fn eigen(matrix: &[f64], n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut a = matrix.to_vec();
    let mut vectors = vec![0.0; n * n];
    (0..n).for_each(|i| vectors[i * n + i] = 1.0);
    for _ in 0..MOST_SWEEPS {
        let mut rotated = false;
        for p in 0..n {
            for q in p + 1..n {
                rotated |= rotate(&mut a, &mut vectors, n, p, q);
            }
        }
        if !rotated {
            break;
        }
    }
    ((0..n).map(|i| a[i * n + i]).collect(), vectors)
}

/// Makes the entry at row `p` and column `q` zero; false if it is as good as zero already.
fn rotate(a: &mut [f64], vectors: &mut [f64], n: usize, p: usize, q: usize) -> bool {
    let (app, aqq, apq) = (a[p * n + p], a[q * n + q], a[p * n + q]);
    if apq.abs() <= f64::EPSILON * 0.25 * (app.abs() * aqq.abs()).sqrt() || apq.abs() < f64::MIN_POSITIVE {
        return false;
    }
    let theta = (aqq - app) / (2.0 * apq);
    let tangent = 1.0_f64.copysign(theta) / (theta.abs() + (theta * theta + 1.0).sqrt());
    let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
    let sine = tangent * cosine;
    for k in 0..n {
        let (akp, akq) = (a[k * n + p], a[k * n + q]);
        a[k * n + p] = cosine * akp - sine * akq;
        a[k * n + q] = sine * akp + cosine * akq;
    }
    turn(a, n, p, q, cosine, sine);
    turn(vectors, n, p, q, cosine, sine);
    a[p * n + p] = app - tangent * apq;
    a[q * n + q] = aqq + tangent * apq;
    a[p * n + q] = 0.0;
    a[q * n + p] = 0.0;
    true
}

/// Turns rows `p` and `q`, of which `p` is the first, in their plane.
fn turn(rows: &mut [f64], n: usize, p: usize, q: usize, cosine: f64, sine: f64) {
    let (before, from_q) = rows.split_at_mut(q * n);
    for (x, y) in before[p * n..(p + 1) * n].iter_mut().zip(&mut from_q[..n]) {
        (*x, *y) = (cosine * *x - sine * *y, sine * *x + cosine * *y);
    }
}

#[cfg(test)]
mod tests {
    use tunefork_rng::{Key, Purpose};

    use super::*;

    /// Σ value · vector · vectorᵀ.
    fn compose(values: &[f64], vectors: &[f64], n: usize) -> Vec<f64> {
        let entry = |i: usize, j: usize| (0..n).map(|k| values[k] * vectors[k * n + i] * vectors[k * n + j]).sum();
        (0..n * n).map(|place| entry(place / n, place % n)).collect()
    }

    #[test]
    fn matrices_are_put_together_again() {
        let mut stream = Key::study(1).stream(Purpose::Generate);
        for n in [1, 2, 3, 10, 40] {
            let half: Vec<f64> = (0..n * n).map(|_| stream.normal()).collect();
            let square: Vec<f64> = (0..n * n)
                .map(|place| (0..n).map(|k| half[place / n * n + k] * half[place % n * n + k]).sum())
                .collect();
            let (values, vectors) = eigen(&square, n);
            assert!(values.iter().all(|value| *value > 0.0));
            for (entry, expected) in compose(&values, &vectors, n).iter().zip(&square) {
                assert!((entry - expected).abs() < 1e-12 * n as f64 * 10.0, "{entry}, expected {expected}");
            }
            for (place, product) in compose(&vec![1.0; n], &vectors, n).iter().enumerate() {
                let expected = f64::from(u8::from(place / n == place % n));
                assert!((product - expected).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn small_eigenvalues_are_accurate() {
        let (values, _) = eigen(&[1e12, 1.0, 1.0, 1e-6], 2);
        // Their product is the determinant, 10⁶ − 1.
        assert!((values[0] * values[1] / 999_999.0 - 1.0).abs() < 1e-9, "{values:?}");
    }
}
