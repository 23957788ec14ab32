//! First values of weights, by the rules of `torch.nn.init`.

use tunefork_rng::Stream;

tunefork_names::named_enum! {
    /// How the weights of convolutions and dense layers start. Biases start as PyTorch's whatever the rule, and norms
    /// with scales of one and shifts of zero.
    #[derive(Default)]
    pub enum Initialisation: "initialisation" {
        /// PyTorch's layers: uniform within 1 / sqrt(fan in).
        #[default]
        PyTorch = "pytorch",
        /// `kaiming_normal_` for ReLU: deviation sqrt(2 / fan in) (He and others, arXiv 1502.01852).
        HeNormal = "he_normal",
        /// `kaiming_uniform_` for ReLU: uniform within sqrt(6 / fan in).
        HeUniform = "he_uniform",
        /// `xavier_normal_`: deviation sqrt(2 / (fan in + fan out)) (Glorot and Bengio, AISTATS 2010).
        GlorotNormal = "glorot_normal",
        /// `xavier_uniform_`: uniform within sqrt(6 / (fan in + fan out)).
        GlorotUniform = "glorot_uniform",
        /// `orthogonal_`: the weights of the outputs are orthonormal, or where there are more outputs than inputs those
        /// of the inputs (Saxe and others, arXiv 1312.6120).
        Orthogonal = "orthogonal",
    }
}

/// How many values one is made of, and how many it goes into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fan {
    /// Inputs of one output value.
    pub fan_in: usize,
    /// Outputs of one input value: a convolution's kernel area times its channels.
    pub fan_out: usize,
}

impl Initialisation {
    /// Weights of `outputs` outputs, one output after the other.
    pub(crate) fn draw(self, fan: Fan, outputs: usize, stream: &mut Stream) -> Vec<f32> {
        let (fan_in, fan_sum) = (fan.fan_in as f64, (fan.fan_in + fan.fan_out) as f64);
        let count = outputs * fan.fan_in;
        let uniform = |stream: &mut Stream, bound: f64| uniform(count, bound, stream);
        let normal = |stream: &mut Stream, deviation: f64| -> Vec<f32> {
            (0..count).map(|_| (deviation * stream.normal()) as f32).collect()
        };
        match self {
            Self::PyTorch => uniform(stream, 1.0 / fan_in.sqrt()),
            Self::HeNormal => normal(stream, (2.0 / fan_in).sqrt()),
            Self::HeUniform => uniform(stream, (6.0 / fan_in).sqrt()),
            Self::GlorotNormal => normal(stream, (2.0 / fan_sum).sqrt()),
            Self::GlorotUniform => uniform(stream, (6.0 / fan_sum).sqrt()),
            Self::Orthogonal => orthogonal(outputs, fan.fan_in, stream).into_iter().map(|q| q as f32).collect(),
        }
    }
}

/// Uniform within `bound` of zero.
pub(crate) fn uniform(count: usize, bound: f64, stream: &mut Stream) -> Vec<f32> {
    (0..count).map(|_| (2.0 * stream.f32() - 1.0) * bound as f32).collect()
}

/// An orthogonal matrix of `rows` x `columns` values, row by row: Q of a matrix of normal numbers whose R has a
/// positive diagonal.
///
/// Modified Gram-Schmidt, once more where most of a vector was taken away, is orthogonal to rounding (Giraud and
/// others, "The loss of orthogonality in the Gram-Schmidt orthogonalization process", 2005). It takes
/// 2 min(rows, columns)^2 max(rows, columns) operations.
fn orthogonal(rows: usize, columns: usize, stream: &mut Stream) -> Vec<f64> {
    let (count, length) = (rows.min(columns), rows.max(columns));
    let mut vectors: Vec<Vec<f64>> = Vec::with_capacity(count);
    while vectors.len() < count {
        let some = SOME.min(count - vectors.len());
        let mut drawn: Vec<Vec<f64>> = (0..some).map(|_| (0..length).map(|_| stream.normal()).collect()).collect();
        let before: Vec<f64> = drawn.iter().map(|vector| dot(vector, vector)).collect();
        for other in &vectors {
            drawn.iter_mut().for_each(|vector| subtract_part_along(vector, other));
        }
        for (mut vector, before) in drawn.into_iter().zip(before) {
            let first_of_these = vectors.len() / SOME * SOME;
            vectors[first_of_these..].iter().for_each(|other| subtract_part_along(&mut vector, other));
            if dot(&vector, &vector) < 0.5 * before {
                vectors.iter().for_each(|other| subtract_part_along(&mut vector, other));
            }
            let norm = dot(&vector, &vector).sqrt();
            vector.iter_mut().for_each(|v| *v /= norm);
            vectors.push(vector);
        }
    }
    if rows < columns {
        return vectors.concat();
    }
    (0..rows).flat_map(|row| vectors.iter().map(move |vector| vector[row])).collect()
}

/// Vectors that are compared with each earlier one while it is near: 1.7 times as fast for 1,500 x 1,500 as one by one,
/// with the same bits.
const SOME: usize = 8;

fn subtract_part_along(vector: &mut [f64], other: &[f64]) {
    let along = dot(vector, other);
    vector.iter_mut().zip(other).for_each(|(v, o)| *v -= along * o);
}

/// Over eight sums, which the compiler makes vectors; the order is the same on every processor.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a, b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest = a.remainder().iter().zip(b.remainder());
    for (a, b) in a.zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    for (sum, (a, b)) in sums.iter_mut().zip(rest) {
        *sum += a * b;
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tunefork_rng::{Key, Purpose};

    fn stream() -> Stream {
        Key::study(1).stream(Purpose::Initialise)
    }

    #[test]
    fn rows_or_columns_are_orthonormal() {
        for (rows, columns) in [(3, 7), (7, 3), (5, 5), (1, 4), (64, 64), (30, 31)] {
            let q = orthogonal(rows, columns, &mut stream());
            let (count, length) = (rows.min(columns), rows.max(columns));
            let at = |vector: usize, place: usize| {
                if rows < columns { q[vector * columns + place] } else { q[place * columns + vector] }
            };
            for (i, j) in (0..count).flat_map(|i| (0..count).map(move |j| (i, j))) {
                let product: f64 = (0..length).map(|place| at(i, place) * at(j, place)).sum();
                assert!((product - f64::from(u8::from(i == j))).abs() < 1e-13, "{rows}x{columns}: {i}, {j}");
            }
        }
    }

    /// The blocks of `orthogonal` change no bit: modified Gram-Schmidt vector by vector, the columns of a matrix that is
    /// not wider than high.
    #[test]
    fn blocks_have_the_bits_of_one_vector_after_the_other() {
        for (rows, columns) in [(3, 7), (20, 20), (40, 30), (19, 64)] {
            let mut stream_of_both = stream();
            let (count, length) = (rows.min(columns), rows.max(columns));
            let mut vectors: Vec<Vec<f64>> = Vec::new();
            for _ in 0..count {
                let mut vector: Vec<f64> = (0..length).map(|_| stream_of_both.normal()).collect();
                let before = dot(&vector, &vector);
                vectors.iter().for_each(|other| subtract_part_along(&mut vector, other));
                if dot(&vector, &vector) < before / 2.0 {
                    vectors.iter().for_each(|other| subtract_part_along(&mut vector, other));
                }
                let norm = dot(&vector, &vector).sqrt();
                vectors.push(vector.into_iter().map(|v| v / norm).collect());
            }
            let place = |row: usize, column: usize| match rows < columns {
                true => vectors[row][column],
                false => vectors[column][row],
            };
            let expected = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
            let expected: Vec<f64> = expected.map(|(row, column)| place(row, column)).collect();
            assert!(orthogonal(rows, columns, &mut stream()) == expected, "{rows}x{columns}");
        }
    }

    /// Mean and deviation of 20,000 draws against those of the rule, and the bound of a uniform one.
    #[test]
    fn draws_have_the_moments_of_their_rule() {
        let fan = Fan { fan_in: 200, fan_out: 50 };
        for rule in Initialisation::ALL {
            let (deviation, bound) = match rule {
                Initialisation::PyTorch => ((1.0 / 600f64).sqrt(), Some((1.0 / 200f64).sqrt())),
                Initialisation::HeNormal => (0.1, None),
                Initialisation::HeUniform => (0.1, Some(0.03f64.sqrt())),
                Initialisation::GlorotNormal => ((2.0 / 250f64).sqrt(), None),
                Initialisation::GlorotUniform => ((2.0 / 250f64).sqrt(), Some((6.0 / 250f64).sqrt())),
                Initialisation::Orthogonal => ((1.0 / 200f64).sqrt(), None),
            };
            let draws = rule.draw(fan, 100, &mut stream());
            assert_eq!(draws.len(), 20_000, "{rule}");
            let mean = draws.iter().map(|w| f64::from(*w)).sum::<f64>() / 2e4;
            let square = draws.iter().map(|w| f64::from(*w).powi(2)).sum::<f64>() / 2e4;
            assert!(mean.abs() < 4.0 * deviation / 2e4f64.sqrt(), "{rule}: mean {mean}");
            assert!((square.sqrt() / deviation - 1.0).abs() < 0.02, "{rule}: {} instead of {deviation}", square.sqrt());
            let largest = draws.iter().map(|w| f64::from(w.abs())).fold(0.0, f64::max);
            match bound {
                Some(bound) => assert!(largest <= bound * 1.000_001 && largest > 0.99 * bound, "{rule}: {largest}"),
                None => assert!(largest > 2.5 * deviation, "{rule}: {largest}"),
            }
        }
    }
}
