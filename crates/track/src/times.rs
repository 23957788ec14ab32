//! When the things happened that a study tells.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use tunefork_study::{Event, StudyRecord, Timing};

/// Wall times of a study's events in seconds since 1970. What is news happens now. What was known has its stored start and end, and
/// epochs between them by what each took, so that curves written later have the same time axis.
#[derive(Debug)]
pub(crate) struct Times {
    /// Stored start and end by trial.
    stored: BTreeMap<u32, (Option<f64>, Option<f64>)>,
    /// How far each known trial has come.
    reached: BTreeMap<u32, f64>,
}

impl Times {
    pub(crate) fn new(known: Option<&StudyRecord>) -> Self {
        let trials = known.into_iter().flat_map(|known| &known.trials);
        let times = trials.map(|trial| {
            let of = |time: &Option<String>| time.as_deref().and_then(seconds);
            (trial.number.0, (of(&trial.observed.started), of(&trial.observed.ended)))
        });
        Self { stored: times.collect(), reached: BTreeMap::new() }
    }

    pub(crate) fn of(&mut self, event: &Event<'_>) -> f64 {
        match event {
            Event::TrialStarted { number, known: true, .. } => {
                let start = self.stored.get(&number.0).and_then(|(start, _)| *start).unwrap_or_else(now);
                self.reached.insert(number.0, start);
                start
            }
            Event::Reported { number, epoch, known: true } => {
                let took = epoch.report.timing.as_ref().map_or(0.0, Timing::all_seconds);
                let reached = self.reached.entry(number.0).or_insert_with(now);
                *reached += took;
                *reached
            }
            Event::TrialFinished { number, known: true, .. } => {
                let end = self.stored.get(&number.0).and_then(|(_, end)| *end);
                end.or(self.reached.remove(&number.0)).unwrap_or_else(now)
            }
            _ => now(),
        }
    }
}

/// The time now, in seconds since 1970.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

/// A stored time, `2026-11-21 18:00:00.000000` in UTC.
fn seconds(text: &str) -> Option<f64> {
    let time: DateTime = text.parse().ok()?;
    let time = time.to_zoned(TimeZone::UTC).ok()?;
    Some(time.timestamp().as_microsecond() as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tunefork_space::Params;
    use tunefork_study::{EpochRecord, EpochReport, StudyHeader, TrialObserved, TrialProgress, TrialRecord};
    use tunefork_trial::{Direction, TrialNumber, TrialState};

    #[test]
    fn stored_times_are_seconds_since_1970() {
        assert_eq!(seconds("1970-01-02 00:00:01.500000"), Some(86_401.5));
        assert_eq!(seconds("yesterday"), None);
    }

    #[test]
    fn known_epochs_lie_behind_the_stored_start() {
        let number = TrialNumber(0);
        let mut study = StudyRecord::new(StudyHeader::new("demo", Direction::Maximize, 0));
        let observed = TrialObserved { started: Some("1970-01-01 00:01:40".to_owned()), ended: None, restarts: 0 };
        study.trials.push(TrialRecord { observed, ..TrialRecord::new(number, TrialState::Running) });
        let mut times = Times::new(Some(&study));
        let (params, progress) = (&Params::default(), &TrialProgress::default());
        let start = Event::TrialStarted {
            number,
            params,
            blueprint: None,
            progress,
            enqueued: false,
            given: None,
            known: true,
        };
        assert_eq!(times.of(&start), 100.0);
        let timing = Some(Timing { seconds: 2.0, validation_seconds: 0.5, ..Timing::default() });
        let report = Arc::new(EpochReport { timing, ..EpochReport::default() });
        let epoch = EpochRecord { step: 1, time: 0, report };
        assert_eq!(times.of(&Event::Reported { number, epoch: &epoch, known: true }), 102.5);
        assert_eq!(times.of(&Event::Reported { number, epoch: &epoch, known: true }), 105.0);
        assert!(times.of(&Event::Reported { number, epoch: &epoch, known: false }) > 1e9);
    }
}
