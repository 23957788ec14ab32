//! Runs a study in its folder.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tunefork_data::{Progress, shown};
use tunefork_report::{HYPOTHESES, Hypothesis, counted};
use tunefork_space::Params;
use tunefork_storage::{SqliteOptions, SqliteStorage};
use tunefork_study::{
    Change, Clock, Definition, Ended, Event, ExecutorOptions, Facts, Observer, Outcome, Storage, StorageError,
    StudyError, StudyHeader, StudyRecord, TrialRecord, patiently,
};
use tunefork_track::Tracker;
use tunefork_trial::TrialNumber;

use crate::files::create_folder;
use crate::plan::{about_gpu, never_tried};
use crate::resolve::in_words;
use crate::run_folder::{Mistakes, Recorder, study_notes};
use crate::study_file::table::SOURCE;
use crate::workload::shortfalls;
use crate::{CardRoom, Concurrency, Error, Machine, Material, RunFolder, StudySpec, TestResult, Tracking, Training};

/// How long the database is waited for before that is told and the stop flag is looked at.
const PATIENCE: Duration = Duration::from_secs(1);

/// How a study is run. Nothing here changes a result, but for the instruction set of the machine.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The run folder; it is made, or gone on with.
    pub folder: RunFolder,
    /// Where data sets lie, if that was said.
    pub data_dir: Option<PathBuf>,
    /// What it runs on.
    pub machine: Machine,
    /// Trials trained at the same time; by default as many as slots and threads allow.
    pub workers: Option<usize>,
    /// Shortest time between two checkpoints of a trial.
    pub checkpoint_every: Duration,
    /// Whether every commit waits for the disk.
    pub durable: bool,
    /// Whether results count as they arrive, without waiting for what comes before them in virtual
    /// time. Such a study keeps going on as it was begun, but is no function of its file and seed.
    pub eager: bool,
    /// Whether to go on under another fingerprint.
    pub accept_drift: bool,
    /// In which other programs it is followed, beside the run folder.
    pub tracking: Tracking,
    /// Trials that have cost processes before this one the GPU, and why they are not trained any further: they fail.
    pub given_up: BTreeMap<TrialNumber, String>,
    /// Raised to stop, resumable.
    pub stop: Arc<AtomicBool>,
}

impl RunOptions {
    /// Checkpoints every 30 seconds, nothing else out of the ordinary.
    pub fn new(folder: RunFolder, machine: Machine) -> Self {
        Self {
            folder,
            data_dir: None,
            machine,
            workers: None,
            checkpoint_every: Duration::from_secs(30),
            durable: false,
            eager: false,
            accept_drift: false,
            tracking: Tracking::default(),
            given_up: BTreeMap::new(),
            stop: Arc::default(),
        }
    }
}

/// What listens to a run: the preparation of the images, then the study.
pub trait Listener: Observer {
    /// How far the first preparation of a data set is.
    fn preparing(&mut self, _progress: Progress) {}
}

/// For a run that nobody watches.
impl Listener for () {}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What the study says.
    pub outcome: Outcome,
    /// The study as it is stored now.
    pub study: StudyRecord,
    /// The best trial on the test images, if the study has ended and there are any.
    pub test: Option<TestResult>,
}

/// Runs or resumes the study of `spec` in a folder.
///
/// # Errors
/// When the images or the folder cannot be used, or the study cannot start or go on. What was
/// reported is kept. After a fault of the GPU ([`Error::is_lost_device`]) the process has to be ended: the same call goes on in a
/// new one.
pub fn run(spec: &StudySpec, options: &RunOptions, listener: &mut dyn Listener) -> Result<Report, Error> {
    // Refused before images are prepared for it.
    spec.device(&options.machine)?;
    let material = Material::open(spec, options.data_dir.as_deref(), &mut |progress| {
        listener.preparing(progress);
    })?;
    let shortfalls = shortfalls(spec, spec.fixed(), material.first());
    let warnings = [&material.warnings[..], spec.notes(), &shortfalls[..]].concat();
    let training = Training::new(spec.clone(), material, options.machine.clone(), options.folder.model());
    // A study of which nothing can be trained is refused before its folder is made.
    let example = training.example()?;
    let card = CardRoom::look(spec, &options.machine, &training, &example)?;
    warn(listener, warnings.iter().chain(&about_gpu(options, &training, card)));
    refuse_files_without_study(&options.folder)?;
    create_folder(options.folder.path())?;
    let sqlite = SqliteOptions { durable: options.durable, patience: PATIENCE };
    let mut storage = patiently(listener, &options.stop, || {
        SqliteStorage::open_with(options.folder.database(), spec.name(), sqlite)
    })?;
    let known = patiently(listener, &options.stop, || storage.load())?;
    check_folder(spec, &options.folder, known.is_some())?;
    if known.is_none() {
        // They depend on the time that looking takes, and are no part of what the study leaves.
        warn(listener, &never_tried(spec, &training));
    }
    let stop = Arc::clone(&options.stop);
    let definition = definition(spec, &training, options, known.as_ref());
    let header = definition.header.clone();
    let training = training.noting(options.folder.kept(), identity(&header));
    let mut recorder = Recorder::new(&options.folder, spec, training.material(), known.as_ref(), &warnings, stop);
    let mut trackers = options.tracking.trackers(&options.folder, &definition, known.as_ref(), training.material());
    let outcome = tunefork_study::run(
        definition,
        &training,
        &mut storage,
        &mut All { recorder: &mut recorder, trackers: &mut trackers, listener },
        &executor(spec, options, card),
    );
    let outcome = outcome.map_err(with_words);
    if let Err(error @ StudyError::Storage(StorageError::Removed { .. })) = outcome {
        // Nothing is put where somebody has tidied up.
        return Err(error.into());
    }
    let ended = outcome.as_ref().is_ok_and(|outcome| outcome.ended != Ended::Interrupted);
    let study = storage.load()?;
    if ended {
        patiently(listener, &options.stop, || storage.check())?;
    }
    let best = study.as_ref().and_then(StudyRecord::best).filter(|_| ended);
    let test = best.map_or(Ok(None), |best| {
        show_mistakes(&training, options, best, listener);
        test(&training, options, best.number.0, &best.params())
    });
    let stopped = matches!(test, Err(Error::Interrupted));
    let (test, untested) = match test {
        Ok(test) => (test, None),
        Err(error) => (None, Some(error).filter(|_| !stopped)),
    };
    let under_way = outcome.as_ref().ok().and_then(|outcome| outcome.under_way);
    let mut study = study.unwrap_or_else(|| StudyRecord::new(header));
    let untold = test.as_ref().map_or(Vec::new(), |test| test.untold(&study));
    study = with_changes(study, &untold, &mut storage, options, listener)?;
    if outcome.is_ok() {
        All { recorder: &mut recorder, trackers: &mut trackers, listener }.finish(&study, ended);
        // With what the trackers had to say at their end.
        study = with_changes(study, recorder.told(known.as_ref()).as_slice(), &mut storage, options, listener)?;
    }
    recorder.finish(&study, test.as_ref(), under_way, study_notes(&study))?;
    let mut outcome = outcome?;
    if let Some(error) = untested {
        return Err(error);
    }
    if stopped {
        outcome.ended = Ended::Interrupted;
    }
    Ok(Report { outcome, study, test })
}

/// Differences of settings as a study file would have them.
fn with_words(error: StudyError) -> StudyError {
    match error {
        StudyError::SettingsChanged { study, differences } => {
            StudyError::SettingsChanged { study, differences: differences.into_iter().map(in_words).collect() }
        }
        other => other,
    }
}

fn warn<'a>(listener: &mut dyn Listener, messages: impl IntoIterator<Item = &'a String>) {
    for message in messages {
        listener.event(&Event::Warning { message });
    }
}

/// The folder's study must be ours, and this one.
fn check_folder(spec: &StudySpec, folder: &RunFolder, is_known: bool) -> Result<(), Error> {
    let own = tunefork_storage::own_names(folder.database())?;
    if is_known && !own.iter().any(|name| name == spec.name()) {
        return Err(Error::Unsupported(format!(
            "`{}` has a study `{}` that another program made: choose another name, or another folder with --out",
            folder.database().display(),
            spec.name()
        )));
    }
    if !is_known {
        refuse_other_study(folder, &own)?;
        // Of a study that was deleted from the database.
        TestResult::forget(&folder.test())?;
    }
    Ok(())
}

/// A new study would replace files of these names, whoever's they are.
fn refuse_files_without_study(folder: &RunFolder) -> Result<(), Error> {
    if std::fs::metadata(folder.database()).is_ok_and(|database| database.len() > 0) {
        return Ok(());
    }
    let there: Vec<String> =
        folder.written().into_iter().filter(|path| path.is_file()).map(|path| shown(&path)).collect();
    match there.as_slice() {
        [] => Ok(()),
        [first, more @ ..] => {
            let more =
                if more.is_empty() { String::new() } else { format!(" and {}", counted(more.len(), "other file")) };
            Err(Error::Unsupported(format!(
                "a new study would replace `{first}`{more}, and no study.db says that they are a study's: move them away, \
                 or choose another folder with --out"
            )))
        }
    }
}

/// By which a model is known to be of this study and no other.
fn identity(header: &StudyHeader) -> String {
    let own =
        [("name", header.name.as_str()), ("seed", &header.seed.to_string())].map(|(k, v)| (k.to_owned(), v.to_owned()));
    let settings = header.settings.iter().map(|(name, text)| (name.to_owned(), text.to_owned()));
    Facts::new(own.into_iter().chain(settings)).digest()
}

/// Two studies in one folder would overwrite each other's files.
fn refuse_other_study(folder: &RunFolder, own: &[String]) -> Result<(), Error> {
    match own {
        [] => Ok(()),
        others => Err(Error::Unsupported(format!(
            "`{}` is the run folder of another study, `{}`: restore the study's name, or choose another folder with --out",
            folder.path().display(),
            others.join("`, `")
        ))),
    }
}

/// Among the settings of a study, what its images are.
const IMAGES: &str = "digest of the images";

/// What must stay as it is when the study goes on. Images that were moved are the same images: where those of the `known`
/// study lay is not compared then.
fn settings(spec: &StudySpec, training: &Training, known: Option<&StudyRecord>) -> Facts {
    let digest = training.material().digest();
    let before = known.map(|known| &known.header.settings).filter(|before| before.get(IMAGES) == Some(&digest));
    let place = before.and_then(|before| before.get(SOURCE.key().name));
    let settings = spec.settings();
    let settings = settings.iter().map(|(name, text)| match place {
        Some(place) if name == SOURCE.key().name => (name.to_owned(), place.to_owned()),
        _ => (name.to_owned(), text.to_owned()),
    });
    Facts::new(settings.chain([(IMAGES.to_owned(), digest.clone())]))
}

/// What Optuna's tools show of the study: the settings of its file, and its hypotheses.
fn attributes(spec: &StudySpec) -> Vec<(String, serde_json::Value)> {
    let settings = spec.written().map(|(name, text)| (name.to_string(), text.into()));
    let stored: Vec<serde_json::Value> = spec.hypotheses().iter().map(Hypothesis::stored).collect();
    let hypotheses = (!stored.is_empty()).then(|| (HYPOTHESES.to_string(), stored.into()));
    settings.chain(hypotheses).collect()
}

fn definition(spec: &StudySpec, training: &Training, options: &RunOptions, known: Option<&StudyRecord>) -> Definition {
    let header = StudyHeader {
        metric: Some(format!("validation {}", spec.objective())),
        slots: spec.slots(),
        value_at: spec.value_at(),
        settings: settings(spec, training, known),
        fingerprint: options.machine.fingerprint(spec.fixed().precision()),
        attributes: attributes(spec),
        clock: if options.eager { Clock::Eager } else { Clock::Virtual },
        ..StudyHeader::new(spec.name(), spec.direction(), spec.seed())
    };
    Definition {
        header,
        presumed: spec.presumed().map(str::to_string).collect(),
        budget: spec.trials(),
        space: spec.space().clone(),
        enqueued: spec.enqueued().iter().map(|point| spec.space().params(point)).collect(),
        attributes: (0..spec.enqueued().len()).map(|trial| spec.attributes(trial as u32)).collect(),
        sampler: spec.sampler(),
        scheduler: spec.scheduler(),
        goals: spec.goals(),
    }
}

fn executor(spec: &StudySpec, options: &RunOptions, card: Option<CardRoom>) -> ExecutorOptions {
    ExecutorOptions {
        workers: Concurrency::new(spec, &options.machine, options.workers, card).workers,
        threads: options.machine.threads(),
        checkpoints: Some(options.folder.checkpoints()),
        checkpoint_every: options.checkpoint_every,
        stop: Arc::clone(&options.stop),
        time_limit: spec.time_limit(),
        accept_drift: options.accept_drift,
        given_up: options.given_up.clone(),
    }
}

/// Keeps pictures of what the best trial takes for something else, unless those of this trial are there. A report without them is a report:
/// what cannot be had is told.
fn show_mistakes(training: &Training, options: &RunOptions, best: &TrialRecord, listener: &mut dyn Listener) {
    let number = best.number.0;
    if options.stop.load(Ordering::Relaxed) || Mistakes::of(&options.folder, number).is_some() {
        return;
    }
    let mistakes = training.mistakes(number);
    if let Err(error) = mistakes.and_then(|mistakes| mistakes.write(&options.folder.mistakes())) {
        listener.event(&Event::Warning { message: &format!("the report has no pictures of mistakes: {error}") });
    }
}

/// The study after changes, if there are any.
fn with_changes(
    study: StudyRecord,
    changes: &[Change],
    storage: &mut SqliteStorage,
    options: &RunOptions,
    listener: &mut dyn Listener,
) -> Result<StudyRecord, Error> {
    if changes.is_empty() {
        return Ok(study);
    }
    patiently(listener, &options.stop, || storage.commit(changes))?;
    Ok(storage.load()?.unwrap_or(study))
}

/// Looks at the test images, unless that was done for this trial before.
fn test(training: &Training, options: &RunOptions, best: u32, params: &Params) -> Result<Option<TestResult>, Error> {
    if training.material().first().split.test.is_empty() {
        return Ok(None);
    }
    let before = TestResult::read(&options.folder.test());
    let looks = before.as_ref().map_or(0, |test| test.looks);
    if let Some(test) = before.filter(|test| test.trial == best) {
        return Ok(Some(test));
    }
    if options.stop.load(Ordering::Relaxed) {
        return Err(Error::Interrupted);
    }
    let test = training.test(best, params)?.map(|test| TestResult { looks: looks + 1, ..test });
    if let Some(test) = &test {
        test.write(&options.folder.test())?;
    }
    Ok(test)
}

/// All that listen: the run folder first, for it may stop the study, then the trackers, whose warnings the others hear.
struct All<'a, 'b> {
    recorder: &'a mut Recorder<'b>,
    trackers: &'a mut [Box<dyn Tracker>],
    listener: &'a mut dyn Listener,
}

impl All<'_, '_> {
    /// Brings the trackers to an end.
    fn finish(&mut self, study: &StudyRecord, done: bool) {
        self.trackers.iter_mut().for_each(|tracker| tracker.finish(study, done));
        self.pass_warnings();
    }

    fn pass_warnings(&mut self) {
        for message in &self.trackers.iter_mut().filter_map(|tracker| tracker.warning()).collect::<Vec<_>>() {
            let event = Event::Warning { message };
            self.recorder.event(&event);
            self.listener.event(&event);
        }
    }
}

impl Observer for All<'_, '_> {
    fn event(&mut self, event: &Event<'_>) {
        self.recorder.event(event);
        self.trackers.iter_mut().for_each(|tracker| tracker.event(event));
        self.listener.event(event);
        self.pass_warnings();
    }
}
