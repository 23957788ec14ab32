//! Numbers as messages say them.

/// A number in as few letters as it takes: `0.1`, `3`, `1e300`.
///
/// ```
/// use tunefork_names::number;
///
/// assert_eq!((number(3.0), number(0.25), number(1e300), number(1e-60)), ("3".into(), "0.25".into(), "1e300".into(), "1e-60".into()));
/// ```
pub fn number(value: f64) -> String {
    match value.abs() {
        // As many zeros as a reader can count.
        size if size == 0.0 || (1e-5..1e16).contains(&size) => format!("{value}"),
        _ => format!("{value:?}"),
    }
}
