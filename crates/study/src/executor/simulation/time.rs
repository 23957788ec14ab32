//! The wall time of a study, and its limit.

use super::Simulation;
use crate::{StudyError, Workload};
use std::time::{Duration, Instant};

/// Shortest time between two notes of the time that a study has taken. What a killed process has taken since its
/// last note is not counted.
const NOTE_EVERY: Duration = Duration::from_secs(1);

/// Measures the time that a study takes over all its runs.
pub(super) struct Time {
    /// What runs before this one have taken.
    before: Duration,
    begun: Instant,
    limit: Option<Duration>,
    /// The time that stands in the storage.
    noted: Duration,
    /// Whether anything was written since.
    is_behind: bool,
}

impl Time {
    pub(super) fn new(before: Duration, limit: Option<Duration>) -> Self {
        Time { before, begun: Instant::now(), limit, noted: before, is_behind: false }
    }

    fn elapsed(&self) -> Duration {
        self.before + self.begun.elapsed()
    }

    fn is_over(&self) -> bool {
        self.limit.is_some_and(|limit| self.elapsed() >= limit)
    }

    /// The time to note, if the last note is old.
    pub(super) fn due(&self) -> Option<Duration> {
        let elapsed = self.elapsed();
        (elapsed - self.noted >= NOTE_EVERY).then_some(elapsed)
    }

    /// Something was written, and this note with it.
    pub(super) fn wrote(&mut self, note: Option<Duration>) {
        self.is_behind = note.is_none();
        self.noted = note.unwrap_or(self.noted);
    }
}

impl<W: Workload> Simulation<'_, W> {
    /// Sees to it that no more epochs are begun once the study has taken the time that it may, and says whether it has. The
    /// first epoch is trained whatever the limit, for there is no best so far without it.
    pub(super) fn drain_if_over(&self) -> bool {
        let is_over = self.time.is_over() && self.has_result;
        if is_over {
            self.board.drain();
        }
        is_over
    }

    /// Notes at the end of a run what the study has taken. One that has changed nothing leaves the storage as it is.
    pub(super) fn write_time(&mut self) -> Result<(), StudyError> {
        match self.time.is_behind || !self.unwritten.is_empty() {
            true => self.commit_with(&[], Some(self.time.elapsed())),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Five seconds into a run, after three seconds of former ones.
    fn running(limit: Option<Duration>) -> Time {
        let time = Time::new(3 * SECOND, limit);
        Time { begun: time.begun.checked_sub(5 * SECOND).unwrap(), ..time }
    }

    #[test]
    fn the_time_is_noted_from_second_to_second() {
        assert_eq!(Time::new(3 * SECOND, None).due(), None, "it is noted already");
        let mut time = running(None);
        let due = time.due().unwrap();
        assert!((8 * SECOND..9 * SECOND).contains(&due), "{due:?}");
        time.wrote(Some(due));
        assert_eq!((time.due(), time.noted, time.is_behind), (None, due, false));
        time.wrote(None);
        assert_eq!((time.noted, time.is_behind), (due, true));
    }

    #[test]
    fn the_time_of_former_runs_counts() {
        assert!(!running(None).is_over());
        assert!(running(Some(8 * SECOND)).is_over());
        assert!(!running(Some(60 * SECOND)).is_over());
    }
}
