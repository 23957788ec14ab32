//! The Matérn kernel with smoothness 5/2, and the distances it is a function of.
//!
//! k(q) = s · (1 + a + a²/3) · e^−a with a = √(5q), where q is the squared distance, each coordinate in units of its own
//! length scale (Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, equation 4.17).

use tunefork_simd::{Isa, dispatch, exact};

use super::{
    axes::{Feature, Measure},
    cholesky::Matrix,
};

/// So many points are predicted at a time.
pub(super) const LANES: usize = 16;

/// Adds the weighted squared distances of one point's coordinate to the coordinates of others.
pub(super) fn add_distances(measure: Measure, sums: &mut [f64], x: f64, others: &[f64], weight: f64) {
    match measure {
        Measure::Number => add_squares(Isa::detect(), sums, x, others, weight),
        Measure::Label => add_differences(Isa::detect(), sums, x, others, weight),
    }
}

/// Replaces squared distances by the kernel's values and writes its derivatives with respect to them to `slopes`.
pub(super) fn matern(squares: &mut [f64], slopes: &mut [f64], signal: f64) {
    to_arguments(Isa::detect(), squares, slopes);
    exact::exp(slopes);
    to_values(Isa::detect(), squares, slopes, signal);
}

/// The squared distances of [`LANES`] points, from number `first` of `points` on, to all of `others`: coordinates by feature.
pub(super) fn distance_block(
    squares: &mut [f64],
    features: &[Feature],
    weights: &[f64],
    others: &[Vec<f64>],
    (points, first): (&[Vec<f64>], usize),
) {
    squares.fill(0.0);
    for (place, feature) in features.iter().enumerate() {
        let lanes = &points[place][first..][..LANES];
        add_block(Isa::detect(), squares, &others[place], lanes, feature.measure == Measure::Label, weights[place]);
    }
}

/// Σ (row · block)² over all rows of a lower triangle: what is known of each of [`LANES`] points, where `block` holds their
/// covariances with the observations.
pub(super) fn explained(lower: &Matrix, block: &[f64]) -> [f64; LANES] {
    let mut sums = [0.0; LANES];
    for row in 0..lower.size() {
        add_explained(Isa::detect(), &mut sums, &lower.row(row)[..=row], block);
    }
    sums
}

dispatch! {
    fn add_squares<S>(_simd: S, sums: &mut [f64], x: f64, others: &[f64], weight: f64) {
        for (sum, other) in sums.iter_mut().zip(others) {
            *sum += weight * ((x - other) * (x - other));
        }
    }

    fn add_differences<S>(_simd: S, sums: &mut [f64], x: f64, others: &[f64], weight: f64) {
        for (sum, other) in sums.iter_mut().zip(others) {
            *sum += if x == *other { 0.0 } else { weight };
        }
    }

    fn add_block<S>(_simd: S, squares: &mut [f64], others: &[f64], lanes: &[f64], labels: bool, weight: f64) {
        let (rows, _) = squares.as_chunks_mut::<LANES>();
        for (row, other) in rows.iter_mut().zip(others) {
            for (sum, x) in row.iter_mut().zip(lanes) {
                let square = if labels { f64::from(u8::from(x != other)) } else { (x - other) * (x - other) };
                *sum += weight * square;
            }
        }
    }

    fn to_arguments<S>(_simd: S, squares: &mut [f64], exponents: &mut [f64]) {
        for (square, exponent) in squares.iter_mut().zip(exponents) {
            *square = (5.0 * *square).sqrt();
            *exponent = -*square;
        }
    }

    fn to_values<S>(_simd: S, arguments: &mut [f64], exponentials: &mut [f64], signal: f64) {
        for (value, slope) in arguments.iter_mut().zip(exponentials) {
            let (a, decay) = (*value, signal * *slope);
            *value = (1.0 + a + a * a * (1.0 / 3.0)) * decay;
            *slope = (-5.0 / 6.0) * (1.0 + a) * decay;
        }
    }

    fn add_explained<S>(_simd: S, sums: &mut [f64; LANES], row: &[f64], block: &[f64]) {
        let mut dot = [0.0; LANES];
        for (factor, lanes) in row.iter().zip(block.as_chunks::<LANES>().0) {
            for (dot, value) in dot.iter_mut().zip(lanes) {
                *dot += factor * value;
            }
        }
        for (sum, dot) in sums.iter_mut().zip(dot) {
            *sum += dot * dot;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values that Optuna 5.0.0 computed.
    #[test]
    fn values_are_those_of_optuna() {
        let (mut values, mut slopes) = ([0.0, 0.25, 1.0, 4.0], [0.0; 4]);
        matern(&mut values, &mut slopes, 1.0);
        for (value, expected) in values.iter().zip([1.0, 0.8286491424, 0.5239941088, 0.1386602191]) {
            assert!((value - expected).abs() < 1e-10, "{value} {expected}");
        }
    }

    #[test]
    fn slopes_are_those_of_the_values() {
        for q in [0.01, 0.3, 2.0, 9.0] {
            let (mut values, mut slopes) = ([q, q + 1e-6, q - 1e-6], [0.0; 3]);
            matern(&mut values, &mut slopes, 1.7);
            let numeric = (values[1] - values[2]) / 2e-6;
            assert!((slopes[0] - numeric).abs() < 1e-8, "at {q}: {} {numeric}", slopes[0]);
        }
    }

    #[test]
    fn instruction_sets_agree_to_the_bit() {
        let others: Vec<f64> = (0..37).map(|i| libm::sin(f64::from(i))).collect();
        let run = |isa| {
            let (mut sums, mut slopes) = (vec![0.0; 37], vec![0.0; 37]);
            add_squares(isa, &mut sums, 0.3, &others, 1.3);
            add_differences(isa, &mut sums, others[3], &others, 0.7);
            to_arguments(isa, &mut sums, &mut slopes);
            to_values(isa, &mut sums, &mut slopes, 0.9);
            let mut block = vec![0.0; 37 * LANES];
            add_block(isa, &mut block, &others, &others[..LANES], false, 1.1);
            add_block(isa, &mut block, &others, &others[..LANES], true, 0.2);
            let mut explained = [0.0; LANES];
            add_explained(isa, &mut explained, &others, &block);
            let all = [sums, slopes, block, explained.to_vec()].concat();
            all.into_iter().map(f64::to_bits).collect::<Vec<u64>>()
        };
        for isa in Isa::available() {
            assert_eq!(run(isa), run(Isa::PORTABLE), "{isa}");
        }
    }
}
