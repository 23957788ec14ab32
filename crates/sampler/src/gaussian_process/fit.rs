//! Length scales, signal and noise: the most probable ones, given the observations.
//!
//! The logarithm of the posterior density is maximised: the marginal likelihood (Rasmussen and Williams, "Gaussian Processes
//! for Machine Learning", 2006, equations 5.8 and 5.9) times a prior.

use tunefork_simd::{Isa, dispatch};

use super::{
    axes::{Feature, Measure},
    cholesky::Matrix,
    lbfgs::{Stop, minimise},
    matern::{add_distances, matern},
};

/// The noise is at least this part of the targets' variance, which also keeps the matrix well conditioned.
pub(super) const LEAST_NOISE: f64 = 1e-6;

/// When the search for the most probable ones ends.
const STOP: Stop = Stop { steps: 60, slope: 1e-2, gain: 1e-3 };

/// Points with their targets.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Data {
    pub(super) features: Vec<Feature>,
    /// Coordinates by feature.
    pub(super) columns: Vec<Vec<f64>>,
    /// One for each point, with mean 0 and deviation 1.
    pub(super) targets: Vec<f64>,
}

/// What a kernel depends on besides the points.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Hyperparameters {
    /// By axis, 1 / the squared length scale.
    pub(super) inverse_squares: Vec<f64>,
    /// The variance of the function.
    pub(super) signal: f64,
    /// The variance of what is observed around it.
    pub(super) noise: f64,
}

impl Hyperparameters {
    /// From their logarithms: axes, signal, noise.
    pub(super) fn from_logarithms(logarithms: &[f64]) -> Self {
        let (inverse_squares, rest) = logarithms.split_at(logarithms.len() - 2);
        Self {
            inverse_squares: inverse_squares.iter().map(|x| libm::exp(*x)).collect(),
            signal: libm::exp(rest[0]),
            noise: libm::exp(rest[1]),
        }
    }

    /// What the squared distance of each feature counts.
    pub(super) fn weights(&self, features: &[Feature]) -> Vec<f64> {
        features.iter().map(|feature| self.inverse_squares[feature.axis] * feature.weight).collect()
    }
}

/// The most probable hyperparameters: a pure function of the data, found from a fixed start.
pub(super) fn fit(data: &Data, axes: usize) -> Hyperparameters {
    let mut logarithms = vec![0.0; axes + 2];
    let mut bounds = vec![(libm::log(1e-4), libm::log(1e4)); axes];
    bounds.extend([(libm::log(1e-3), libm::log(1e3)), (libm::log(LEAST_NOISE), 0.0)]);
    logarithms[axes + 1] = libm::log(1e-2);
    let mut slopes = Matrix::zeros(data.targets.len());
    minimise(&mut logarithms, &bounds, STOP, |x, gradient| {
        let prior = prior(x, gradient);
        likelihood(data, &Hyperparameters::from_logarithms(x), &mut slopes, gradient) + prior
    });
    Hyperparameters::from_logarithms(&logarithms)
}

/// Minus the logarithm of the prior's density, up to a constant, and its gradient.
pub(super) fn prior(logarithms: &[f64], gradient: &mut [f64]) -> f64 {
    let axes = logarithms.len() - 2;
    let mut value = 0.0;
    for (x, slope) in logarithms[..axes].iter().zip(gradient.iter_mut()) {
        let theta = libm::exp(*x);
        value += 0.1 / theta + 0.1 * theta;
        *slope = 0.1 * theta - 0.1 / theta;
    }
    // Gamma densities: (shape − 1) ln v − rate · v.
    for ((x, slope), (shape, rate)) in
        logarithms[axes..].iter().zip(&mut gradient[axes..]).zip([(2.0, 1.0), (1.1, 30.0)])
    {
        let variance = libm::exp(*x);
        value += rate * variance - (shape - 1.0) * x;
        *slope = rate * variance - (shape - 1.0);
    }
    value
}

/// Minus the logarithm of the marginal likelihood, up to a constant. Adds its gradient (axes, signal, noise) to `gradient`.
pub(super) fn likelihood(data: &Data, parameters: &Hyperparameters, slopes: &mut Matrix, gradient: &mut [f64]) -> f64 {
    let n = data.targets.len();
    let weights = parameters.weights(&data.features);
    let mut factor = covariances(&data.features, &data.columns, &weights, parameters, slopes);
    factor.factorise();
    let inverse = factor.inverse_of_transposed().square();
    let mut alpha = vec![0.0; n];
    inverse.combine_rows(&data.targets, &mut alpha);

    let log_determinant: f64 = (0..n).map(|i| libm::log(factor.row(i)[i])).sum();
    let explained = dot(&alpha, &data.targets);
    let axes = parameters.inverse_squares.len();
    let mut shares = vec![0.0; n];
    for i in 0..n {
        // ½ tr((ααᵀ − K⁻¹) ∂K/∂θ): above the diagonal, for each pair once.
        let shares = &mut shares[i + 1..];
        pair_shares(
            Isa::detect(),
            shares,
            &alpha[i + 1..],
            alpha[i],
            &inverse.row(i)[i + 1..],
            &slopes.row(i)[i + 1..],
        );
        for ((feature, column), weight) in data.features.iter().zip(&data.columns).zip(&weights) {
            let others = &column[i + 1..];
            let sum = match feature.measure {
                Measure::Number => sum_squares(Isa::detect(), shares, column[i], others),
                Measure::Label => sum_differences(Isa::detect(), shares, column[i], others),
            };
            gradient[feature.axis] -= weight * sum;
        }
    }
    let trace: f64 = (0..n).map(|i| inverse.row(i)[i]).sum();
    let noise = parameters.noise * (dot(&alpha, &alpha) - trace);
    gradient[axes] -= 0.5 * (explained - n as f64 - noise);
    gradient[axes + 1] -= 0.5 * noise;
    log_determinant + 0.5 * explained
}

/// The upper triangle of the covariances of observations, noise included. `slopes` gets the kernel's derivatives with respect
/// to the squared distances.
pub(super) fn covariances(
    features: &[Feature],
    columns: &[Vec<f64>],
    weights: &[f64],
    parameters: &Hyperparameters,
    slopes: &mut Matrix,
) -> Matrix {
    let n = slopes.size();
    let mut matrix = Matrix::zeros(n);
    for i in 0..n {
        let row = &mut matrix.row_mut(i)[i..];
        for ((feature, column), weight) in features.iter().zip(columns).zip(weights) {
            add_distances(feature.measure, row, column[i], &column[i..], *weight);
        }
        matern(row, &mut slopes.row_mut(i)[i..], parameters.signal);
        row[0] += parameters.noise;
    }
    matrix
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The sum of eight interleaved lanes of terms.
#[inline(always)]
fn sum_lanes(shares: &[f64], others: &[f64], term: impl Fn(f64) -> f64) -> f64 {
    let mut lanes = [0.0; 8];
    let ((shares, shares_rest), (others, others_rest)) = (shares.as_chunks::<8>(), others.as_chunks::<8>());
    for (shares, others) in shares.iter().zip(others) {
        for ((lane, share), other) in lanes.iter_mut().zip(shares).zip(others) {
            *lane += share * term(*other);
        }
    }
    for ((lane, share), other) in lanes.iter_mut().zip(shares_rest).zip(others_rest) {
        *lane += share * term(*other);
    }
    ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]))
}

dispatch! {
    fn pair_shares<S>(_simd: S, shares: &mut [f64], alphas: &[f64], alpha: f64, inverse: &[f64], slopes: &[f64]) {
        for (((share, other), inverse), slope) in shares.iter_mut().zip(alphas).zip(inverse).zip(slopes) {
            *share = (alpha * other - inverse) * slope;
        }
    }

    fn sum_squares<S>(_simd: S, shares: &[f64], x: f64, others: &[f64]) -> f64 {
        sum_lanes(shares, others, |other| (x - other) * (x - other))
    }

    fn sum_differences<S>(_simd: S, shares: &[f64], x: f64, others: &[f64]) -> f64 {
        sum_lanes(shares, others, |other| if x == other { 0.0 } else { 1.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instruction_sets_agree_to_the_bit() {
        let wave = |factor: f64| (0..37).map(|i| libm::sin(factor * f64::from(i))).collect::<Vec<f64>>();
        let (alphas, inverse, slopes) = (wave(1.0), wave(0.3), wave(2.1));
        let run = |isa| {
            let mut shares = vec![0.0; 37];
            pair_shares(isa, &mut shares, &alphas, 0.7, &inverse, &slopes);
            shares.push(sum_squares(isa, &inverse, 0.2, &slopes));
            shares.push(sum_differences(isa, &inverse, slopes[5], &slopes));
            shares.into_iter().map(f64::to_bits).collect::<Vec<u64>>()
        };
        for isa in Isa::available() {
            assert_eq!(run(isa), run(Isa::PORTABLE), "{isa}");
        }
    }
}
