//! The shape of the distribution: which coordinates vary how much, and together.

use super::eigen::eigen;

/// An eigenvalue that rounding has made negative is taken for this.
const SMALLEST: f64 = 1e-8;

/// A covariance matrix C = B D² Bᵀ, whole or of its diagonal only.
#[derive(Clone, Debug)]
pub(super) struct Covariance {
    dimensions: usize,
    /// C: row after row, or the diagonal.
    entries: Vec<f64>,
    /// D: the standard deviations along the axes.
    deviations: Vec<f64>,
    /// B: the axes, of length 1, one after another; `None` if they are the coordinates' own.
    axes: Option<Vec<f64>>,
}

impl Covariance {
    /// Coordinates that vary by 1 and independently. A separable one stays diagonal.
    pub(super) fn identity(dimensions: usize, separable: bool) -> Self {
        let entries = match separable {
            true => vec![1.0; dimensions],
            false => diagonal_matrix(dimensions),
        };
        let axes = (!separable).then(|| diagonal_matrix(dimensions));
        Self { dimensions, entries, deviations: vec![1.0; dimensions], axes }
    }

    /// B D z: from independent standard normal numbers to numbers with this covariance.
    pub(super) fn colour(&self, normal: &[f64]) -> Vec<f64> {
        let Some(axes) = &self.axes else {
            return normal.iter().zip(&self.deviations).map(|(z, deviation)| z * deviation).collect();
        };
        let mut coloured = vec![0.0; self.dimensions];
        for ((axis, deviation), z) in rows(axes, self.dimensions).zip(&self.deviations).zip(normal) {
            add_scaled(&mut coloured, deviation * z, axis);
        }
        coloured
    }

    /// C^(−½) y = B D⁻¹ Bᵀ y: the same in directions that all vary by 1.
    pub(super) fn whiten(&self, step: &[f64]) -> Vec<f64> {
        let Some(axes) = &self.axes else {
            return step.iter().zip(&self.deviations).map(|(y, deviation)| y / deviation).collect();
        };
        let mut white = vec![0.0; self.dimensions];
        for (axis, deviation) in rows(axes, self.dimensions).zip(&self.deviations) {
            let along: f64 = axis.iter().zip(step).map(|(b, y)| b * y).sum();
            add_scaled(&mut white, along / deviation, axis);
        }
        white
    }

    /// C ← `keep` · C + Σ weight · y yᵀ, with new axes.
    pub(super) fn update(&mut self, keep: f64, terms: &[(f64, &[f64])]) {
        self.entries.iter_mut().for_each(|entry| *entry *= keep);
        for (weight, step) in terms {
            match self.axes {
                None => self.entries.iter_mut().zip(*step).for_each(|(entry, y)| *entry += weight * y * y),
                Some(_) => {
                    for (row, y) in self.entries.chunks_exact_mut(self.dimensions.max(1)).zip(*step) {
                        add_scaled(row, weight * y, step);
                    }
                }
            }
        }
        let variances = match &mut self.axes {
            None => self.entries.clone(),
            Some(axes) => {
                let (variances, vectors) = eigen(&self.entries, self.dimensions);
                *axes = vectors;
                variances
            }
        };
        let deviation = |variance: f64| if variance > 0.0 { variance.sqrt() } else { SMALLEST.sqrt() };
        self.deviations = variances.into_iter().map(deviation).collect();
    }

    /// By how much one coordinate varies.
    pub(super) fn deviation(&self, coordinate: usize) -> f64 {
        let variance = match self.axes {
            None => self.entries[coordinate],
            Some(_) => self.entries[coordinate * self.dimensions + coordinate],
        };
        if variance > 0.0 { variance.sqrt() } else { SMALLEST.sqrt() }
    }

    /// D: the standard deviations along the axes.
    pub(super) fn deviations(&self) -> &[f64] {
        &self.deviations
    }

    /// D_i b_i: the axis `i` as long as the distribution is wide there.
    pub(super) fn axis(&self, i: usize) -> Vec<f64> {
        let mut normal = vec![0.0; self.dimensions];
        normal[i] = 1.0;
        self.colour(&normal)
    }

    /// C, row after row; of a separable one, the diagonal.
    #[cfg(test)]
    pub(super) fn entries(&self) -> &[f64] {
        &self.entries
    }
}

fn diagonal_matrix(n: usize) -> Vec<f64> {
    (0..n * n).map(|place| if place / n == place % n { 1.0 } else { 0.0 }).collect()
}

fn rows(matrix: &[f64], n: usize) -> impl Iterator<Item = &[f64]> {
    matrix.chunks_exact(n.max(1))
}

/// sum += factor · vector.
fn add_scaled(sum: &mut [f64], factor: f64, vector: &[f64]) {
    sum.iter_mut().zip(vector).for_each(|(sum, x)| *sum += factor * x);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whitening_undoes_colouring_up_to_a_rotation() {
        for separable in [false, true] {
            let mut covariance = Covariance::identity(3, separable);
            covariance.update(0.5, &[(0.4, &[1.0, 2.0, -1.0]), (0.3, &[0.0, 1.0, 1.0])]);
            let normal = [0.3, -1.2, 0.8];
            let white = covariance.whiten(&covariance.colour(&normal));
            let length = |vector: &[f64]| vector.iter().map(|x| x * x).sum::<f64>();
            assert!((length(&white) - length(&normal)).abs() < 1e-12, "separable: {separable}");
        }
    }

    #[test]
    fn a_separable_one_is_the_diagonal_of_the_other() {
        let terms: [(f64, &[f64]); 2] = [(0.4, &[1.0, 2.0]), (-0.1, &[0.5, 1.0])];
        let [mut whole, mut separable] = [false, true].map(|separable| Covariance::identity(2, separable));
        whole.update(0.7, &terms);
        separable.update(0.7, &terms);
        assert_eq!(separable.entries(), [whole.entries()[0], whole.entries()[3]]);
        assert_eq!(separable.deviation(1), whole.deviation(1));
    }
}
