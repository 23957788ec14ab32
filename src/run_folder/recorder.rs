//! Keeps a run folder's files in step with the study.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tunefork_report::{ExperimentSummary, Row, Summary, markdown, trials_csv};
use tunefork_space::{Params, Value};
use tunefork_study::{
    End, EndReason, EpochRecord, Event, MemberReport, Observer, StudyRecord, Timing, TrialRecord, UnderWay,
};
use tunefork_trial::{TrialNumber, TrialState};

use super::allowance::Allowance;
use super::importances::importances;
use super::notes::outside_row;
use super::{RunFolder, TestResult, epoch_tables};
use crate::files::{holds, write_derived};
use crate::study_file::table::AS_TRIAL;
use crate::{Error, Material, StudySpec, deviation_of};

/// Writes what it hears of into the folder: all that follows from the database, as often as its allowance lets it.
///
/// After a resumption the study tells everything again from its beginning; what was known is only
/// collected then, and written with the next news or at the end. The first file that cannot be
/// written stops the study, which can go on once there is room.
pub(crate) struct Recorder<'a> {
    folder: &'a RunFolder,
    spec: &'a StudySpec,
    material: &'a Material,
    summary: Summary,
    trials: Vec<Trial>,
    /// Trials whose files are behind.
    dirty: BTreeSet<u32>,
    /// Whether the tables of all trials are behind.
    tables_dirty: bool,
    best: Option<u32>,
    /// Trials that were begun here before.
    known: usize,
    /// Those that were told of, by now.
    told: usize,
    /// The numbers that the definition's trials got, in its order.
    given: Vec<u32>,
    /// Whether the study has begun to tell.
    begun: bool,
    allowance: Allowance,
    stop: Arc<AtomicBool>,
    error: Option<Error>,
}

/// What the files of one trial hold beside its row in the tables.
#[derive(Default)]
struct Trial {
    epochs: Vec<EpochRecord>,
    started: Option<String>,
    ended: Option<String>,
}

impl<'a> Recorder<'a> {
    /// `known` is what the database held before, for the times that stand in it.
    pub(crate) fn new(
        folder: &'a RunFolder,
        spec: &'a StudySpec,
        material: &'a Material,
        known: Option<&StudyRecord>,
        notes: &[String],
        stop: Arc<AtomicBool>,
    ) -> Self {
        let objective = spec.objective().name();
        let mut summary = Summary::new(spec.name(), objective, spec.direction(), Vec::new());
        summary.settings = spec.written().map(|(name, text)| (name.to_string(), text)).collect();
        summary.notes = notes.to_vec();
        summary.experiments = spec.experiments().iter().map(experiment).collect();
        let times = |trial: &TrialRecord| Trial {
            epochs: Vec::new(),
            started: trial.observed.started.as_deref().map(to_the_second),
            ended: trial.observed.ended.as_deref().map(to_the_second),
        };
        Self {
            folder,
            spec,
            material,
            summary,
            trials: known.map(|known| known.trials.iter().map(times).collect()).unwrap_or_default(),
            dirty: BTreeSet::new(),
            tables_dirty: true,
            best: None,
            known: known.map_or(0, StudyRecord::own_trials),
            told: 0,
            given: Vec::new(),
            begun: false,
            allowance: Allowance::new(Instant::now()),
            stop,
            error: None,
        }
    }

    /// Writes what is still to be written, with the figures on the test images.
    ///
    /// A study that could not begin, or was stopped before it had told again what was known, leaves the
    /// files as they are.
    pub(crate) fn finish(
        mut self,
        test: Option<&TestResult>,
        under_way: Option<UnderWay>,
        notes: Vec<String>,
    ) -> Result<(), Error> {
        if !self.begun || self.told < self.known {
            return self.error.map_or(Ok(()), Err);
        }
        if let Some(test) = test {
            self.summary.test = test.figures.clone();
            self.summary.test_looks = test.looks;
            let deviations = test.deviations.iter().map(|(_, deviation)| *deviation);
            self.summary.test_deviations = deviations.collect();
        }
        let under_way = under_way.map(|under_way| (under_way.number.index(), self.spec.under_way(under_way)));
        self.summary.notes.extend(under_way.iter().map(|(_, what)| what.clone()));
        self.summary.notes.extend(notes);
        self.tables_dirty = true;
        self.flush();
        if let (Some((trial, what)), None) = (under_way, &self.error) {
            self.write_best(&self.summary.trials[trial], &what)?;
        }
        self.error.map_or(Ok(()), Err)
    }

    fn trial(&mut self, number: u32) -> &mut Trial {
        let index = number as usize;
        if self.trials.len() <= index {
            self.trials.resize_with(index + 1, Trial::default);
        }
        &mut self.trials[index]
    }

    fn started(&mut self, number: u32, params: &Params, known: bool) {
        let trial = self.trial(number);
        if !known {
            trial.started = Some(now());
        }
        trial.epochs.clear();
        self.told += 1;
        self.tables_dirty = true;
        self.summary.trials.push(Row::new(number, TrialState::Running, params.clone()));
    }

    /// A trial of another program: it has a row in the tables, and no files.
    fn outside(&mut self, trial: &TrialRecord) {
        let row = outside_row(trial);
        match self.summary.trials.get_mut(trial.number.index()) {
            Some(before) => *before = row,
            None => self.summary.trials.push(row),
        }
        self.tables_dirty = true;
    }

    fn reported(&mut self, number: u32, epoch: &EpochRecord) {
        self.trial(number).epochs.push(epoch.clone());
        let row = &mut self.summary.trials[number as usize];
        row.epochs = epoch.step;
        let report = &*epoch.report;
        row.metrics = report.metrics.whole.clone();
        let members = self.spec.members();
        let named = |report: &MemberReport| (members.name(report.member), report.value);
        row.members = report.members.iter().map(named).collect();
        row.deviation = deviation_of(&report.members);
        *row.seconds.get_or_insert(0.0) += report.timing.as_ref().map_or(0.0, Timing::all_seconds);
    }

    fn finished(&mut self, number: u32, state: TrialState, value: Option<f64>, end: &End, known: bool) {
        if !known {
            self.trial(number).ended = Some(now());
        }
        self.tables_dirty = true;
        let row = &mut self.summary.trials[number as usize];
        // Another program's trial ends here only when it was refused before it began.
        self.told += usize::from(row.is_outside);
        (row.state, row.value) = (state, value);
        row.reason = match (end.reason, end.message.as_str()) {
            (EndReason::Finished | EndReason::Stopped, "") => String::new(),
            (reason, "") => reason.to_string(),
            (_, message) => message.to_string(),
        };
    }

    /// Writes all files that are behind; after an error none.
    fn flush(&mut self) {
        self.name_runs();
        if self.tables_dirty {
            self.summary.importances = importances(self.spec, &self.summary.trials);
        }
        let dirty = std::mem::take(&mut self.dirty).into_iter();
        let own: Vec<u32> = dirty.filter(|number| !self.summary.trials[*number as usize].is_outside).collect();
        let written = self.write_trials(&own).and_then(|()| match std::mem::take(&mut self.tables_dirty) {
            true => self.write_tables(),
            false => Ok(()),
        });
        if let (Err(error), None) = (written, &self.error) {
            self.error = Some(error);
            self.stop.store(true, Ordering::Relaxed);
        }
    }

    /// Gives the runs of experiments the numbers that their trials got: others may have come in between.
    fn name_runs(&mut self) {
        let next = self.summary.trials.len() as u32;
        let number = |place: u32| {
            let to_come = || next + place - self.given.len() as u32;
            self.given.get(place as usize).copied().unwrap_or_else(to_come)
        };
        for (experiment, of) in self.summary.experiments.iter_mut().zip(self.spec.experiments()) {
            for ((_, trial), run) in experiment.runs.iter_mut().zip(&of.runs) {
                *trial = number(run.trial);
            }
        }
        let baseline = self.spec.baseline_trial().filter(|_| !self.spec.experiments().is_empty());
        self.summary.baseline = baseline.map(number);
    }

    /// Many at once, as after a resumption, are looked through by two threads: what takes time is opening small files.
    fn write_trials(&self, numbers: &[u32]) -> Result<(), Error> {
        const MANY: usize = 100;
        let write = |numbers: &[u32]| numbers.iter().try_for_each(|number| self.write_trial(*number));
        if numbers.len() < MANY {
            return write(numbers);
        }
        let (first, second) = numbers.split_at(numbers.len() / 2);
        std::thread::scope(|scope| {
            let other = std::thread::Builder::new().spawn_scoped(scope, || write(second));
            let written = write(first);
            let others = match other {
                Ok(other) => other.join().expect("it only writes"),
                Err(_) => write(second),
            };
            written.and(others)
        })
    }

    fn write_trial(&self, number: u32) -> Result<(), Error> {
        let (trial, row) = (&self.trials[number as usize], &self.summary.trials[number as usize]);
        let folder = self.folder.trial(number);
        let times = [("started", &trial.started), ("ended", &trial.ended)];
        let mut text = format!("# Trial {number} of the study {}.\n", self.spec.name());
        for (name, time) in times {
            if let Some(time) = time {
                text.push_str(&format!("# {name} {time} UTC\n"));
            }
        }
        text.push('\n');
        text.push_str(&self.config(number, &row.params));
        let config = std::iter::once(("config.toml", text));
        let mut files = config.chain(epoch_tables(&trial.epochs, self.spec.members()));
        files.try_for_each(|(name, text)| self.put(&folder.join(name), &text))
    }

    /// Brings a file up to date. One that is as it should be is left alone, so that all can be looked through after a kill;
    /// nothing is put where somebody has tidied up, which the study will notice.
    fn put(&self, path: &Path, text: &str) -> Result<(), Error> {
        if holds(path, text.as_bytes()) || !self.folder.database().exists() {
            return Ok(());
        }
        write_derived(path, text.as_bytes())
    }

    fn config(&self, number: u32, params: &Params) -> String {
        let config = self.material.located(self.spec.config(params));
        config.with(AS_TRIAL.key(), Value::Int(number.into())).to_toml()
    }

    fn write_tables(&self) -> Result<(), Error> {
        self.put(&self.folder.trials_csv(), &trials_csv(&self.summary))?;
        self.put(&self.folder.report(), &markdown(&self.summary))?;
        let Some(best) = self.best else { return Ok(()) };
        let row = &self.summary.trials[best as usize];
        let value = row.value.map(|value| value.to_string()).unwrap_or_default();
        let what = format!(
            "The best configuration of the study {}: trial {best}, {} {value}.",
            self.spec.name(),
            self.summary.objective,
        );
        self.write_best(row, &what)
    }

    fn write_best(&self, row: &Row, what: &str) -> Result<(), Error> {
        let header = format!("# {what}\n# To train it alone: tunefork train best.toml\n\n");
        let text = header + &self.config(row.number, &row.params);
        self.put(&self.folder.best_config(), &text)
    }
}

impl Observer for Recorder<'_> {
    fn event(&mut self, event: &Event<'_>) {
        let (TrialNumber(number), known) = match event {
            Event::TrialStarted { number, params, given, known, .. } => {
                self.given.extend(given.map(|_| number.0));
                self.started(number.0, params, *known);
                (*number, *known)
            }
            Event::Reported { number, epoch, known } => {
                self.reported(number.0, epoch);
                (*number, *known)
            }
            Event::TrialFinished { number, state, value, end, best, known } => {
                self.finished(number.0, *state, *value, end, *known);
                if *best {
                    self.best = Some(number.0);
                }
                (*number, *known)
            }
            Event::StudyStarted { .. } => {
                self.begun = true;
                return;
            }
            Event::Outside { trial } => {
                self.outside(trial);
                return;
            }
            Event::Warning { message } => {
                self.summary.notes.push(message.to_string());
                self.tables_dirty = true;
                return;
            }
            Event::EpochComputed { .. } | Event::TrialRetried { .. } | Event::Waiting { .. } => return,
        };
        self.dirty.insert(number);
        let begin = Instant::now();
        if !known && self.error.is_none() && self.allowance.is_left(begin) {
            self.flush();
            self.allowance.spend(begin.elapsed());
        }
    }
}

/// An experiment as the report takes it.
fn experiment(experiment: &crate::Experiment) -> ExperimentSummary {
    let runs = experiment.runs.iter();
    ExperimentSummary {
        name: experiment.name.clone(),
        varied: experiment.varied,
        runs: runs.map(|run| (run.name.clone(), run.trial)).collect(),
    }
}

/// A time as the database has it, without the parts of a second.
fn to_the_second(time: &str) -> String {
    time.split_once('.').map_or(time, |(seconds, _)| seconds).to_owned()
}

/// The time of day in UTC, to the second. A clock may be beyond all calendars.
fn now() -> String {
    let now = jiff::Timestamp::try_from(std::time::SystemTime::now()).unwrap_or(jiff::Timestamp::MAX);
    now.strftime("%Y-%m-%d %H:%M:%S").to_string()
}
