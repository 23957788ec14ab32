//! A small study, how it is run, and what of it must be equal in equal runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use tempfile::TempDir;
use tunefork::study::{EndReason, Event, Observer, TrialRecord};
use tunefork::study_file::StudyFile;
use tunefork::trial::{TrialNumber, TrialState};
use tunefork::{Error, Listener, Report, RunFolder, RunOptions, StudySpec, run};

use crate::card::World;

/// One trial at a time, of four epochs of three steps; a validation of one batch.
pub(crate) const TINY: &str = "[study]\nname = \"gpu\"\ntrials = 3\nslots = 1\n\
    [data]\nsize = 12\nclasses = 2\nimages = 32\ntest_images = 8\nvalidation = 8\n\
    [model]\nlayers = 1\nchannels = 4\nhidden = [8]\nactivation = \"tanh\"\n\
    [train]\nepochs = 4\nbatch_size = 8\nlearning_rate = { log = [1e-3, 1e-2] }\n";

/// What a study says while it runs; it is stopped after a number of reports, if one is given.
#[derive(Default)]
pub(crate) struct Heard {
    pub retries: Vec<(u32, String)>,
    pub warnings: Vec<String>,
    /// Trials whose memory was refused before they started.
    pub never_started: Vec<u32>,
    pub reports: u32,
    stop_after: Option<u32>,
    stop: Arc<AtomicBool>,
}

impl Listener for Heard {}

impl Observer for Heard {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::TrialStarted { number, blueprint: None, .. } => {
                self.never_started.push(number.0);
            }
            Event::TrialRetried { number, failure } => {
                self.retries.push((number.0, failure.message.clone()));
            }
            Event::Warning { message } => self.warnings.push((*message).to_string()),
            Event::Reported { known: false, .. } => {
                self.reports += 1;
                if self.stop_after.is_some_and(|most| self.reports >= most) {
                    self.stop.store(true, SeqCst);
                }
            }
            _ => {}
        }
    }
}

/// How a study is run, and where.
pub(crate) struct Setting {
    pub study: String,
    pub world: Arc<World>,
    pub folder: TempDir,
    pub workers: Option<usize>,
    pub checkpoint_every: Duration,
    pub stop_after: Option<u32>,
    pub given_up: BTreeMap<TrialNumber, String>,
}

impl Setting {
    pub(crate) fn new(study: &str, world: Arc<World>) -> Self {
        Self {
            study: study.to_owned(),
            world,
            folder: tempfile::tempdir().unwrap(),
            workers: Some(2),
            checkpoint_every: Duration::ZERO,
            stop_after: None,
            given_up: BTreeMap::new(),
        }
    }

    pub(crate) fn run(&self) -> (Report, Heard) {
        let (report, heard) = self.try_run();
        (report.unwrap_or_else(|error| panic!("{error}")), heard)
    }

    pub(crate) fn try_run(&self) -> (Result<Report, Error>, Heard) {
        let file = StudyFile::parse("study.toml", &self.study);
        let spec = StudySpec::resolve(&file.unwrap()).unwrap();
        let mut heard = Heard { stop_after: self.stop_after, ..Heard::default() };
        let options = RunOptions {
            workers: self.workers,
            checkpoint_every: self.checkpoint_every,
            given_up: self.given_up.clone(),
            stop: Arc::clone(&heard.stop),
            ..RunOptions::new(RunFolder::new(self.folder.path()), self.world.machine())
        };
        let report = run(&spec, &options, &mut heard);
        (report, heard)
    }

    pub(crate) fn model(&self) -> Vec<u8> {
        std::fs::read(self.folder.path().join("best.safetensors")).unwrap()
    }
}

/// What of a trial must be equal in equal runs.
pub(crate) fn result(trial: &TrialRecord) -> impl PartialEq + std::fmt::Debug + use<> {
    let epochs = trial.epochs.iter();
    let epochs = epochs.map(|epoch| (epoch.step, epoch.report.value, epoch.report.metrics.clone()));
    (trial.params(), trial.state, trial.value, epochs.collect::<Vec<_>>())
}

pub(crate) fn results(report: &Report) -> Vec<impl PartialEq + std::fmt::Debug + use<>> {
    report.study.trials.iter().map(result).collect()
}

/// Why a trial failed.
#[track_caller]
pub(crate) fn failure(trial: &TrialRecord) -> (EndReason, &str) {
    assert_eq!(trial.state, TrialState::Failed);
    let end = trial.end.as_ref().expect("an end");
    (end.reason, &end.message)
}
