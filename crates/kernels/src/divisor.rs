//! Division by a number that the host knows, as a multiplication on the device.

use crate::Divisor;

impl Divisor {
    /// For division by `divisor`.
    ///
    /// # Panics
    /// Unless it lies in 1 to 2^31 - 1.
    pub(crate) fn new(divisor: u32) -> Self {
        assert!((1..1 << 31).contains(&divisor), "a divisor of {divisor}");
        let log = u32::BITS - (divisor - 1).leading_zeros(); // rounded up
        let shift = log.saturating_sub(1);
        let magic = (1u64 << (32 + shift)).div_ceil(u64::from(divisor));
        Self { divisor, magic: magic as u32, shift }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the device computes.
    fn divide(n: u32, by: Divisor) -> u32 {
        match by.divisor {
            1 => n,
            _ => ((u64::from(n) * u64::from(by.magic)) >> 32) as u32 >> by.shift,
        }
    }

    #[test]
    fn it_divides() {
        for divisor in (1..70).chain([127, 128, 129, 1000, 50_176, 65_535, 1 << 30, (1 << 31) - 1]) {
            let by = Divisor::new(divisor);
            for near in (0..40u64).map(|k| k * u64::from(divisor)).chain([(1 << 31) - 1]) {
                for n in near.saturating_sub(2)..=near + 2 {
                    let Ok(n) = u32::try_from(n) else { continue };
                    if n < 1 << 31 {
                        assert_eq!(divide(n, by), n / divisor, "{n} / {divisor}");
                    }
                }
            }
        }
    }
}
