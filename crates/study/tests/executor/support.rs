//! Studies to run, and how to compare them.

use crate::curve::{Curve, Shared, space};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tunefork_sampler::Random;
use tunefork_scheduler::{
    Hyperband, HyperbandOptions, NoScheduler, Percentile, PercentileOptions, Promotion, Scheduler, SuccessiveHalving,
    SuccessiveHalvingOptions, SyncHyperband,
};
use tunefork_study::{
    Change, Definition, Event, ExecutorOptions, Facts, Goals, MemoryStorage, Observer, Outcome, Storage, StorageError,
    StudyError, StudyHeader, StudyRecord, run,
};
use tunefork_trial::Direction;

pub(crate) const SCHEDULERS: [&str; 6] = ["none", "median", "asha", "asha-promotion", "hyperband", "sync-hyperband"];

/// Trials have 9 epochs.
const BRACKETS: HyperbandOptions = HyperbandOptions { min_resource: 1, max_resource: 9, factor: 3 };

pub(crate) fn scheduler(name: &str) -> Box<dyn Scheduler> {
    match name {
        "median" => {
            let options = PercentileOptions { startup_trials: 3, ..Default::default() };
            Box::new(Percentile::new(options).unwrap())
        }
        "asha" => {
            let options = SuccessiveHalvingOptions { min_resource: 1, factor: 2, ..Default::default() };
            Box::new(SuccessiveHalving::new(options).unwrap())
        }
        "asha-promotion" => {
            let options = SuccessiveHalvingOptions { min_resource: 1, factor: 2, ..Default::default() };
            Box::new(Promotion::new(options).unwrap())
        }
        "hyperband" => Box::new(Hyperband::new(BRACKETS).unwrap()),
        "sync-hyperband" => Box::new(SyncHyperband::new(BRACKETS).unwrap()),
        _ => Box::new(NoScheduler),
    }
}

/// A study of 14 trials on 3 slots.
pub(crate) fn definition(scheduler_name: &str) -> Definition {
    let mut header = StudyHeader::new("curve", Direction::Maximize, 5);
    header.slots = 3;
    header.settings = Facts::new([("search.lr", "log 1e-4..1")]);
    header.fingerprint = Facts::new([("isa", "portable")]);
    Definition {
        header,
        presumed: Vec::new(),
        budget: 14,
        space: space(),
        enqueued: Vec::new(),
        attributes: Vec::new(),
        sampler: Box::new(Random::new()),
        scheduler: scheduler(scheduler_name),
        goals: Goals::default(),
    }
}

pub(crate) fn options(workers: usize) -> ExecutorOptions {
    ExecutorOptions { workers, checkpoint_every: Duration::ZERO, ..ExecutorOptions::default() }
}

pub(crate) fn with_checkpoints(options: ExecutorOptions, folder: &Path) -> ExecutorOptions {
    ExecutorOptions { checkpoints: Some(folder.join("checkpoints")), ..options }
}

/// Keeps what it hears, as text.
#[derive(Default)]
pub(crate) struct Ear {
    pub events: Vec<String>,
}

impl Observer for Ear {
    fn event(&mut self, event: &Event<'_>) {
        self.events.push(format!("{event:?}"));
    }
}

impl Ear {
    pub(crate) fn count(&self, words: &str) -> usize {
        self.events.iter().filter(|event| event.contains(words)).count()
    }
}

/// Runs a study to its end, or to where it stops.
pub(crate) fn go(
    definition: Definition,
    curve: &Arc<Curve>,
    storage: &mut dyn Storage,
    options: &ExecutorOptions,
) -> Result<Outcome, StudyError> {
    run(definition, &Shared(curve.clone()), storage, &mut (), options)
}

/// The study as it is when nothing ever disturbs it.
pub(crate) fn undisturbed(definition: Definition) -> String {
    let mut storage = MemoryStorage::default();
    go(definition, &Arc::default(), &mut storage, &options(1)).unwrap();
    text(&mut storage)
}

pub(crate) fn record(storage: &mut dyn Storage) -> StudyRecord {
    storage.load().unwrap().unwrap()
}

/// All that must be equal in equal studies, as text.
pub(crate) fn text(storage: &mut dyn Storage) -> String {
    let mut study = record(storage);
    study.elapsed = Duration::ZERO;
    for trial in &mut study.trials {
        trial.observed = Default::default();
        for epoch in &mut trial.epochs {
            Arc::make_mut(&mut epoch.report).timing = None;
        }
    }
    format!("{study:#?}")
}

/// A storage that another program holds, now and then, each time for some attempts.
pub(crate) struct Held<'a> {
    pub inner: &'a mut dyn Storage,
    /// Commits between two locks.
    pub every: u32,
    /// Attempts that each lock takes.
    pub attempts: u32,
    pub commits: u32,
    pub refused: u32,
}

impl Storage for Held<'_> {
    fn load(&mut self) -> Result<Option<StudyRecord>, StorageError> {
        self.inner.load()
    }

    fn create(&mut self, header: &StudyHeader) -> Result<(), StorageError> {
        self.inner.create(header)
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), StorageError> {
        if self.commits == self.every && self.refused < self.attempts {
            self.refused += 1;
            return Err(StorageError::Locked { path: "held".into(), seconds: 0 });
        }
        if self.commits == self.every {
            (self.commits, self.refused) = (0, 0);
        }
        self.commits += 1;
        self.inner.commit(changes)
    }
}

/// A storage that dies: after some commits every further one fails, as if the process were killed.
pub(crate) struct Mortal<'a> {
    pub inner: &'a mut dyn Storage,
    pub commits_left: u32,
}

impl Storage for Mortal<'_> {
    fn load(&mut self) -> Result<Option<StudyRecord>, StorageError> {
        self.inner.load()
    }

    fn create(&mut self, header: &StudyHeader) -> Result<(), StorageError> {
        self.inner.create(header)
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), StorageError> {
        if self.commits_left == 0 {
            return Err(StorageError::Full { path: "mortal".into() });
        }
        self.commits_left -= 1;
        self.inner.commit(changes)
    }
}
