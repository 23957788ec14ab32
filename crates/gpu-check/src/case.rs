//! What a check is given and what it answers.

use std::sync::Arc;

use tunefork_kernels::{Precision, Stream};
use tunefork_rng::{Key, Purpose};

use crate::rounding::{Bias, rounded};

/// Why a check failed.
pub type Failure = Box<dyn std::error::Error>;

/// A check: a name and a function that fails with a reason. It draws its shapes and values from the
/// case's random numbers, so that each seed is another case. What it returns are the bits of all
/// results: the same for every schedule and every repetition.
#[derive(Clone, Copy)]
pub struct Check {
    /// Family and name: `dropout/forward`.
    pub name: &'static str,
    /// Runs one case; fails with what differs from what is expected.
    pub run: fn(&mut Case) -> Result<(), Failure>,
}

impl Check {
    /// Runs one case, and looks at how its results were rounded.
    ///
    /// # Errors
    /// What differs from what is expected.
    pub fn pass(&self, case: &mut Case) -> Result<(), Failure> {
        (self.run)(case)?;
        case.unbiased()
    }
}

/// Where and with which numbers a check runs.
pub struct Case {
    /// The device, or what stands in for one.
    pub stream: Arc<dyn Stream>,
    seed: u64,
    random: tunefork_rng::Stream,
    digest: u64,
    /// Largest of the whole numbers that are drawn, where such are.
    whole: Option<usize>,
    bias: Bias,
}

impl Case {
    /// The seed that it was made with.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// A case on a stream; equal seeds give equal cases.
    pub fn new(stream: Arc<dyn Stream>, seed: u64) -> Self {
        Self {
            stream,
            seed,
            random: Key::study(seed).stream(Purpose::Generate),
            digest: 0xcbf2_9ce4_8422_2325,
            whole: None,
            bias: Bias::default(),
        }
    }

    /// A random whole number from `low` to `high`, both included.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.random.below((high - low + 1) as u64) as usize
    }

    /// One of some values.
    pub fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.between(0, values.len() - 1)]
    }

    /// Runs a check on whole numbers of at most so many. Products and sums of a few thousand of them are exact in
    /// f32, in whatever order they are added: results must be right to the bit, rounded once when they are stored.
    ///
    /// # Errors
    /// The check's.
    pub fn whole(&mut self, most: usize, run: impl FnOnce(&mut Self) -> Result<(), Failure>) -> Result<(), Failure> {
        self.whole = Some(most);
        let result = run(self);
        self.whole = None;
        result
    }

    /// Whether whole numbers are drawn.
    pub fn is_whole(&self) -> bool {
        self.whole.is_some()
    }

    /// Random numbers in (-1, 1), or whole ones.
    pub fn values(&mut self, count: usize) -> Vec<f64> {
        if let Some(most) = self.whole {
            return (0..count).map(|_| self.between(0, 2 * most) as f64 - most as f64).collect();
        }
        (0..count).map(|_| f64::from((2.0 * self.random.f64() - 1.0) as f32)).collect()
    }

    /// Takes results into the digest that must not depend on the order of threads.
    pub fn digest(&mut self, results: &[u8]) {
        for byte in results {
            self.digest = (self.digest ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// The digest so far.
    pub fn finish(&self) -> u64 {
        self.digest
    }

    /// Checks stored results: of whole numbers that they are the expected ones rounded once, else as
    /// [`close`](Self::close); then their errors count for [`unbiased`](Self::unbiased).
    ///
    /// # Errors
    /// As [`close`](Self::close) and [`equal`](Self::equal).
    pub fn compare(
        &mut self,
        what: &str,
        found: &[f64],
        expected: &[f64],
        precision: Precision,
        limit: f64,
    ) -> Result<(), Failure> {
        if self.is_whole() {
            let expected: Vec<f64> = expected.iter().map(|&value| rounded(precision, value)).collect();
            return self.equal(what, found, &expected);
        }
        self.bias.add(precision, found, expected);
        self.close(what, found, expected, limit)
    }

    /// Checks that results were rounded to nearest: neither downwards nor towards zero on the whole.
    ///
    /// # Errors
    /// A mean error that chance does not explain.
    pub fn unbiased(&self) -> Result<(), Failure> {
        self.bias.check()
    }

    /// Checks that values are the same; any NaN is the same as another.
    ///
    /// # Errors
    /// The first place where they are not.
    pub fn equal(&self, what: &str, found: &[f64], expected: &[f64]) -> Result<(), Failure> {
        assert_eq!(found.len(), expected.len(), "{what}: as many values as expected");
        let differs = |(f, e): (&f64, &f64)| f != e && !(f.is_nan() && e.is_nan());
        match found.iter().zip(expected).position(differs) {
            None => Ok(()),
            Some(at) => {
                let (found, expected, len) = (found[at], expected[at], found.len());
                Err(format!("{what}: at {at} of {len}: {found}, expected exactly {expected}").into())
            }
        }
    }

    /// Checks ‖found − expected‖ / ‖expected‖ (for zeros: ‖found‖) against a limit, and that nothing is
    /// NaN.
    ///
    /// # Errors
    /// The error found, and the first place where the two differ most.
    pub fn close(&self, what: &str, found: &[f64], expected: &[f64], limit: f64) -> Result<(), Failure> {
        assert_eq!(found.len(), expected.len(), "{what}: as many values as expected");
        let square = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>();
        let difference = square(&mut found.iter().zip(expected).map(|(f, e)| f - e)).sqrt();
        let norm = square(&mut expected.iter().copied()).sqrt();
        let error = if norm > 0.0 { difference / norm } else { difference };
        // A NaN is not below any limit.
        if error <= limit {
            return Ok(());
        }
        let off = |(_, (f, e)): &(usize, (&f64, &f64))| {
            let off = (*f - *e).abs();
            if off.is_nan() { f64::INFINITY } else { off }
        };
        let worst = found.iter().zip(expected).enumerate().max_by(|a, b| off(a).total_cmp(&off(b)));
        let (place, (f, e)) = worst.expect("there are values");
        Err(format!(
            "{what}: relative error {error:.1e}, limit {limit:.1e}; at {place} of {}: {f}, expected {e}",
            found.len()
        )
        .into())
    }
}
