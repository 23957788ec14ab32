//! Where an axis has ticks, and what stands at them.

use crate::limits::Limits;
use crate::number::{clock, exponent_of, fixed, power};
use crate::{Axis, Scale, Unit};

/// A place on an axis with its label.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    pub(crate) value: f64,
    pub(crate) label: String,
}

/// Stretches of time that people count in, in seconds; from a day on they are powers of ten again.
const STRETCHES: [f64; 16] =
    [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 10800.0, 21600.0];
const DAY: f64 = 86_400.0;

/// How an axis writes seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Clock {
    Seconds,
    Minutes,
    Hours,
    Days,
}

impl Clock {
    fn of(limits: Limits) -> Self {
        match limits.low.abs().max(limits.high.abs()) {
            longest if longest < 120.0 => Self::Seconds,
            longest if longest < 7200.0 => Self::Minutes,
            longest if longest < 5.0 * DAY => Self::Hours,
            _ => Self::Days,
        }
    }
}

/// The label of an axis with its unit.
pub(crate) fn heading(axis: &Axis, limits: Limits) -> String {
    let unit = match &axis.unit {
        Unit::None => return axis.label.clone(),
        Unit::Percent => "%",
        Unit::Named(name) if name.is_empty() => return axis.label.clone(),
        Unit::Named(name) => name,
        Unit::Seconds if axis.scale == Scale::Log10 => "s",
        Unit::Seconds => match Clock::of(limits) {
            Clock::Seconds => "s",
            Clock::Minutes => "min:s",
            Clock::Hours => "h:min",
            Clock::Days => "days",
        },
    };
    if axis.label.is_empty() { String::new() } else { format!("{} ({unit})", axis.label) }
}

/// Ticks of a linear or logarithmic axis, at most so many (and at least two places apart, if the limits have any). Axes of
/// categories have their names instead.
pub(crate) fn ticks(axis: &Axis, limits: Limits, most: usize) -> Vec<Tick> {
    let factor = if axis.unit == Unit::Percent { 100.0 } else { 1.0 };
    match (&axis.scale, &axis.unit) {
        (Scale::Band(_), _) => Vec::new(),
        (Scale::Log10, _) => {
            let ticks = logarithmic(limits, most, factor);
            // Within a part of a decade, even steps say more than one power of ten.
            if ticks.len() < 2 { linear(limits, most, factor, axis.is_whole) } else { ticks }
        }
        (Scale::Linear, Unit::Seconds) => durations(limits, most),
        (Scale::Linear, _) => linear(limits, most, factor, axis.is_whole),
    }
}

/// Steps of 1, 2 or 5 times a power of ten: the shortest of which there are not too many.
fn linear(limits: Limits, most: usize, factor: f64, is_whole: bool) -> Vec<Tick> {
    let (low, high) = (limits.low * factor, limits.high * factor);
    let most = most.max(1);
    let shortest = high / most as f64 - low / most as f64;
    if !(shortest.is_finite() && shortest > 1e-300) {
        return Vec::new();
    }
    let first = if is_whole { exponent_of(shortest).max(0) } else { exponent_of(shortest) };
    let steps = (first..).flat_map(|exponent| [1.0, 2.0, 5.0].map(|digit| (digit, exponent)));
    for (digit, exponent) in steps.take(7) {
        let values = multiples(low, high, digit, exponent, most);
        if let Some(values) = values {
            let largest = low.abs().max(high.abs());
            return labelled(&values, digit, exponent, largest, factor);
        }
    }
    Vec::new()
}

/// The multiples of a step within the limits, as pairs of value and count of steps, if there are not too many.
fn multiples(low: f64, high: f64, digit: f64, exponent: i32, most: usize) -> Option<Vec<(f64, f64)>> {
    // Divided by a power that is exact where it can be: three times 0.1 is not 0.3.
    let times = |count: f64| {
        let units = count * digit;
        if (-300..0).contains(&exponent) { units / 10f64.powi(-exponent) } else { units * 10f64.powi(exponent) }
    };
    let step = times(1.0);
    let slack = 1e-9;
    let (first, last) = ((low / step - slack).ceil(), (high / step + slack).floor());
    let is_countable = first.abs() < 1e15 && last.abs() < 1e15;
    if !is_countable || last - first + 1.0 > most as f64 {
        return None;
    }
    let count = (last - first + 1.0).max(0.0) as usize;
    Some((0..count).map(|i| first + i as f64).map(|count| (times(count), count)).collect())
}

fn labelled(values: &[(f64, f64)], digit: f64, exponent: i32, largest: f64, factor: f64) -> Vec<Tick> {
    let is_plain = (1e-4..1e7).contains(&largest) && exponent >= -6;
    let label = |value: f64, count: f64| {
        if is_plain {
            fixed(value, (-exponent).max(0) as usize)
        } else if count == 0.0 {
            String::from("0")
        } else {
            // All numbers of an axis have the same exponent, so that they can be compared.
            let shared = exponent_of(largest);
            let units = count * digit * 10f64.powi(exponent - shared);
            power(&fixed(units, (shared - exponent).max(0) as usize), shared)
        }
    };
    values.iter().map(|&(value, count)| Tick { value: value / factor, label: label(value, count) }).collect()
}

/// Decades, or every so many decades, or with 2 and 5 between them: as many as there is room for.
fn logarithmic(limits: Limits, most: usize, factor: f64) -> Vec<Tick> {
    let (low, high) = (limits.low * factor, limits.high * factor);
    if !(low > 1e-305 && high < 1e305) {
        return Vec::new();
    }
    let (first, last) = (exponent_of(low), exponent_of(high));
    let within = |digit: u32, exponent: i32| {
        let value = f64::from(digit) * 10f64.powi(exponent);
        (value >= low * (1.0 - 1e-9) && value <= high * (1.0 + 1e-9)).then_some((digit, exponent))
    };
    let of_digits = |digits: &[u32], stride: i32| -> Vec<(u32, i32)> {
        let exponents = (first..=last).filter(|exponent| exponent.rem_euclid(stride) == 0);
        exponents.flat_map(|exponent| digits.iter().filter_map(move |&digit| within(digit, exponent))).collect()
    };
    let dense = [&[1, 2, 5][..], &[1, 3]].map(|digits| of_digits(digits, 1));
    let sparse = [1, 2, 3, 5, 10, 20, 50, 100, 200].map(|stride| of_digits(&[1], stride));
    let chosen = dense.into_iter().chain(sparse).find(|ticks| ticks.len() <= most.max(2)).unwrap_or_default();
    let lowest = if chosen.iter().all(|tick| tick.0 == 1) { -3 } else { -4 };
    let is_plain = chosen.iter().all(|&(_, exponent)| (lowest..=5).contains(&exponent));
    let label = |digit: u32, exponent: i32| {
        let value = f64::from(digit) * 10f64.powi(exponent);
        if is_plain { fixed(value, (-exponent).max(0) as usize) } else { power(&digit.to_string(), exponent) }
    };
    chosen
        .iter()
        .map(|&(digit, exponent)| Tick {
            value: f64::from(digit) * 10f64.powi(exponent) / factor,
            label: label(digit, exponent),
        })
        .collect()
}

/// Ticks of seconds, minutes, hours or days.
fn durations(limits: Limits, most: usize) -> Vec<Tick> {
    let clock_of_axis = Clock::of(limits);
    let length = limits.high - limits.low;
    if clock_of_axis == Clock::Days {
        return linear(limits, most, 1.0 / DAY, false);
    }
    let count = |step: &f64| (limits.high / step).floor() - (limits.low / step).ceil() + 1.0;
    let step = STRETCHES.into_iter().chain([DAY / 2.0, DAY, 2.0 * DAY]).find(|step| count(step) <= most.max(1) as f64);
    // Within two seconds there are tenths of them; within half a minute of an hour, minutes would all look alike.
    let smallest = if clock_of_axis == Clock::Hours { 60.0 } else { 1.0 };
    let Some(step) = step.filter(|&step| step >= smallest && length > step) else {
        return linear(limits, most, 1.0, false);
    };
    let (first, last) = ((limits.low / step).ceil(), (limits.high / step).floor());
    let label = |value: f64| match clock_of_axis {
        Clock::Seconds => fixed(value, 0),
        Clock::Minutes => clock(value),
        Clock::Hours | Clock::Days => clock(value / 60.0),
    };
    (0..=(last - first).max(0.0) as usize)
        .map(|i| (first + i as f64) * step)
        .map(|value| Tick { value, label: label(value) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: Axis, low: f64, high: f64, most: usize) -> String {
        let ticks = ticks(&axis, Limits { low, high }, most);
        ticks.into_iter().map(|tick| tick.label).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn linear_ticks_are_at_1_2_5_with_the_digits_of_their_step() {
        let cases = [
            (0.0, 1.0, 6, "0.0 0.2 0.4 0.6 0.8 1.0"),
            (0.917, 0.963, 5, "0.92 0.93 0.94 0.95 0.96"),
            (0.917, 0.963, 3, "0.92 0.94 0.96"),
            (-30.0, 1040.0, 6, "0 200 400 600 800 1,000"),
            (-1.0, 1.0, 5, "−1.0 −0.5 0.0 0.5 1.0"),
            (0.0, 3e9, 4, "0 10⁹ 2×10⁹ 3×10⁹"),
            (0.0, 2.5e-7, 3, "0 10⁻⁷ 2×10⁻⁷"),
            (9.8e7, 1.02e8, 3, "0.98×10⁸ 1.00×10⁸ 1.02×10⁸"),
        ];
        for (low, high, most, expected) in cases {
            assert_eq!(labels(Axis::linear(""), low, high, most), expected);
        }
    }

    #[test]
    fn whole_numbers_have_no_ticks_between_them() {
        assert_eq!(labels(Axis::linear("").whole(), 0.8, 3.2, 8), "1 2 3");
    }

    #[test]
    fn shares_are_written_as_percentages() {
        let axis = Axis::linear("").percent();
        assert_eq!(labels(axis.clone(), 0.9, 0.93, 4), "90 91 92 93");
        assert_eq!(labels(axis, 0.92, 0.923, 4), "92.0 92.1 92.2 92.3");
    }

    #[test]
    fn logarithmic_ticks_are_decades_with_2_and_5_where_there_is_room() {
        let cases = [
            (1e-5, 1e-1, 6, "10⁻⁵ 10⁻⁴ 10⁻³ 10⁻² 10⁻¹"),
            (0.001, 1.0, 5, "0.001 0.01 0.1 1"),
            (3e-4, 3e-3, 5, "0.0005 0.001 0.002"),
            (1.0, 1e6, 4, "10⁰ 10² 10⁴ 10⁶"),
            (1e-300, 1e300, 4, "10⁻²⁰⁰ 10⁰ 10²⁰⁰"),
            (20.0, 24.0, 5, "20 21 22 23 24"),
        ];
        for (low, high, most, expected) in cases {
            assert_eq!(labels(Axis::log10(""), low, high, most), expected);
        }
    }

    #[test]
    fn seconds_are_told_as_people_tell_them() {
        let cases = [
            (0.0, 60.0, 5, "0 15 30 45 60", "t (s)"),
            (0.0, 300.0, 6, "0:00 1:00 2:00 3:00 4:00 5:00", "t (min:s)"),
            (0.0, 14_400.0, 5, "0:00 1:00 2:00 3:00 4:00", "t (h:min)"),
            (0.0, 10_800.0, 8, "0:00 0:30 1:00 1:30 2:00 2:30 3:00", "t (h:min)"),
            (0.0, 864_000.0, 6, "0 2 4 6 8 10", "t (days)"),
            (0.0, 1.0, 3, "0.0 0.5 1.0", "t (s)"),
        ];
        for (low, high, most, expected, label) in cases {
            assert_eq!(labels(Axis::linear("t").seconds(), low, high, most), expected);
            assert_eq!(heading(&Axis::linear("t").seconds(), Limits { low, high }), label);
        }
    }

    #[test]
    fn limits_without_length_have_no_ticks() {
        assert_eq!(labels(Axis::linear(""), 1.0, 1.0, 5), "");
        assert_eq!(labels(Axis::linear(""), -1e308, 1e308, 5).split(' ').count(), 5);
    }
}
