//! What a running study shows: lines that move on a terminal, lines elsewhere, objects for programs.
//!
//! `standing` hears the events and knows how the study stands, `forecast` how long it will take; `layout` makes lines of
//! that for a width; `live` and `lines` say when they are drawn or printed.

mod downloads;
mod forecast;
mod json;
mod layout;
mod lines;
mod live;
mod standing;
mod words;

use indicatif::{ProgressBar, ProgressStyle};
use tunefork::data::{Progress, Stage};
use tunefork::report::figure;
use tunefork::study::EpochReport;
use tunefork::{Listener, StudySpec};

use crate::screen;

pub(crate) use downloads::Downloads;
pub(crate) use json::epoch_json;

/// The right one for where the output goes.
pub(crate) fn of_study(spec: &StudySpec, json: bool) -> Box<dyn Listener> {
    if json {
        Box::new(json::Json::new(spec))
    } else if screen::is_live() {
        Box::new(live::Live::new(spec))
    } else {
        Box::new(lines::Lines::new(spec))
    }
}

/// A bar for the preparation of a data set; nothing where there is no terminal.
pub(crate) struct Preparing {
    bar: Option<ProgressBar>,
    stage: Option<Stage>,
}

impl Preparing {
    /// Shows nothing until there is something to prepare.
    pub(crate) fn new() -> Self {
        Self { bar: None, stage: None }
    }

    pub(crate) fn show(&mut self, progress: Progress) {
        let Progress { stage, done, total } = progress;
        if self.stage != Some(stage) {
            self.stage = Some(stage);
            let bar = ProgressBar::new(total as u64)
                .with_style(style("{msg} {wide_bar} {human_pos}/{human_len} {eta}"))
                .with_message(match stage {
                    Stage::Measure => "measuring images",
                    Stage::Decode => "preparing images",
                    Stage::Check => "checking prepared images",
                    Stage::Compare => "comparing images",
                });
            if let Some(old) = self.bar.replace(bar) {
                old.finish_and_clear();
            }
        }
        if let Some(bar) = &self.bar {
            bar.set_position(done as u64);
        }
    }
}

impl Drop for Preparing {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// The figures of an epoch that are worth a look while it runs.
pub(crate) fn epoch_words(report: &EpochReport) -> String {
    let find = |name: &str| report.metrics.whole.iter().find(|(other, _)| other == name);
    let shown = [("loss", "train_loss"), ("validation loss", "loss"), ("accuracy", "accuracy")];
    let words = shown.into_iter().filter_map(|(label, name)| Some(format!("{label} {}", figure(find(name)?.1))));
    let speed = report.timing.iter().map(|timing| format!("{:.0} images/s", timing.images_per_second));
    words.chain(speed).collect::<Vec<_>>().join("  ")
}
