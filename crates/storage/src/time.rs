//! Times of day as Optuna's tables have them.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::time::SystemTime;

/// The time now as Optuna 5 writes it: UTC with six digits.
pub(crate) fn now() -> String {
    text(SystemTime::now())
}

/// In UTC. A clock that is beyond all calendars is told as the end of theirs.
fn text(time: SystemTime) -> String {
    let time = Timestamp::try_from(time).unwrap_or(Timestamp::MAX);
    time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S.%6f").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn any_clock_gives_a_time_that_optuna_reads() {
        let after = |micros| text(SystemTime::UNIX_EPOCH + Duration::from_micros(micros));
        assert_eq!(after(1_000_000_000_250_000), "2001-09-09 01:46:40.250000");
        assert_eq!(after(400_000_000_000_000_000), "9999-12-30 22:00:00.999999");
    }
}
