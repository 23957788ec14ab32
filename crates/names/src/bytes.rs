//! Amounts of memory as messages say them.

/// So many bytes in the largest unit that leaves a number of at least one.
///
/// ```
/// use tunefork_names::bytes;
///
/// assert_eq!((bytes(512), bytes(3 << 19), bytes(4 << 30)), ("512 bytes".into(), "1.5 MiB".into(), "4 GiB".into()));
/// ```
pub fn bytes(count: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    match units.iter().find(|(_, shift)| count >> shift > 0) {
        Some((unit, shift)) if count.trailing_zeros() >= *shift => format!("{} {unit}", count >> shift),
        Some((unit, shift)) => format!("{:.1} {unit}", count as f64 / (1_u64 << shift) as f64),
        None if count == 1 => "1 byte".to_string(),
        None => format!("{count} bytes"),
    }
}
