//! Moments as Ray writes them: seconds since 1970, and text.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// A stored time, `2026-11-21 18:00:00.000000` in UTC, in seconds since 1970.
pub(super) fn seconds(text: &str) -> Option<f64> {
    let time: DateTime = text.parse().ok()?;
    let time = time.to_zoned(TimeZone::UTC).ok()?;
    Some(time.timestamp().as_microsecond() as f64 / 1e6)
}

/// Seconds since 1970 as `2026-11-21_18-00-00`, in UTC.
pub(super) fn dashed(seconds: f64) -> String {
    let time = Timestamp::from_second(seconds as i64).unwrap_or(Timestamp::UNIX_EPOCH);
    time.strftime("%Y-%m-%d_%H-%M-%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_and_written() {
        assert_eq!(seconds("1970-01-02 00:00:01.500000"), Some(86_401.5));
        assert_eq!(seconds("yesterday"), None);
        assert_eq!(dashed(86_401.5), "1970-01-02_00-00-01");
    }
}
