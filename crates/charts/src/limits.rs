//! From where to where an axis goes.

use crate::{Axis, Scale};

/// Larger numbers are treated as infinite: their differences may be no numbers any more.
const LARGEST: f64 = 1e300;
/// The smallest positive number of a logarithmic axis.
const SMALLEST: f64 = 1e-300;
/// The room beside the outermost values, as a part of the length between them.
const ROOM: f64 = 0.04;

/// The ends of an axis, the lower one first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Limits {
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// Why a value is not drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    NoNumber,
    NotPositive,
    Outside,
}

/// The smallest and the largest of some values, as far as an axis can have them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Span {
    ends: Option<(f64, f64)>,
    /// Where rectangles begin and end: there is no room beside them.
    edges: Option<(f64, f64)>,
}

impl Span {
    pub(crate) fn add(&mut self, axis: &Axis, value: f64) {
        if is_drawable(axis, value).is_ok() {
            let (low, high) = self.ends.unwrap_or((value, value));
            self.ends = Some((low.min(value), high.max(value)));
        }
    }

    /// A value beside which there is no room, as the foot of bars.
    pub(crate) fn add_edge(&mut self, axis: &Axis, value: f64) {
        self.add(axis, value);
        let (low, high) = self.edges.unwrap_or((value, value));
        self.edges = Some((low.min(value), high.max(value)));
    }

    pub(crate) fn join(&mut self, axis: &Axis, other: Self) {
        if let Some((low, high)) = other.ends {
            self.add(axis, low);
            self.add(axis, high);
        }
        if let Some((low, high)) = other.edges {
            self.add_edge(axis, low);
            self.add_edge(axis, high);
        }
    }

    pub(crate) fn is_empty(self) -> bool {
        self.ends.is_none()
    }

    /// The limits of an axis with these values.
    pub(crate) fn limits(mut self, axis: &Axis) -> Limits {
        if let Scale::Band(names) = &axis.scale {
            return Limits { low: -0.5, high: names.len().max(1) as f64 - 0.5 };
        }
        if let Some(given) = given(axis) {
            return given;
        }
        if let Some(value) = axis.contains {
            self.add(axis, value);
        }
        match (self.ends, &axis.scale) {
            (None, Scale::Log10) => Limits { low: 0.1, high: 10.0 },
            (None, _) => Limits { low: 0.0, high: 1.0 },
            (Some((low, high)), Scale::Log10) => {
                let (low, high) = (low.log10(), high.log10());
                let room = if high - low < 1e-9 { 0.3 } else { ROOM * (high - low) };
                let (is_low, is_high) = self.are_edges();
                let end = |exponent: f64| 10f64.powf(exponent.clamp(-302.0, 302.0));
                Limits {
                    low: if is_low { end(low) } else { end(low - room) },
                    high: if is_high { end(high) } else { end(high + room) },
                }
            }
            (Some((low, high)), _) => self.with_room(low, high),
        }
    }

    fn with_room(self, low: f64, high: f64) -> Limits {
        let largest = low.abs().max(high.abs());
        let are_equal = high - low <= (largest * 1e-12).max(SMALLEST);
        let room = match (are_equal, largest > SMALLEST) {
            (true, true) => 0.1 * largest,
            (true, false) => 1.0,
            (false, _) => ROOM * (high - low),
        };
        let (is_low, is_high) = self.are_edges();
        Limits { low: if is_low { low } else { low - room }, high: if is_high { high } else { high + room } }
    }

    /// Whether the lower and the higher end are edges. What has no length has room above it at least.
    fn are_edges(self) -> (bool, bool) {
        match (self.ends, self.edges) {
            (Some((low, high)), Some(edges)) => (low == edges.0, high == edges.1 && low < high),
            _ => (false, false),
        }
    }
}

/// The limits of a colour: those of the values themselves, for a colour bar has no room beside it.
pub(crate) fn tight(span: Span, axis: &Axis) -> Limits {
    match (given(axis), span.ends) {
        (Some(given), _) => given,
        (None, Some((low, high))) if low < high => {
            let (mut low, mut high) = (low, high);
            if let Some(value) = axis.contains.filter(|&value| is_drawable(axis, value).is_ok()) {
                (low, high) = (low.min(value), high.max(value));
            }
            Limits { low, high }
        }
        (None, _) => span.limits(axis),
    }
}

/// The range that an axis was given, if it can have it.
fn given(axis: &Axis) -> Option<Limits> {
    let (low, high) = axis.range?;
    let can_have = is_drawable(axis, low).is_ok() && is_drawable(axis, high).is_ok();
    let has_length = high - low > (low.abs().max(high.abs()) * 1e-12).max(SMALLEST);
    (can_have && has_length && axis.names().is_none()).then_some(Limits { low, high })
}

/// Whether an axis has a place for this value, be it within its limits or not.
pub(crate) fn is_drawable(axis: &Axis, value: f64) -> Result<(), Refused> {
    if value.is_nan() || value.abs() > LARGEST {
        return Err(Refused::NoNumber);
    }
    match &axis.scale {
        Scale::Linear => Ok(()),
        Scale::Log10 if value >= SMALLEST => Ok(()),
        Scale::Log10 => Err(Refused::NotPositive),
        Scale::Band(names) if value > -0.5 && value < names.len() as f64 - 0.5 => Ok(()),
        Scale::Band(_) => Err(Refused::Outside),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(axis: &Axis, values: &[f64]) -> (f64, f64) {
        let mut span = Span::default();
        values.iter().for_each(|&value| span.add(axis, value));
        let Limits { low, high } = span.limits(axis);
        (low, high)
    }

    #[test]
    fn limits_are_those_of_the_data_with_a_little_room() {
        assert_eq!(limits(&Axis::linear(""), &[0.0, 100.0, f64::NAN, f64::INFINITY]), (-4.0, 104.0));
        assert_eq!(limits(&Axis::linear(""), &[5.0, 5.0]), (4.5, 5.5));
        assert_eq!(limits(&Axis::linear(""), &[0.0]), (-1.0, 1.0));
        assert_eq!(limits(&Axis::linear(""), &[]), (0.0, 1.0));
        assert_eq!(limits(&Axis::linear("").range(0.0, 2.0), &[5.0]), (0.0, 2.0));
        assert_eq!(limits(&Axis::linear("").range(2.0, 2.0), &[5.0]), (4.5, 5.5));
        assert_eq!(limits(&Axis::band("", ["a", "b"]), &[7.0]), (-0.5, 1.5));
    }

    #[test]
    fn bars_stand_on_the_end_of_their_axis() {
        let axis = Axis::linear("");
        let mut span = Span::default();
        span.add_edge(&axis, 0.0);
        span.add(&axis, 100.0);
        assert_eq!(span.limits(&axis), Limits { low: 0.0, high: 104.0 });
    }

    #[test]
    fn logarithms_leave_out_what_is_not_positive() {
        let (low, high) = limits(&Axis::log10(""), &[-1.0, 0.0, 0.1, 10.0]);
        assert!((low.log10() + 1.08).abs() < 1e-9 && (high.log10() - 1.08).abs() < 1e-9);
        let (low, high) = limits(&Axis::log10(""), &[1e-300, 1e300]);
        assert!(low > 0.0 && high.is_finite());
    }
}
