//! A line for every running trial, the best always visible, finished trials scrolling above.

use std::collections::BTreeMap;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tunefork::data::Progress;
use tunefork::report::figure;
use tunefork::study::{EpochReport, Event, Observer, Timing};
use tunefork::{Listener, StudySpec};

use super::lines::line;
use super::{Epochs, Preparing, epoch_words};
use crate::output::duration;

pub(super) struct Bars {
    all: MultiProgress,
    preparing: Preparing,
    running: BTreeMap<u32, ProgressBar>,
    /// The last line: how many trials are done, and the best.
    best: ProgressBar,
    epochs: Epochs,
    objective: String,
}

impl Bars {
    pub(super) fn new(spec: &StudySpec) -> Self {
        let all = MultiProgress::new();
        let best = all.add(ProgressBar::new(spec.trials().into()));
        best.set_style(style("trials {pos}/{len}  {elapsed}  {msg}"));
        best.set_message("no trial is complete yet");
        best.tick();
        Self {
            all,
            preparing: Preparing::new(),
            running: BTreeMap::new(),
            best,
            epochs: Epochs::default(),
            objective: spec.objective().to_string(),
        }
    }

    fn start(&mut self, number: u32) {
        let bar = self.all.insert_before(&self.best, ProgressBar::new(self.epochs.of(number).into()));
        bar.set_style(style("trial {prefix:<4} {bar:12} {pos}/{len}  {msg}"));
        bar.set_prefix(number.to_string());
        bar.tick();
        self.running.insert(number, bar);
    }

    fn computed(&self, number: u32, step: u32, report: &EpochReport) {
        let Some(bar) = self.running.get(&number) else {
            return;
        };
        let seconds = report.timing.as_ref().map_or(0.0, Timing::all_seconds);
        let left = f64::from(self.epochs.of(number).saturating_sub(step)) * seconds;
        let words = epoch_words(report);
        bar.set_position(step.into());
        bar.set_message(format!("{words}  {} left", duration(left)));
    }

    fn scroll(&self, line: String) {
        // Without a terminal to write to there is nobody to tell.
        let _ = self.all.println(line);
    }
}

impl Listener for Bars {
    fn preparing(&mut self, progress: Progress) {
        self.preparing.show(progress);
    }
}

impl Observer for Bars {
    fn event(&mut self, event: &Event<'_>) {
        self.epochs.hear(event);
        match event {
            Event::TrialStarted { number, .. } => return self.start(number.0),
            Event::EpochComputed { number, step, report } => {
                return self.computed(number.0, *step, report);
            }
            Event::Reported { .. } => return,
            Event::TrialFinished { number, value, best, .. } => {
                if let Some(bar) = self.running.remove(&number.0) {
                    bar.finish_and_clear();
                }
                self.best.inc(1);
                if let (true, Some(value)) = (*best, value) {
                    let (objective, value) = (&self.objective, figure(*value));
                    self.best.set_message(format!("best: trial {number}, {objective} {value}"));
                }
            }
            Event::StudyStarted { .. }
            | Event::TrialRetried { .. }
            | Event::Outside { .. }
            | Event::Waiting { .. }
            | Event::Warning { .. } => {}
        }
        if let Some(line) = line(event, &self.epochs, &self.objective) {
            self.scroll(line);
        }
        self.best.tick();
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.running.values().for_each(ProgressBar::finish_and_clear);
        self.best.finish_and_clear();
    }
}

pub(super) fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
