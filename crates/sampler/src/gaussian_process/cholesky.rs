//! Positive definite matrices: their Cholesky factor, its inverse, and their inverse.
//!
//! All three are sums of rows, four rows at a time, in an order that depends on the size alone: the same bits on every
//! instruction set.

use std::ops::Range;

use tunefork_simd::{Isa, dispatch};

/// A pivot below this is rounding: the matrices here have at least the noise on their diagonal.
const SMALLEST_PIVOT: f64 = 1e-14;

/// A square matrix, row by row.
#[derive(Clone, Debug, Default)]
pub(super) struct Matrix {
    size: usize,
    values: Vec<f64>,
}

impl Matrix {
    /// A matrix of zeros.
    pub(super) fn zeros(size: usize) -> Self {
        Self { size, values: vec![0.0; size * size] }
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.size..][..self.size]
    }

    pub(super) fn row_mut(&mut self, row: usize) -> &mut [f64] {
        &mut self.values[row * self.size..][..self.size]
    }

    /// Replaces the upper triangle of a positive definite matrix by its factor U, K = UᵀU. What stands below the diagonal is
    /// not read.
    pub(super) fn factorise(&mut self) {
        factorise(Isa::detect(), &mut self.values, self.size);
    }

    /// The inverse of Uᵀ: a lower triangle, with zeros above it.
    pub(super) fn inverse_of_transposed(&self) -> Self {
        let mut inverse = Self::zeros(self.size);
        invert(Isa::detect(), &mut inverse.values, &self.values, self.size);
        inverse
    }

    /// YᵀY of a lower triangle Y, which is the inverse of K if Y is the inverse of Uᵀ.
    pub(super) fn square(&self) -> Self {
        let mut square = Self::zeros(self.size);
        square_lower(Isa::detect(), &mut square.values, &self.values, self.size);
        for row in 0..self.size {
            for column in 0..row {
                square.values[column * self.size + row] = square.values[row * self.size + column];
            }
        }
        square
    }

    /// The sum of the first rows, each times its coefficient: `product` = `coefficients`ᵀ · rows.
    pub(super) fn combine_rows(&self, coefficients: &[f64], product: &mut [f64]) {
        combine(Isa::detect(), product, &self.values, self.size, coefficients);
    }
}

/// Adds `coefficient(k)` times the elements from `first` on of each row k in `rows` to `target`; of these rows only the first
/// `length(k)` elements there are not zero, and longer rows come later.
#[inline(always)]
fn add_rows(
    target: &mut [f64],
    (values, size): (&[f64], usize),
    (rows, first): (Range<usize>, usize),
    coefficient: impl Fn(usize) -> f64,
    length: impl Fn(usize) -> usize,
) {
    let row = |k: usize, length: usize| &values[k * size + first..][..length];
    let mut k = rows.start;
    while k + 4 <= rows.end {
        let length = length(k + 3);
        let factors = [coefficient(k), coefficient(k + 1), coefficient(k + 2), coefficient(k + 3)];
        let [a, b, c, d] = [row(k, length), row(k + 1, length), row(k + 2, length), row(k + 3, length)];
        for (i, target) in target[..length].iter_mut().enumerate() {
            *target += (factors[0] * a[i] + factors[1] * b[i]) + (factors[2] * c[i] + factors[3] * d[i]);
        }
        k += 4;
    }
    for k in k..rows.end {
        let factor = coefficient(k);
        let length = length(k);
        for (target, value) in target[..length].iter_mut().zip(row(k, length)) {
            *target += factor * value;
        }
    }
}

dispatch! {
    fn factorise<S>(_simd: S, values: &mut [f64], size: usize) {
        for row in 0..size {
            let (above, rest) = values.split_at_mut(row * size);
            let target = &mut rest[row..size];
            let above = &*above;
            add_rows(target, (above, size), (0..row, row), |k| -above[k * size + row], |_| size - row);
            let scale = 1.0 / target[0].max(SMALLEST_PIVOT).sqrt();
            for value in target {
                *value *= scale;
            }
        }
    }

    fn invert<S>(_simd: S, inverse: &mut [f64], factor: &[f64], size: usize) {
        for row in 0..size {
            let (above, rest) = inverse.split_at_mut(row * size);
            let target = &mut rest[..=row];
            add_rows(target, (above, size), (0..row, 0), |k| -factor[k * size + row], |k| k + 1);
            target[row] = 1.0;
            let pivot = 1.0 / factor[row * size + row];
            for value in target {
                *value *= pivot;
            }
        }
    }

    fn square_lower<S>(_simd: S, square: &mut [f64], lower: &[f64], size: usize) {
        for row in 0..size {
            let target = &mut square[row * size..][..=row];
            add_rows(target, (lower, size), (row..size, 0), |k| lower[k * size + row], |_| row + 1);
        }
    }

    fn combine<S>(_simd: S, product: &mut [f64], values: &[f64], size: usize, coefficients: &[f64]) {
        product.fill(0.0);
        add_rows(product, (values, size), (0..coefficients.len(), 0), |k| coefficients[k], |_| size);
    }
}

#[cfg(test)]
mod tests {
    use tunefork_rng::{Key, Purpose};

    use super::*;

    /// A positive definite matrix: random, times its transpose, plus a half on the diagonal.
    fn positive(size: usize) -> Matrix {
        let mut stream = Key::study(1).stream(Purpose::Generate);
        let half: Vec<f64> = (0..size * size).map(|_| stream.f64() - 0.5).collect();
        let mut matrix = Matrix::zeros(size);
        for i in 0..size {
            for j in 0..size {
                let sum: f64 = (0..size).map(|k| half[i * size + k] * half[j * size + k]).sum();
                matrix.row_mut(i)[j] = sum + if i == j { 0.5 } else { 0.0 };
            }
        }
        matrix
    }

    #[test]
    fn the_inverse_times_the_matrix_is_one() {
        for size in [1, 2, 3, 4, 5, 8, 9, 31] {
            let matrix = positive(size);
            let mut factor = matrix.clone();
            factor.factorise();
            let inverse = factor.inverse_of_transposed().square();
            for i in 0..size {
                let mut product = vec![0.0; size];
                inverse.combine_rows(matrix.row(i), &mut product);
                for (j, value) in product.into_iter().enumerate() {
                    let expected = if i == j { 1.0 } else { 0.0 };
                    assert!((value - expected).abs() < 1e-11, "{size}: {value} at {i}, {j}");
                }
            }
        }
    }

    #[test]
    fn instruction_sets_agree_to_the_bit() {
        let size = 37;
        let run = |isa| {
            let (mut factor, mut inverse) = (positive(size), Matrix::zeros(size));
            let (mut square, mut product) = (Matrix::zeros(size), vec![0.0; size]);
            factorise(isa, &mut factor.values, size);
            invert(isa, &mut inverse.values, &factor.values, size);
            square_lower(isa, &mut square.values, &inverse.values, size);
            combine(isa, &mut product, &square.values, size, factor.row(0));
            let all = [factor.values, inverse.values, square.values, product].concat();
            all.into_iter().map(f64::to_bits).collect::<Vec<u64>>()
        };
        for isa in Isa::available() {
            assert_eq!(run(isa), run(Isa::PORTABLE), "{isa}");
        }
    }
}
