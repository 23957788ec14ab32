//! Sobol's sequence, scrambled.
//!
//! I. M. Sobol, "On the distribution of points in a cube and the approximate evaluation of integrals", USSR Computational
//! Mathematics and Mathematical Physics 7, 1967. Of the first 2^k points each interval of length 2^-k of each coordinate has one.
//! The scramble keeps that: a random linear map of a coordinate's binary digits (J. Matoušek, "On the L2-discrepancy for anchored
//! boxes", Journal of Complexity 14, 1998), in which a digit depends on itself and those before it, and a random shift of them.

use tunefork_rng::Stream;

use super::{Axis, joe_kuo::TABLE, unit};

/// Binary digits of an index.
const DIGITS: usize = 32;

/// One coordinate of the points: the exclusive or of the directions that the binary digits of their index choose. The points come in
/// the order of the indices' ordinary binary digits, not of their Gray codes; the first 2^k are the same in both.
#[derive(Debug)]
pub(super) struct Sobol {
    /// By binary digit of the index, the lowest first; the highest bit stands for one half.
    directions: [u64; DIGITS],
    shift: u64,
}

impl Sobol {
    /// The coordinate number `dimension`, from 0 on, of those that have direction numbers.
    pub(super) fn new(dimension: usize, stream: &mut Stream) -> Self {
        Self { directions: scrambled(directions(dimension), stream), shift: stream.next_u64() }
    }
}

impl Axis for Sobol {
    fn at(&self, index: u32) -> f64 {
        let chosen = self.directions.iter().enumerate().filter(|(digit, _)| index >> digit & 1 == 1);
        unit(chosen.fold(self.shift, |bits, (_, direction)| bits ^ direction))
    }
}

/// The directions as the direction numbers have them, by Sobol's recurrence over the coefficients of the polynomial.
fn directions(dimension: usize) -> [u64; DIGITS] {
    let Some(&(polynomial, initial)) = dimension.checked_sub(1).and_then(|row| TABLE.get(row)) else {
        return std::array::from_fn(|digit| 1 << (63 - digit));
    };
    let degree = initial.len();
    let mut directions = [0; DIGITS];
    for digit in 0..DIGITS {
        directions[digit] = match initial.get(digit) {
            Some(number) => number << (63 - digit),
            None => {
                let terms = (1..=degree).filter(|back| polynomial >> (degree - back) & 1 == 1);
                let last = directions[digit - degree] >> degree;
                terms.fold(last, |sum, back| sum ^ directions[digit - back])
            }
        };
    }
    directions
}

/// All directions under the same random map: a matrix with ones on its diagonal and random bits below it.
fn scrambled(directions: [u64; DIGITS], stream: &mut Stream) -> [u64; DIGITS] {
    let mut scrambled = [0; DIGITS];
    for place in (0..u64::BITS).rev() {
        let row = stream.next_u64() & (u64::MAX << place) | 1 << place;
        for (scrambled, direction) in scrambled.iter_mut().zip(directions) {
            let digit = u64::from((direction & row).count_ones() & 1);
            *scrambled |= digit << place;
        }
    }
    scrambled
}

#[cfg(test)]
mod tests {
    use tunefork_rng::{Key, Purpose};

    use super::{super::joe_kuo::DIMENSIONS, *};

    /// Against `scipy.stats.qmc.Sobol(128, scramble=False, bits=32).random(1024)` of SciPy 1.17.1, times 2^32. Its points come in the
    /// order of Gray codes.
    #[test]
    fn unscrambled_points_are_those_of_scipy() {
        let indices = [1u32, 2, 3, 100, 777, 1023];
        for (dimension, expected) in [
            (0, [2147483648u64, 3221225472, 1073741824, 1778384896, 2973761536, 4194304]),
            (1, [2147483648, 1073741824, 3221225472, 1107296256, 4022337536, 3233808384]),
            (2, [2147483648, 1073741824, 3221225472, 3321888768, 700448768, 2629828608]),
            (7, [2147483648, 3221225472, 1073741824, 2046820352, 3275751424, 2654994432]),
            (30, [2147483648, 1073741824, 3221225472, 3053453312, 2327838720, 3988783104]),
            (127, [2147483648, 1073741824, 3221225472, 1979711488, 507510784, 3007315968]),
        ] {
            let axis = Sobol { directions: directions(dimension), shift: 0 };
            let points = indices.map(|index| axis.at(index ^ (index >> 1)) * 2f64.powi(32));
            assert_eq!(points, expected.map(|point| point as f64), "dimension {dimension}");
        }
    }

    /// In each dimension there is, the first 2^k points meet each interval of length 2^-k, and so do the next 2^k.
    #[test]
    fn every_dimension_is_balanced() {
        for dimension in 0..DIMENSIONS {
            let axis = Sobol::new(dimension, &mut Key::study(1).stream_at(Purpose::Scramble, dimension as u64));
            for (first, k) in [(0, 10), (1024, 10), (0, 7), (640, 7)] {
                let mut met: Vec<u32> =
                    (first..first + (1 << k)).map(|index| (axis.at(index) * f64::from(1 << k)) as u32).collect();
                met.sort_unstable();
                assert!(met.into_iter().eq(0..1 << k), "dimension {dimension} from {first}");
            }
        }
    }

    /// The polynomials and initial numbers are such as the recurrence needs.
    #[test]
    fn the_table_is_well_formed() {
        for (polynomial, initial) in TABLE {
            assert_eq!(polynomial.ilog2() as usize, initial.len());
            assert_eq!(polynomial & 1, 1);
            assert!(initial.iter().enumerate().all(|(i, number)| number & 1 == 1 && number >> (i + 1) == 0));
        }
        for (row, (polynomial, _)) in TABLE.iter().enumerate() {
            assert!(TABLE[..row].iter().all(|(other, _)| other != polynomial), "each polynomial stands once");
        }
    }
}
