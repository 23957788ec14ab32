//! Keeps a run folder's files in step with the study.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tunefork_report::{NOTES, Report};
use tunefork_space::{Params, Value};
use tunefork_study::{Change, Event, Observer, StudyRecord, TrialRecord, UnderWay};

use super::allowance::Allowance;
use super::{Mistakes, ReportFormat, RunFolder, TestResult, epoch_tables, read_study};
use crate::files::{holds, write_below};
use crate::study_file::table::AS_TRIAL;
use crate::{Error, Material, StudySpec};

/// Writes into the folder all that follows from the database, as often as its allowance lets it. What it hears only tells it
/// which files are behind.
///
/// The first file that cannot be written stops the study, which can go on once there is room.
pub(crate) struct Recorder<'a> {
    folder: &'a RunFolder,
    spec: &'a StudySpec,
    material: &'a Material,
    /// What was told beside the study.
    notes: Vec<String>,
    /// Trials whose files are behind, or may be after a kill.
    dirty: BTreeSet<u32>,
    /// Whether the tables of all trials are behind.
    tables_dirty: bool,
    /// Whether the study has begun to tell.
    begun: bool,
    allowance: Allowance,
    stop: Arc<AtomicBool>,
    error: Option<Error>,
}

impl<'a> Recorder<'a> {
    /// `known` is what the database held before.
    pub(crate) fn new(
        folder: &'a RunFolder,
        spec: &'a StudySpec,
        material: &'a Material,
        known: Option<&StudyRecord>,
        notes: &[String],
        stop: Arc<AtomicBool>,
    ) -> Self {
        Self {
            folder,
            spec,
            material,
            notes: notes.to_vec(),
            dirty: (0..known.map_or(0, |known| known.trials.len()) as u32).collect(),
            tables_dirty: true,
            begun: false,
            allowance: Allowance::new(Instant::now()),
            stop,
            error: None,
        }
    }

    /// What was told beside the study, for its attribute, if `known` has another one.
    pub(crate) fn told(&self, known: Option<&StudyRecord>) -> Option<Change> {
        let value: serde_json::Value = self.notes.clone().into();
        let stored = known.and_then(|known| known.header.attributes.iter().find(|(key, _)| key == NOTES));
        let is_news = stored.map_or(!self.notes.is_empty(), |(_, stored)| *stored != value);
        is_news.then(|| Change::StudyAttribute { key: NOTES.to_owned(), value })
    }

    /// Writes what is still to be written, with the figures on the test images. A study that could not begin leaves the
    /// files as they are.
    pub(crate) fn finish(
        mut self,
        study: &StudyRecord,
        test: Option<&TestResult>,
        under_way: Option<UnderWay>,
        notes: Vec<String>,
    ) -> Result<(), Error> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if !self.begun {
            return Ok(());
        }
        let under_way = under_way.map(|under_way| (under_way.number.index(), self.spec.under_way(under_way)));
        self.notes.extend(under_way.iter().map(|(_, what)| what.clone()));
        self.notes.extend(notes);
        let dirty: Vec<u32> = std::mem::take(&mut self.dirty).into_iter().collect();
        side_by_side(|| self.write_trials(study, &dirty), || self.write_tables(study, test))?;
        match under_way.and_then(|(trial, what)| Some((study.trials.get(trial)?, what))) {
            Some((trial, what)) => self.write_best(trial, &what),
            None => Ok(()),
        }
    }

    /// Writes all files that are behind. A database that cannot be read now is one that the study will speak of.
    fn flush(&mut self) {
        let Ok((study, test)) = read_study(self.folder.path(), Some(self.spec.name())) else { return };
        let dirty: Vec<u32> = std::mem::take(&mut self.dirty).into_iter().collect();
        let written = self.write_trials(&study, &dirty).and_then(|()| match std::mem::take(&mut self.tables_dirty) {
            true => self.write_tables(&study, test.as_ref()),
            false => Ok(()),
        });
        if let Err(error) = written {
            self.error = Some(error);
            self.stop.store(true, Ordering::Relaxed);
        }
    }

    /// Many at once, as after a resumption, are looked through by two threads: what takes time is opening small files.
    fn write_trials(&self, study: &StudyRecord, numbers: &[u32]) -> Result<(), Error> {
        const MANY: usize = 100;
        let write = |numbers: &[u32]| numbers.iter().try_for_each(|number| self.write_trial(study, *number));
        if numbers.len() < MANY {
            return write(numbers);
        }
        let (first, second) = numbers.split_at(numbers.len() / 2);
        side_by_side(|| write(first), || write(second))
    }

    /// The files of a trial that was begun here; others have none.
    fn write_trial(&self, study: &StudyRecord, number: u32) -> Result<(), Error> {
        let trial = study.trials.get(number as usize).filter(|trial| study.is_own(trial));
        let Some(trial) = trial else { return Ok(()) };
        let folder = self.folder.trial(number);
        let times = [("started", &trial.observed.started), ("ended", &trial.observed.ended)];
        let mut text = format!("# Trial {number} of the study {}.\n", self.spec.name());
        for (name, time) in times {
            if let Some(time) = time {
                text.push_str(&format!("# {name} {} UTC\n", to_the_second(time)));
            }
        }
        text.push('\n');
        text.push_str(&self.config(number, &trial.params()));
        let config = std::iter::once(("config.toml", text));
        let mut files = config.chain(epoch_tables(&trial.epochs, self.spec.members()));
        files.try_for_each(|(name, text)| self.put(&folder.join(name), text.as_bytes()))
    }

    /// Brings a file up to date. One that is as it should be is left alone, so that all can be looked through after a kill;
    /// nothing is put where somebody has tidied up, which the study will notice.
    fn put(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        if holds(path, bytes) || !self.folder.database().exists() {
            return Ok(());
        }
        write_below(self.folder.path(), path, bytes)
    }

    fn config(&self, number: u32, params: &Params) -> String {
        let config = self.material.located(self.spec.config(params));
        config.with(AS_TRIAL.key(), Value::Int(number.into())).to_toml()
    }

    fn write_tables(&self, study: &StudyRecord, test: Option<&TestResult>) -> Result<(), Error> {
        let mut report = Report::new(study);
        report.test = test.map(TestResult::told);
        let best = study.best().map(|best| best.number.0);
        report.mistakes = best.and_then(|best| Mistakes::of(self.folder, best)).map_or(Vec::new(), Mistakes::told);
        report.notes.clone_from(&self.notes);
        for format in ReportFormat::LEFT {
            format.files(&report, self.folder.path())?.iter().try_for_each(|(path, bytes)| self.put(path, bytes))?;
        }
        let Some(best) = study.best() else { return Ok(()) };
        let value = best.value.map(|value| value.to_string()).unwrap_or_default();
        let what = format!(
            "The best configuration of the study {}: trial {}, {} {value}.",
            self.spec.name(),
            best.number,
            self.spec.objective(),
        );
        self.write_best(best, &what)
    }

    fn write_best(&self, trial: &TrialRecord, what: &str) -> Result<(), Error> {
        let header = format!("# {what}\n# To train it alone: tunefork train best.toml\n\n");
        let text = header + &self.config(trial.number.0, &trial.params());
        self.put(&self.folder.best_config(), text.as_bytes())
    }
}

impl Observer for Recorder<'_> {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::TrialStarted { number, known: false, .. }
            | Event::Reported { number, known: false, .. }
            | Event::TrialFinished { number, known: false, .. } => {
                self.dirty.insert(number.0);
                self.tables_dirty = true;
            }
            Event::StudyStarted { .. } => {
                self.begun = true;
                return;
            }
            Event::Outside { .. } => self.tables_dirty = true,
            Event::Warning { message } => {
                self.notes.push(message.to_string());
                self.tables_dirty = true;
            }
            Event::TrialStarted { .. }
            | Event::Reported { .. }
            | Event::TrialFinished { .. }
            | Event::EpochComputed { .. }
            | Event::TrialRetried { .. }
            | Event::TrialPaused { .. }
            | Event::TrialResumed { .. }
            | Event::Waiting { .. } => return,
        }
        let now = Instant::now();
        if self.begun && self.error.is_none() && self.allowance.is_left(now) {
            self.flush();
            self.allowance.spend(now.elapsed());
        }
    }
}

/// Does two things at the same time, if the system has a thread for the second.
fn side_by_side(
    first: impl FnOnce() -> Result<(), Error>,
    second: impl Fn() -> Result<(), Error> + Sync,
) -> Result<(), Error> {
    std::thread::scope(|scope| {
        let other = std::thread::Builder::new().spawn_scoped(scope, &second);
        let done = first();
        let others = match other {
            Ok(other) => other.join().expect("it only writes"),
            Err(_) => second(),
        };
        done.and(others)
    })
}

/// A time as the database has it, without the parts of a second.
fn to_the_second(time: &str) -> &str {
    time.split_once('.').map_or(time, |(seconds, _)| seconds)
}
