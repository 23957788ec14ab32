//! Lines for files, pipes and logs: what matters at once, everything else in a line every few seconds at most.

use std::time::{Duration, Instant};

use tunefork::report::counted;
use tunefork::study::{Event, Observer};
use tunefork::trial::TrialState;
use tunefork::{Listener, StudySpec};

use super::layout;
use super::standing::{Finished, Standing};
use super::words::{four, speed};
use crate::output::say;

/// The least time between two lines that only say how far it is.
const PAUSE: Duration = Duration::from_secs(3);

pub(super) struct Lines {
    standing: Standing,
    looked: Instant,
    /// When it was last said how far it is.
    told: Option<Instant>,
    /// A trial that has ended since, of several the best or the last.
    ended: Option<Finished>,
}

impl Lines {
    pub(super) fn new(spec: &StudySpec) -> Self {
        Self { standing: Standing::new(spec), looked: Instant::now(), told: None, ended: None }
    }

    /// What is told at an event. What comes sooner after another line is counted in the next one.
    fn news(&mut self, event: &Event<'_>) -> Option<String> {
        let ended = self.standing.hear(event);
        let tally = self.standing.tally();
        // What goes wrong once may go wrong for all.
        let is_first_failure =
            ended.as_ref().is_some_and(|trial| trial.state == TrialState::Failed && tally.failed == 1);
        if let Some(trial) = ended {
            let matters = trial.is_best || is_first_failure;
            self.ended = self.ended.take().filter(|other| other.is_best && !matters).or(Some(trial));
        }
        if !is_first_failure && self.told.is_some_and(|told| told.elapsed() < PAUSE) {
            return None;
        }
        let news = match (self.ended.take(), event) {
            (Some(trial), _) => layout::ended(&trial, self.standing.objective(), None, false),
            (None, Event::EpochComputed { number, step, report }) => {
                let objective = layout::short(self.standing.objective());
                let epochs = self.standing.epochs_of(number.0);
                let speed = report.timing.map(|timing| format!("  {}", speed(timing.images_per_second)));
                let (value, speed) = (four(report.value), speed.unwrap_or_default());
                format!("#{number} epoch {step}/{epochs}  {objective} {value}{speed}")
            }
            (None, _) => return None,
        };
        Some(format!("{}  |  {news}", layout::status_text(&tally)))
    }
}

impl Listener for Lines {}

impl Observer for Lines {
    fn event(&mut self, event: &Event<'_>) {
        let now = Instant::now();
        self.standing.pass((now - std::mem::replace(&mut self.looked, now)).as_secs_f64());
        if let Some(news) = self.news(event) {
            self.told = Some(now);
            say(news);
        }
        if let Some(line) = line(event) {
            say(line);
        }
    }
}

/// What is told of an event at once, wherever it is told; nothing of trials that come, go on and end.
pub(super) fn line(event: &Event<'_>) -> Option<String> {
    Some(match event {
        Event::StudyStarted { known_trials: 0, budget } => {
            format!("a new study of {}", counted(*budget as usize, "trial"))
        }
        Event::StudyStarted { known_trials, budget } => {
            let all = counted(*budget as usize, "trial");
            format!("going on with {known_trials} of {all} known")
        }
        Event::TrialRetried { number, failure } => {
            format!("trial {number} begins again: {failure}")
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
        | Event::TrialPaused { .. }
        | Event::TrialResumed { .. }
        | Event::TrialFinished { .. } => return None,
    })
}
