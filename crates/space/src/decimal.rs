//! Step grids in decimal arithmetic.
//!
//! In binary, 0 + 3 · 0.1 is 0.30000000000000004. People who write `step = 0.1` mean 0.3, so grids
//! are laid out on the shortest decimal text of the three numbers.

/// `low + k * step` for whole `k`, exact in decimal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepGrid {
    /// `low` and `step` in units of 10^exponent.
    low: i128,
    step: i128,
    exponent: i32,
    /// Number of points, `high` included where it is on the grid.
    points: u64,
}

impl StepGrid {
    /// Lays out the grid from `low` to at most `high`; `None` when its points, or their digits, are
    /// more than can be told apart. Needs finite numbers, `low <= high`, `step > 0`.
    pub(crate) fn new(low: f64, high: f64, step: f64) -> Option<Self> {
        let largest = low.abs().max(high.abs());
        if step < 2.0 * (largest - largest.next_down()) {
            return None;
        }
        let parts = [digits(low), digits(high), digits(step)];
        let exponent = parts.iter().map(|part| part.1).min()?;
        let scale = |(mantissa, own): (i128, i32)| {
            let shift = u32::try_from(own.checked_sub(exponent)?).ok()?;
            10i128.checked_pow(shift)?.checked_mul(mantissa)
        };
        let [low, below, step] = [scale(parts[0])?, scale(parts[1])?, scale(parts[2])?];
        let points = below.checked_sub(low)?.checked_div(step)? + 1;
        // `high` may be one more point, rounded to a number whose own text is a little smaller.
        let next = step.checked_mul(points).and_then(|distance| low.checked_add(distance));
        let is_high = next.is_some_and(|next| number(next, exponent) <= high);
        Some(Self { low, step, exponent, points: u64::try_from(points).ok()? + u64::from(is_high) })
    }

    /// Number of grid points.
    pub(crate) fn points(&self) -> u64 {
        self.points
    }

    /// The point number `k`, rounded once from its exact decimal value.
    pub(crate) fn point(&self, k: u64) -> f64 {
        number(self.low + self.step * i128::from(k.min(self.points - 1)), self.exponent)
    }
}

/// `mantissa` · 10^`exponent`, rounded once.
fn number(mantissa: i128, exponent: i32) -> f64 {
    // Up to 2^53 and 10^22 both operands are exact, so the division rounds once.
    if mantissa.unsigned_abs() <= 1 << 53 && (-22..=0).contains(&exponent) {
        let mut power = 1.0;
        for _ in 0..-exponent {
            power *= 10.0;
        }
        return mantissa as f64 / power;
    }
    let text = format!("{mantissa}e{exponent}");
    text.parse().unwrap_or(mantissa as f64)
}

/// The shortest decimal text of a finite `value` as (mantissa, exponent of ten).
fn digits(value: f64) -> (i128, i32) {
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mantissa = format!("{whole}{fraction}").parse().unwrap_or(0);
    (mantissa, exponent - fraction.len() as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(low: f64, high: f64, step: f64) -> Vec<f64> {
        let grid = StepGrid::new(low, high, step).unwrap();
        (0..grid.points()).map(|k| grid.point(k)).collect()
    }

    #[test]
    fn points_are_what_people_write() {
        assert_eq!(points(0.0, 0.5, 0.1), [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]);
        assert_eq!(points(0.0, 1.0, 0.3), [0.0, 0.3, 0.6, 0.9]);
        assert_eq!(points(-1.0, 1.0, 0.75), [-1.0, -0.25, 0.5]);
        assert_eq!(points(1e-3, 5e-3, 2e-3), [0.001, 0.003, 0.005]);
        assert_eq!(points(1e300, 2.5e300, 1e300), [1e300, 2e300]);
        assert_eq!(points(1e-30, 3e-30, 1e-30), [1e-30, 2e-30, 3e-30]);
        assert_eq!(points(0.1, 0.1, 5.0), [0.1]);
        assert_eq!(points(-1.0, 1e38, 1e38), [-1.0, 1e38]);
    }

    /// Their decimal sum is 0.98500000000000011, above the text of the number next to it.
    #[test]
    fn a_rounded_high_is_the_last_point() {
        let (low, step) = (0.8130000000000001, 0.17200000000000001);
        assert_eq!(points(low, 1.0, step), [low, 0.9850000000000001]);
        assert_eq!(points(low, 0.9850000000000001, step), [low, 0.9850000000000001]);
        assert_eq!(points(low, 0.9850000000000001f64.next_down(), step), [low]);
    }

    /// Python's `float(mantissa) / float(10**-exponent)` rounds twice and gives other numbers for the first two.
    #[test]
    fn numbers_are_rounded_once() {
        for (mantissa, exponent) in [(47856959858438489, -8), (-1894765435606090402, -12), (3, -23), (25, 3), (7, 0)] {
            let exact: f64 = format!("{mantissa}e{exponent}").parse().unwrap();
            assert_eq!(number(mantissa, exponent), exact, "{mantissa}e{exponent}");
        }
    }

    #[test]
    fn grids_beyond_the_numbers_are_refused() {
        assert!(StepGrid::new(1e-300, 1e300, 1.0).is_none());
        assert!(StepGrid::new(0.0, 1.0, 1e-17).is_none());
        assert!(StepGrid::new(1e16, 1e16 + 8.0, 0.5).is_none());
        assert!(StepGrid::new(-1e16, 0.0, 0.5).is_none());
        assert_eq!(points(1e16, 1e16 + 8.0, 4.0), [1e16, 1e16 + 4.0, 1e16 + 8.0]);
    }
}
