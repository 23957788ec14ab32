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
