//! From values of an axis to places in the picture.

use crate::limits::{Limits, Refused, is_drawable};
use crate::{Axis, Extent, Scale};

/// How much of its category a bar or a cell leaves free, in parts.
const GAP_OF_BARS: f64 = 0.24;

/// An axis laid out between two places, in pixels.
#[derive(Clone, Debug)]
pub(crate) struct Projection<'a> {
    pub(crate) axis: &'a Axis,
    pub(crate) limits: Limits,
    start: f64,
    end: f64,
}

impl<'a> Projection<'a> {
    /// From left to right.
    pub(crate) fn across(axis: &'a Axis, limits: Limits, length: f64) -> Self {
        let (start, end) = if axis.is_reversed { (length, 0.0) } else { (0.0, length) };
        Self { axis, limits, start, end }
    }

    /// From bottom to top; categories from top to bottom, as they are read.
    pub(crate) fn up(axis: &'a Axis, limits: Limits, length: f64) -> Self {
        let is_downwards = axis.names().is_some() != axis.is_reversed;
        let (start, end) = if is_downwards { (0.0, length) } else { (length, 0.0) };
        Self { axis, limits, start, end }
    }

    /// From the lower end, 0, to the higher one, 1.
    pub(crate) fn unit(axis: &'a Axis, limits: Limits) -> Self {
        Self { axis, limits, start: f64::from(u8::from(axis.is_reversed)), end: f64::from(u8::from(!axis.is_reversed)) }
    }

    /// Where a value lies.
    pub(crate) fn place(&self, value: f64) -> Result<f64, Refused> {
        let place = self.place_beyond(value)?;
        // Rounding may put an end a hair outside.
        let slack = 0.01 * (self.end - self.start).abs().min(1.0);
        let (low, high) = (self.start.min(self.end), self.start.max(self.end));
        if (low - slack..=high + slack).contains(&place) { Ok(place) } else { Err(Refused::Outside) }
    }

    /// Where a value lies, be it outside of the limits: at most a few lengths away, so that what is cut off there still has
    /// numbers as coordinates.
    pub(crate) fn place_beyond(&self, value: f64) -> Result<f64, Refused> {
        is_drawable(self.axis, value)?;
        let Limits { low, high } = self.limits;
        let fraction = match self.axis.scale {
            // Halves, for the length between the limits may be more than a number holds.
            Scale::Linear | Scale::Band(_) => (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0),
            // The machine's own logarithm: its last bit is far below the tenth of a pixel that is written.
            Scale::Log10 => (value.log10() - low.log10()) / (high.log10() - low.log10()),
        };
        Ok(self.start + fraction.clamp(-9.0, 9.0) * (self.end - self.start))
    }

    /// What an extent covers, the smaller place first. Categories of bars leave a gap between them.
    pub(crate) fn extent(&self, extent: Extent, is_bar: bool) -> Result<(f64, f64), Refused> {
        let (one, other) = match extent {
            Extent::Between(low, high) => (self.within(low)?, self.within(high)?),
            Extent::At(value) => {
                let half = self.band() / 2.0 * if is_bar { 1.0 - GAP_OF_BARS } else { 1.0 };
                let middle = self.place(value)?;
                (middle - half, middle + half)
            }
        };
        Ok((one.min(other), one.max(other)))
    }

    /// Where a value lies, or the end that is nearest to it.
    pub(crate) fn within(&self, value: f64) -> Result<f64, Refused> {
        Ok(self.place_beyond(value)?.clamp(self.start.min(self.end), self.start.max(self.end)))
    }

    /// The width of a category, or what stands for it on a scale of numbers.
    pub(crate) fn band(&self) -> f64 {
        match self.axis.names() {
            Some(names) => self.length() / names.len().max(1) as f64,
            None => 12.0,
        }
    }

    /// From end to end.
    pub(crate) fn length(&self) -> f64 {
        (self.end - self.start).abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lie_where_their_scale_puts_them() {
        let (linear, log) = (Axis::linear(""), Axis::log10(""));
        let across = Projection::across(&linear, Limits { low: 0.0, high: 10.0 }, 100.0);
        assert_eq!((across.place(2.5), across.place(11.0)), (Ok(25.0), Err(Refused::Outside)));
        assert_eq!(across.place(f64::NAN), Err(Refused::NoNumber));
        let up = Projection::up(&log, Limits { low: 0.01, high: 100.0 }, 100.0);
        assert_eq!((up.place(1.0), up.place(0.01)), (Ok(50.0), Ok(100.0)));
        assert_eq!(up.place(-1.0), Err(Refused::NotPositive));
        let widest = Projection::across(&linear, Limits { low: -1e300, high: 1e300 }, 100.0);
        assert_eq!(widest.place(0.0), Ok(50.0));
    }

    #[test]
    fn the_first_category_is_at_the_left_and_at_the_top() {
        let axis = Axis::band("", ["a", "b"]);
        let limits = Limits { low: -0.5, high: 1.5 };
        assert_eq!(Projection::across(&axis, limits, 100.0).extent(Extent::At(0.0), false), Ok((0.0, 50.0)));
        assert_eq!(Projection::up(&axis, limits, 100.0).place(0.0), Ok(25.0));
        let reversed = axis.clone().reversed();
        assert_eq!(Projection::up(&reversed, limits, 100.0).place(0.0), Ok(75.0));
    }
}
