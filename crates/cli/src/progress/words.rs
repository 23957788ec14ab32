//! Figures of a line that is looked at while it changes: short, and always about as wide.

use crate::output::about;

/// Four digits: `.8785`, `2.304`, `123.4`.
pub(super) fn four(value: f64) -> String {
    let places = match value.abs() {
        ..0.99995 => 4,
        ..9.9995 => 3,
        ..99.995 => 2,
        ..999.95 => 1,
        ..99999.5 => 0,
        _ => return format!("{value:.2e}"),
    };
    if value != 0.0 && value.abs() < 1e-3 {
        return format!("{value:.1e}");
    }
    let text = format!("{value:.places$}");
    match text.strip_prefix("0.") {
        Some(digits) => format!(".{digits}"),
        None => text.replacen("-0.", "-.", 1),
    }
}

/// So many in a second: `890/s`, `2.3k/s`, `1.2M/s`.
pub(super) fn speed(per_second: f64) -> String {
    match per_second {
        ..999.5 => format!("{per_second:.0}/s"),
        ..9_950.0 => format!("{:.1}k/s", per_second / 1e3),
        ..999_500.0 => format!("{:.0}k/s", per_second / 1e3),
        _ => format!("{:.1}M/s", per_second / 1e6),
    }
}

/// Time as clocks show it: `0:21`, `4:10`, `1:02:03`.
pub(super) fn clock(seconds: f64) -> String {
    let seconds = seconds as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// What is left: `~3 min left`. Seconds are told in fives, for they are not known better.
pub(super) fn left(seconds: f64) -> String {
    let seconds = match seconds {
        ..10.0 => seconds.ceil().max(1.0),
        ..90.0 => (seconds / 5.0).round() * 5.0,
        _ => seconds,
    };
    format!("~{} left", about(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_four_digits() {
        let figures = [0.8785, 0.99999, 1.0, 2.30449, 45.678, 123.456, 4321.0, 1.5e7, 0.0012, 0.00012, 0.0, -0.5];
        let told = figures.map(four);
        let expected = [
            ".8785", "1.000", "1.000", "2.304", "45.68", "123.5", "4321", "1.50e7", ".0012", "1.2e-4", ".0000",
            "-.5000",
        ];
        assert_eq!(told, expected);
        assert_eq!(four(f64::NAN), "NaN");
    }

    #[test]
    fn speeds_and_times_are_short() {
        let speeds = [3.2, 999.4, 999.6, 2345.0, 23_456.0, 1_234_567.0].map(speed);
        assert_eq!(speeds, ["3/s", "999/s", "1.0k/s", "2.3k/s", "23k/s", "1.2M/s"]);
        assert_eq!([0.9, 21.0, 250.0, 3723.0].map(clock), ["0:00", "0:21", "4:10", "1:02:03"]);
        let left = [0.0, 4.2, 43.0, 200.0, 7200.0].map(left);
        assert_eq!(left, ["~1 s left", "~5 s left", "~45 s left", "~3 min left", "~2.0 h left"]);
    }
}
