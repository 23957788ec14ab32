//! What a Gaussian process expects of points that were not tried.

use super::{
    axes::{Feature, Measure},
    cholesky::Matrix,
    fit::{Hyperparameters, covariances, dot},
    improvement::log_improvement,
    matern::{LANES, add_distances, distance_block, explained, matern},
};

/// The variance of a prediction is at least this.
const LEAST_VARIANCE: f64 = 1e-12;

/// A Gaussian process given observations, and points that it believes its own prediction of (the kriging believer of
/// Ginsbourger et al., "Kriging is well-suited to parallelize optimization", 2010): these change no mean, but nothing is left
/// to be learnt there.
#[derive(Clone, Debug)]
pub(super) struct Model {
    features: Vec<Feature>,
    /// Coordinates by feature: the observations, then the points believed in.
    columns: Vec<Vec<f64>>,
    /// What the squared distance of each feature counts.
    weights: Vec<f64>,
    signal: f64,
    /// K⁻¹y; zero for points believed in.
    alpha: Vec<f64>,
    /// The inverse of the covariances' lower factor.
    lower: Matrix,
    inverse: Matrix,
    /// The lowest mean at any of these points. The lowest target in its place, which noise makes too low, was worse on three of ten
    /// functions (noisy sphere, Ackley, Michalewicz) and better on one (noisy Hartmann).
    best: f64,
}

impl Model {
    /// The process of points (columns by feature) of which the first ones have targets.
    pub(super) fn new(
        features: &[Feature],
        columns: Vec<Vec<f64>>,
        points: usize,
        targets: &[f64],
        parameters: &Hyperparameters,
    ) -> Self {
        let weights = parameters.weights(features);
        let mut factor = covariances(features, &columns, &weights, parameters, &mut Matrix::zeros(points));
        factor.factorise();
        let lower = factor.inverse_of_transposed();
        let whitened: Vec<f64> = (0..targets.len()).map(|i| dot(&lower.row(i)[..=i], targets)).collect();
        let mut alpha = vec![0.0; points];
        lower.combine_rows(&whitened, &mut alpha);
        let means = targets.iter().zip(&alpha).map(|(target, alpha)| target - parameters.noise * alpha);
        let best = means.fold(f64::INFINITY, f64::min);
        let inverse = lower.square();
        let (features, signal) = (features.to_vec(), parameters.signal);
        let mut model = Self { features, columns, weights, signal, alpha, lower, inverse, best };
        model.best = model.means_from(targets.len()).fold(best, f64::min);
        model
    }

    /// The means at the points from number `first` on.
    fn means_from(&self, first: usize) -> impl Iterator<Item = f64> {
        let count = self.alpha.len() - first;
        let place = |i: usize| first + i.min(count - 1);
        let padded = |column: &Vec<f64>| (0..count.next_multiple_of(LANES)).map(|i| column[place(i)]).collect();
        let points: Vec<Vec<f64>> = self.columns.iter().map(padded).collect();
        self.predict(&points, count).into_iter().map(|(mean, _)| mean)
    }

    /// Means and variances of the function at points given by columns, whose length is a multiple of [`LANES`].
    pub(super) fn predict(&self, points: &[Vec<f64>], count: usize) -> Vec<(f64, f64)> {
        let mut block = vec![0.0; self.alpha.len() * LANES];
        let mut slopes = block.clone();
        let mut predictions = Vec::with_capacity(count);
        for first in (0..count).step_by(LANES) {
            distance_block(&mut block, &self.features, &self.weights, &self.columns, (points, first));
            matern(&mut block, &mut slopes, self.signal);
            let explained = explained(&self.lower, &block);
            let mut means = [0.0; LANES];
            for (alpha, lanes) in self.alpha.iter().zip(block.as_chunks::<LANES>().0) {
                means.iter_mut().zip(lanes).for_each(|(mean, covariance)| *mean += alpha * covariance);
            }
            predictions.extend(means.into_iter().zip(explained.map(|part| (self.signal - part).max(LEAST_VARIANCE))));
        }
        predictions.truncate(count);
        predictions
    }

    /// ln of the expected improvement on the best observation, without noise, at each point.
    pub(super) fn log_improvements(&self, points: &[Vec<f64>], count: usize) -> Vec<f64> {
        let score = |(mean, variance): (f64, f64)| {
            let deviation = variance.sqrt();
            log_improvement((self.best - mean) / deviation).0 + libm::log(deviation)
        };
        self.predict(points, count).into_iter().map(score).collect()
    }

    /// The same of one point, with its gradient by feature (0 for labels).
    pub(super) fn log_improvement(&self, point: &[f64], gradient: &mut [f64]) -> f64 {
        let n = self.alpha.len();
        let (mut covariances, mut slopes, mut solved) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
        for ((feature, column), (x, weight)) in
            self.features.iter().zip(&self.columns).zip(point.iter().zip(&self.weights))
        {
            add_distances(feature.measure, &mut covariances, *x, column, *weight);
        }
        matern(&mut covariances, &mut slopes, self.signal);
        self.inverse.combine_rows(&covariances, &mut solved);
        let mean = dot(&self.alpha, &covariances);
        let variance = (self.signal - dot(&solved, &covariances)).max(LEAST_VARIANCE);
        let deviation = variance.sqrt();
        let z = (self.best - mean) / deviation;
        let (value, slope) = log_improvement(z);

        // By the mean and by the variance, from these by the squared distances, and from these by the coordinates.
        let (by_mean, by_variance) = (-slope / deviation, (1.0 - slope * z) / (2.0 * variance));
        for ((share, alpha), solved) in slopes.iter_mut().zip(&self.alpha).zip(&solved) {
            *share *= 2.0 * (by_mean * alpha - 2.0 * by_variance * solved);
        }
        let total: f64 = slopes.iter().sum();
        for (place, feature) in self.features.iter().enumerate() {
            gradient[place] = match feature.measure {
                Measure::Number => self.weights[place] * (point[place] * total - dot(&slopes, &self.columns[place])),
                Measure::Label => 0.0,
            };
        }
        value + libm::log(deviation)
    }

    /// 1 / the length scale of a feature.
    pub(super) fn sharpness(&self, feature: usize) -> f64 {
        self.weights[feature].sqrt()
    }
}
