//! The studies that schedulers are tried in.

use crate::{Decision, FreeSlot, Scheduler};
use tunefork_rng::{Key, Purpose, Stream};
use tunefork_space::{Point, Space};
use tunefork_trial::{Direction, History, Report, TrialNumber, TrialState};

/// The steps of a trial that runs to its end.
pub(super) const STEPS: u32 = 12;

/// Trials with a level and some noise each.
#[derive(Clone, Copy)]
pub(super) struct Study {
    pub direction: Direction,
    pub trials: u32,
    pub slots: usize,
    /// Mixes in reports that are NaN or infinite.
    pub ugly: bool,
    /// Whether a few trials fail.
    pub failing: bool,
}

impl Default for Study {
    fn default() -> Self {
        Self { direction: Direction::Minimize, trials: 40, slots: 4, ugly: false, failing: true }
    }
}

/// Plays a study to its end, as an executor does, and tells each decision right after it was made.
pub(super) fn play(
    study: Study,
    scheduler: &mut dyn Scheduler,
    mut told: impl FnMut(&History, TrialNumber, Decision),
) -> History {
    let mut stream = Key::study(2).stream(Purpose::Generate);
    let mut history = History::new(Space::default(), study.direction);
    let mut levels: Vec<f64> = Vec::new();
    let mut live: Vec<TrialNumber> = Vec::new();
    let sign = study.direction.loss(1.0);
    loop {
        while live.len() < study.slots {
            let new_trials = history.len() < study.trials as usize;
            if let Some(trial) = scheduler.resume(&history, FreeSlot { new_trials }) {
                history.resume(trial).expect("a scheduler resumes paused trials");
                live.push(trial);
            } else if new_trials {
                let trial = history.next_number();
                history.start(trial, Point::default()).expect("the next number");
                levels.push(stream.f64());
                live.push(trial);
            } else {
                break;
            }
        }
        if live.is_empty() {
            break;
        }
        let place = stream.below(live.len() as u64) as usize;
        let trial = live[place];
        let step = history.last_report(trial).map_or(1, |report| report.step + 1);
        let level = levels[trial.index()];
        let value = sign * any_value(level, study.ugly, &mut stream);
        history.report(trial, Report { step, value }).expect("steps grow");
        let decision = if step == STEPS { Decision::Continue } else { scheduler.decide(&history, trial) };
        told(&history, trial, decision);
        let fails = study.failing && stream.below(60) == 0;
        match decision {
            Decision::Pause => history.pause(trial).expect("it runs"),
            Decision::Stop => history.finish(trial, TrialState::Pruned, Some(value)).expect("it runs"),
            Decision::Continue if fails => history.finish(trial, TrialState::Failed, None).expect("it runs"),
            Decision::Continue if step == STEPS => {
                history.finish(trial, TrialState::Complete, Some(sign * level)).expect("it runs");
            }
            Decision::Continue => continue,
        }
        live.remove(place);
    }
    for trial in history.numbers() {
        if history.state(trial) == TrialState::Paused {
            let last = history.last_report(trial).map(|report| report.value);
            history.finish(trial, TrialState::Pruned, last).expect("it is paused");
        }
    }
    history
}

fn any_value(level: f64, ugly: bool, stream: &mut Stream) -> f64 {
    let noisy = level + 0.2 * stream.f64();
    match stream.below(20) {
        0 if ugly => f64::NAN,
        1 if ugly => f64::INFINITY,
        2 if ugly => f64::NEG_INFINITY,
        _ => noisy,
    }
}
