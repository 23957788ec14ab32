//! How figures are written for people.

use tunefork_names::thousands;
use tunefork_space::{Domain, Value};

/// A figure with four digits after the point, or as few as tell it where that says too little or too much.
///
/// ```
/// use tunefork_report::figure;
///
/// assert_eq!(figure(0.51234), "0.5123");
/// assert_eq!(figure(1.234e-5), "1.234e-5");
/// ```
pub fn figure(value: f64) -> String {
    match value.abs() {
        size if value != 0.0 && !(1e-3..1e5).contains(&size) => format!("{value:.3e}"),
        _ => format!("{value:.4}"),
    }
}

/// A figure with the standard deviation that it has, if it is a mean; the deviation has no more digits than
/// the figure.
///
/// ```
/// use tunefork_report::with_deviation;
///
/// assert_eq!(with_deviation(0.9372, Some(0.0012)), "0.9372 ± 0.0012");
/// assert_eq!(with_deviation(0.9372, Some(0.00004)), "0.9372 ± 0.0000");
/// assert_eq!(with_deviation(0.9372, None), "0.9372");
/// ```
pub fn with_deviation(value: f64, deviation: Option<f64>) -> String {
    match deviation {
        Some(deviation) => format!("{} ± {}", figure(value), figure_beside(deviation, value)),
        None => figure(value),
    }
}

/// A figure with no more digits than `other` has, which it stands beside.
pub(crate) fn figure_beside(value: f64, other: f64) -> String {
    match value.abs() < 1e-3 && other.abs() >= 1e-3 {
        true => format!("{value:.4}"),
        false => figure(value),
    }
}

/// A share as percent, with a digit behind the point where it is small.
pub(crate) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent.abs() < 9.95 { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
}

/// Seconds as people say them.
///
/// ```
/// use tunefork_report::duration;
///
/// assert_eq!(duration(4.25), "4.2 s");
/// assert_eq!(duration(75.0), "1 min 15 s");
/// assert_eq!(duration(7260.0), "2 h 01 min");
/// ```
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// Digits that tell a setting from its neighbours: nobody chooses a learning rate by its fifth.
const DIGITS: i32 = 4;

/// A parameter's value for people: a number with four digits, unless it was written with few.
///
/// ```
/// use tunefork_report::value_text;
///
/// assert_eq!(value_text(&0.0005436546935911981.into()), "0.0005437");
/// assert_eq!(value_text(&1.23456e-7.into()), "1.235e-7");
/// assert_eq!(value_text(&0.25.into()), "0.25");
/// assert_eq!(value_text(&12345.678.into()), "12346");
/// assert_eq!(value_text(&"adam".into()), "adam");
/// ```
pub fn value_text(value: &Value) -> String {
    match value {
        Value::Float(number) if number.is_finite() && *number != 0.0 => {
            let exponent = number.abs().log10().floor() as i32;
            let rounded = match exponent {
                -4..15 => format!("{number:.*}", (DIGITS - 1 - exponent).max(0) as usize),
                _ => format!("{number:.*e}", DIGITS as usize - 1),
            };
            let written = value.to_string();
            if written.len() <= rounded.len() { written } else { rounded }
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => value.to_string(),
    }
}

/// Choices of a domain that are named; what is left of more is counted.
const NAMED: usize = 10;

/// A domain with no more of its choices than a reader looks at.
///
/// ```
/// use tunefork_report::shortened;
/// use tunefork_space::Domain;
///
/// let many = Domain::choice((0..1000).map(i64::from))?;
/// assert_eq!(shortened(&many), "{0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 990 more}");
/// # Ok::<(), tunefork_space::DomainError>(())
/// ```
pub fn shortened(domain: &Domain) -> String {
    match domain {
        Domain::Categorical { choices, .. } if choices.len() > NAMED + 1 => {
            let named: Vec<String> = choices.iter().take(NAMED).map(Value::to_string).collect();
            format!("{{{} and {} more}}", named.join(", "), thousands((choices.len() - NAMED) as u64))
        }
        Domain::Categorical { .. } | Domain::Float { .. } | Domain::Int { .. } => domain.to_string(),
    }
}
