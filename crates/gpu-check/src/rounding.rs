//! How results are rounded when they are stored.

use std::collections::BTreeSet;

use half::{bf16, f16};
use tunefork_kernels::Precision;

use crate::Failure;

/// A result as it is stored: rounded to f32 as it is computed, then to the storage format, to nearest even.
pub(crate) fn rounded(precision: Precision, value: f64) -> f64 {
    let value = value as f32;
    match precision {
        Precision::F32 | Precision::Tf32 => f64::from(value),
        Precision::F16 => f16::from_f32(value).to_f64(),
        Precision::Bf16 => bf16::from_f32(value).to_f64(),
    }
}

/// What a product in tf32 takes of a number: 10 bits of mantissa, the nearest, the one farther from zero in the middle.
pub(crate) fn as_tf32(value: f64) -> f64 {
    let bits = (value as f32).to_bits();
    match value.is_finite() {
        true => f64::from(f32::from_bits((bits + 0x1000) & !0x1fff)),
        false => value,
    }
}

/// Errors of results in 16 bits beside the distance of neighbouring numbers, summed up. A format that is rounded to
/// nearest leaves errors between -1/2 and 1/2, evenly spread; one that is cut off errs by 1/2 on the average.
#[derive(Default)]
pub(crate) struct Bias {
    count: usize,
    /// Of all errors, and of those away from zero.
    up: f64,
    away: f64,
}

/// Fewer errors say little.
const FEWEST: usize = 64;

impl Bias {
    pub(crate) fn add(&mut self, precision: Precision, found: &[f64], expected: &[f64]) {
        let (bits, least) = match precision {
            Precision::F32 | Precision::Tf32 => return,
            Precision::F16 => (10, f64::exp2(-14.0)),
            Precision::Bf16 => (7, f64::exp2(-100.0)),
        };
        let mut seen = BTreeSet::new();
        for (found, expected) in found.iter().zip(expected) {
            // What is exact is not rounded, and what is there again is rounded the same way.
            if !seen.insert(expected.to_bits())
                || !expected.is_finite()
                || expected.abs() < least
                || *expected == rounded(precision, *expected)
            {
                continue;
            }
            let distance = f64::exp2(expected.abs().log2().floor() - f64::from(bits));
            let error = ((found - expected) / distance).clamp(-1.0, 1.0);
            self.count += 1;
            self.up += error;
            self.away += error * expected.signum();
        }
    }

    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.count < FEWEST {
            return Ok(());
        }
        let count = self.count as f64;
        // Six standard deviations of a mean of evenly spread errors, and some for what they have in common: the same
        // small number that is added to many.
        let limit = 6.0 * (1.0 / 12.0 / count).sqrt() + 0.1;
        let [up, away] = [self.up, self.away].map(|sum| sum / count);
        match up.abs().max(away.abs()) <= limit {
            true => Ok(()),
            false => Err(format!(
                "{} results are {up:.3} neighbours too high and {away:.3} too far from zero on the average, limit {limit:.3}",
                self.count
            )
            .into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bias(round: fn(f32) -> f32) -> Result<(), Failure> {
        let exact: Vec<f64> = (1..400).map(|i| f64::from((i * 7919 % 1000) as f32 / 499.5 - 1.0)).collect();
        let found: Vec<f64> = exact.iter().map(|&x| f64::from(round(x as f32))).collect();
        let mut bias = Bias::default();
        bias.add(Precision::Bf16, &found, &exact);
        bias.check()
    }

    #[test]
    fn what_is_cut_off_or_rounded_up_is_biased() {
        let cut = |x: f32| f32::from_bits(x.to_bits() & 0xffff_0000);
        assert!(bias(|x| bf16::from_f32(x).to_f32()).is_ok());
        assert!(bias(cut).is_err());
        assert!(bias(|x| f32::from_bits(x.to_bits().next_multiple_of(0x1_0000))).is_err());
        assert!(bias(|x| if x > 0.0 { f32::from_bits(x.to_bits() & 0xffff_0000) } else { x }).is_err());
    }

    #[test]
    fn tf32_goes_to_the_nearest_and_away_in_the_middle() {
        let unit = f64::exp2(-10.0);
        for (x, expected) in
            [(1.0, 1.0), (0.4, 0.0), (0.5, 1.0), (0.6, 1.0), (1.5, 2.0)].map(|(x, e)| (1.0 + x * unit, 1.0 + e * unit))
        {
            assert_eq!(as_tf32(x), expected);
            assert_eq!(as_tf32(-x), -expected);
        }
    }
}
