//! How figures are written for people.

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

/// A whole number with a comma at every thousand.
///
/// ```
/// use tunefork_report::thousands;
///
/// assert_eq!((thousands(7), thousands(421_834), thousands(1_000_000)), ("7".into(), "421,834".into(), "1,000,000".into()));
/// ```
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// So many of something that has an ordinary plural.
///
/// ```
/// use tunefork_report::counted;
///
/// assert_eq!((counted(1, "trial"), counted(3_000, "trial")), ("1 trial".into(), "3,000 trials".into()));
/// ```
pub fn counted(count: usize, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", thousands(count as u64))
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
