//! One line per event, for files and pipes.

use tunefork::report::{counted, figure};
use tunefork::study::{Event, Observer};
use tunefork::trial::TrialState;
use tunefork::{Listener, StudySpec};

use super::{Epochs, epoch_words};
use crate::output::{on_a_line, say};

/// Prints a line for each thing that is news.
pub(super) struct Lines {
    epochs: Epochs,
    objective: String,
}

impl Lines {
    pub(super) fn new(spec: &StudySpec) -> Self {
        let objective = spec.objective().to_string();
        Self { epochs: Epochs::default(), objective }
    }
}

impl Listener for Lines {}

impl Observer for Lines {
    fn event(&mut self, event: &Event<'_>) {
        self.epochs.hear(event);
        if let Some(line) = line(event, &self.epochs, &self.objective) {
            say(line);
        }
    }
}

/// What an event is told as; nothing for what was known or is told by another event.
pub(super) fn line(event: &Event<'_>, epochs: &Epochs, objective: &str) -> Option<String> {
    Some(match event {
        Event::StudyStarted { known_trials: 0, budget } => {
            format!("a new study of {}", counted(*budget as usize, "trial"))
        }
        Event::StudyStarted { known_trials, budget } => {
            let all = counted(*budget as usize, "trial");
            format!("going on with {known_trials} of {all} known")
        }
        Event::TrialStarted { number, params, known: false, .. } => {
            format!("trial {number} started: {}", on_a_line(params))
        }
        Event::TrialRetried { number, failure } => {
            format!("trial {number} begins again: {failure}")
        }
        Event::Reported { number, epoch, known: false } => {
            format!("trial {number} epoch {}/{}: {}", epoch.step, epochs.of(number.0), epoch_words(&epoch.report))
        }
        Event::TrialFinished { number, state, value, end, best, known: false } => {
            let mut line = format!("trial {number} {state}");
            if let Some(value) = value {
                line.push_str(&format!(": {objective} {}", figure(*value)));
            }
            if !end.message.is_empty() {
                line.push_str(&format!(": {}", end.message));
            }
            if *best {
                line.push_str(" (best so far)");
            }
            line
        }
        // It is told again when it has ended.
        Event::Outside { trial } if trial.state == TrialState::Waiting => return None,
        Event::Outside { trial } => format!("trial {} is another program's: {}", trial.number, trial.state),
        Event::Warning { message } => format!("warning: {message}"),
        Event::Waiting { path } => format!(
            "{} is locked by another program; waiting for it, while training goes on as far as it may",
            path.display()
        ),
        Event::TrialStarted { .. }
        | Event::EpochComputed { .. }
        | Event::Reported { .. }
        | Event::TrialFinished { .. } => return None,
    })
}
