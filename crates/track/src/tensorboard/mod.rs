//! Event files of TensorBoard, written while the study runs: one folder for each trial, and the HParams tab.

mod confusion;
mod file;
mod hparams;
mod messages;
mod records;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use tunefork_space::{Params, Space};
use tunefork_study::{EpochRecord, Event, Observer, StudyRecord};
use tunefork_trial::TrialState;

use crate::figures::{VALUE, figures};
use crate::times::{Times, now};
use crate::tracker::Health;
use crate::{Picture, Subject, Tracker};
use file::EventFile;
use messages::{Image, SummaryValue};

/// The tag of the best trial's confusion matrix.
const CONFUSION: &str = "confusion";

/// Writes event files into a folder: the experiment into the folder itself, each trial into `trial-0007` below it.
///
/// A trial's file is one record an epoch; points that are in it are not written again, whatever killed the study. A new study removes
/// what an earlier one of the folder left, other files are never touched.
#[derive(Debug)]
pub struct TensorBoard {
    folder: PathBuf,
    space: Space,
    /// The experiment's record, and the pictures of what is trained on, if they have to be written.
    start: Vec<SummaryValue>,
    times: Times,
    /// The files of trials that have not ended.
    trials: BTreeMap<u32, EventFile>,
    /// Whether the study has begun to tell.
    begun: bool,
    health: Health,
}

impl TensorBoard {
    /// Nothing is written before the study begins.
    pub fn new(folder: impl Into<PathBuf>, subject: &Subject<'_>) -> Self {
        Self {
            folder: folder.into(),
            space: subject.space.clone(),
            start: [hparams::experiment(subject, now())]
                .into_iter()
                .chain(subject.pictures.iter().map(shown))
                .collect(),
            times: Times::new(subject.known),
            trials: BTreeMap::new(),
            begun: false,
            health: Health::default(),
        }
    }

    fn trial(&self, number: u32) -> PathBuf {
        self.folder.join(trial_name(number))
    }

    fn begin(&mut self, is_new: bool) -> io::Result<()> {
        self.begun = true;
        if is_new {
            file::remove(&self.folder)?;
            let is_trial = |path: &Path| path.file_name().and_then(|name| name.to_str()).is_some_and(is_trial_name);
            let folders = file::entries(&self.folder)?.into_iter().filter(|path| is_trial(path) && path.is_dir());
            for folder in folders {
                file::remove(&folder)?;
                // Stays if others have files in it.
                let _ = std::fs::remove_dir(&folder);
            }
        }
        let mut root = EventFile::open(&self.folder, now())?;
        match root.has_start {
            true => Ok(()),
            false => root.add(now(), 0, std::mem::take(&mut self.start)),
        }
    }

    /// A trial that is news has no file of this study.
    fn start(&mut self, number: u32, params: &Params, time: f64, known: bool) -> io::Result<()> {
        let folder = self.trial(number);
        let mut file = if known { EventFile::open(&folder, time) } else { EventFile::create(&folder, time) }?;
        if !file.has_start {
            file.add(time, 0, vec![hparams::session_start(&self.space, &trial_name(number), params, time)])?;
        }
        self.trials.insert(number, file);
        Ok(())
    }

    fn epoch(&mut self, number: u32, epoch: &EpochRecord, time: f64) -> io::Result<()> {
        let Some(file) = self.trials.get_mut(&number) else { return Ok(()) };
        let step = i64::from(epoch.step);
        if file.last_step >= Some(step) {
            return Ok(());
        }
        let scalars = figures(&epoch.report).into_iter().map(|(name, value)| scalar(name, value));
        file.add(time, step, scalars.collect())
    }

    /// The value stands at the last step, in one record with the end.
    fn end(&mut self, number: u32, state: TrialState, value: Option<f64>, time: f64) -> io::Result<()> {
        let Some(mut file) = self.trials.remove(&number).filter(|file| !file.has_end) else { return Ok(()) };
        let value = value.map(|value| scalar(VALUE.to_owned(), value));
        let step = file.last_step.unwrap_or(0);
        file.add(time, step, value.into_iter().chain([hparams::session_end(state, time)]).collect())
    }

    /// The confusion matrix of the best trial, with its number for the step.
    fn show_best(&self, study: &StudyRecord) -> io::Result<()> {
        let Some(best) = study.best() else { return Ok(()) };
        let reports = best.epochs.iter().map(|epoch| &epoch.report);
        let Some(report) = study.header.value_at.pick(study.header.direction, reports, |report| report.value) else {
            return Ok(());
        };
        let Some(image) = confusion::image(CONFUSION, &report.metrics) else { return Ok(()) };
        let mut root = EventFile::open(&self.folder, now())?;
        let step = i64::from(best.number.0);
        if root.last_step == Some(step) { Ok(()) } else { root.add(now(), step, vec![shown(&image)]) }
    }

    fn note(&mut self, result: io::Result<()>) {
        let whose = format!("`{}`", self.folder.display());
        self.health.note(result, &whose);
    }
}

impl Observer for TensorBoard {
    fn event(&mut self, event: &Event<'_>) {
        if !self.health.is_well() {
            return;
        }
        let time = self.times.of(event);
        let result = match event {
            Event::StudyStarted { known_trials, .. } => self.begin(*known_trials == 0),
            Event::TrialStarted { number, params, known, .. } => self.start(number.0, params, time, *known),
            Event::Reported { number, epoch, .. } => self.epoch(number.0, epoch, time),
            Event::TrialFinished { number, state, value, .. } => self.end(number.0, *state, *value, time),
            Event::EpochComputed { .. }
            | Event::TrialRetried { .. }
            | Event::TrialPaused { .. }
            | Event::TrialResumed { .. }
            | Event::Outside { .. }
            | Event::Waiting { .. }
            | Event::Warning { .. } => return,
        };
        self.note(result);
    }
}

impl Tracker for TensorBoard {
    fn warning(&mut self) -> Option<String> {
        self.health.warning()
    }

    fn finish(&mut self, study: &StudyRecord, _: bool) {
        if self.begun && self.health.is_well() {
            let result = self.show_best(study);
            self.note(result);
        }
    }
}

fn shown(picture: &Picture) -> SummaryValue {
    let Picture { tag, width, height, png } = picture;
    let image = Image { height: *height as i32, width: *width as i32, colorspace: 3, encoded: png.clone() };
    SummaryValue { tag: tag.clone(), image: Some(image), ..SummaryValue::default() }
}

fn scalar(tag: String, value: f64) -> SummaryValue {
    SummaryValue { tag, simple_value: Some(value as f32), ..SummaryValue::default() }
}

/// What a trial's folder is called.
fn trial_name(number: u32) -> String {
    format!("trial-{number:04}")
}

fn is_trial_name(name: &str) -> bool {
    let number = name.strip_prefix("trial-").and_then(|number| number.parse().ok());
    number.is_some_and(|number| name == trial_name(number))
}

#[cfg(test)]
mod tests;
