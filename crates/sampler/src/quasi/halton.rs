//! Halton's sequence, scrambled.
//!
//! J. H. Halton, "On the efficiency of certain quasi-random sequences of points in evaluating multi-dimensional integrals", Numerische
//! Mathematik 2, 1960: coordinate number d is the index written in the d-th prime, its digits mirrored at the point. Unscrambled, the
//! coordinates of large primes rise together for a long time; a random permutation of each digit undoes that (A. B. Owen, "A
//! randomized Halton algorithm in R", arXiv 1706.02808).

use tunefork_rng::Stream;

use super::Axis;

/// Coordinates are fractions whose denominators a float holds exactly.
const LARGEST_DENOMINATOR: u64 = 1 << 53;

/// One coordinate of the points.
#[derive(Debug)]
pub(super) struct Halton {
    base: u64,
    /// By digit of the index, the lowest first: what each value of the digit becomes. The zeros before the index are permuted as well,
    /// so that coordinates have as many digits as there are permutations.
    permutations: Vec<Vec<u16>>,
}

impl Halton {
    /// The coordinate number `dimension`, from 0 on.
    pub(super) fn new(dimension: usize, stream: &mut Stream) -> Self {
        Self::permuted(dimension, |digits| stream.shuffle(digits))
    }

    fn permuted(dimension: usize, mut permute: impl FnMut(&mut [u16])) -> Self {
        let base = prime(dimension);
        let digits = LARGEST_DENOMINATOR.ilog(base.into());
        let permutation = |_| {
            let mut digits: Vec<u16> = (0..base).collect();
            permute(&mut digits);
            digits
        };
        Self { base: base.into(), permutations: (0..digits).map(permutation).collect() }
    }
}

impl Axis for Halton {
    fn at(&self, index: u32) -> f64 {
        let (mut rest, mut numerator, mut denominator) = (u64::from(index), 0, 1);
        for permutation in &self.permutations {
            numerator = numerator * self.base + u64::from(permutation[(rest % self.base) as usize]);
            denominator *= self.base;
            rest /= self.base;
        }
        numerator as f64 / denominator as f64
    }
}

/// The prime number `nth`, from 0 on.
fn prime(nth: usize) -> u16 {
    let mut primes: Vec<u16> = Vec::new();
    for number in 2.. {
        if primes.len() > nth {
            break;
        }
        if primes.iter().all(|prime| number % prime != 0) {
            primes.push(number);
        }
    }
    primes[nth]
}

#[cfg(test)]
mod tests {
    use tunefork_rng::{Key, Purpose};

    use super::{super::joe_kuo::DIMENSIONS, *};

    /// Against `scipy.stats.qmc.Halton(128, scramble=False).random(1024)` of SciPy 1.17.1.
    #[test]
    fn unscrambled_points_are_those_of_scipy() {
        let indices = [1, 2, 3, 100, 777, 1023];
        for (dimension, expected) in [
            (0, [0.5, 0.25, 0.75, 0.1484375, 0.5654296875, 0.9990234375]),
            (1, [1.0 / 3.0, 2.0 / 3.0, 1.0 / 9.0, 0.4115226337448559, 0.19798811156835847, 0.31047096479195246]),
            (2, [0.2, 0.4, 0.6, 0.032, 0.40992, 0.76512]),
            (7, [1.0 / 19.0, 2.0 / 19.0, 3.0 / 19.0, 0.27700831024930744, 0.9005685960052484, 0.8839480973902901]),
            (
                30,
                [1.0 / 127.0, 2.0 / 127.0, 3.0 / 127.0, 0.7874015748031495, 0.11848223696447392, 0.055614111228222456],
            ),
            (
                127,
                [1.0 / 719.0, 2.0 / 719.0, 3.0 / 719.0, 0.13908205841446453, 0.08066952826228671, 0.42281139196186945],
            ),
        ] {
            let axis = Halton::permuted(dimension, |_| {});
            for (index, expected) in indices.into_iter().zip(expected) {
                let error = (axis.at(index) - expected).abs();
                assert!(error < 1e-15, "dimension {dimension}, point {index}: off by {error}");
            }
        }
    }

    /// In each dimension, the first b^k points for its prime b meet each interval of length b^-k, and so do the next.
    #[test]
    fn every_dimension_is_balanced() {
        for dimension in 0..DIMENSIONS {
            let axis = Halton::new(dimension, &mut Key::study(1).stream_at(Purpose::Scramble, dimension as u64));
            let base = axis.base as u32;
            let size = base.pow(3000_u32.ilog(base));
            for first in [0, 5 * size] {
                // Half an interval of a float's rounding keeps ends from falling into the interval before.
                let interval = |index| (axis.at(index) * f64::from(size) + 1e-9) as u32;
                let mut met: Vec<u32> = (first..first + size).map(interval).collect();
                met.sort_unstable();
                assert!(met.into_iter().eq(0..size), "base {base} from {first}");
            }
        }
    }

    /// Digits are many enough for the largest index, and coordinates stay below 1.
    #[test]
    fn coordinates_of_the_largest_indices() {
        for dimension in [0, 1, 2, DIMENSIONS - 1] {
            let axis = Halton::permuted(dimension, |_| {});
            assert!(axis.base.pow(axis.permutations.len() as u32) > 1 << 32);
            assert_ne!(axis.at(u32::MAX), axis.at(u32::MAX - axis.base as u32));
            let highest = Halton::permuted(dimension, |digits| digits.reverse()).at(0);
            assert!((1.0 - 1e-11..1.0).contains(&highest));
        }
    }
}
