//! Runs a study: in virtual time for its results, on worker threads for real.
//!
//! The executor has no state to save. It always simulates the study from virtual time 0 and asks for
//! the result of each epoch in turn: what the storage has is used at once, the rest is computed. A
//! study that was killed is therefore the same study as one that was not.

mod blueprints;
mod board;
mod checkpoint;
mod lane;
mod leaving;
mod resume;
mod share;
mod simulation;
mod workers;

use self::simulation::Simulation;
use crate::{Event, Goals, Observer, Reached, Storage, StudyError, StudyHeader, Workload};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::{Builder, Scope};
use std::time::Duration;
use tunefork_sampler::Sampler;
use tunefork_scheduler::Scheduler;
use tunefork_space::{Params, Space};
use tunefork_trial::TrialNumber;

/// What a study is: everything that its results depend on, the workload excepted.
pub struct Definition {
    /// Name, seed, slots and the rest; `stages`, `sampler` and `scheduler` are set by the executor.
    pub header: StudyHeader,
    /// Names of the header's settings that hold their defaults, for the study's file does not name them. A stored
    /// study that has no such setting was begun before there was one, and goes on.
    pub presumed: Vec<String>,
    /// Trials in all, enqueued and stored ones among them, but not those that other programs run; it may grow, and shrink
    /// to the trials that were begun.
    pub budget: u32,
    /// The parameters that may vary, and when each is active.
    pub space: Space,
    /// Trials that come first, as given. A parameter they leave open is drawn by the sampler.
    pub enqueued: Vec<Params>,
    /// Attributes of those trials, in the same order, for tools that show them; there may be fewer.
    pub attributes: Vec<Vec<(String, serde_json::Value)>>,
    /// Proposes the points of trials, and what enqueued ones leave open.
    pub sampler: Box<dyn Sampler>,
    /// When to stop a trial.
    pub scheduler: Box<dyn Scheduler>,
    /// When the study has what it was begun for: no more trials are asked for or go on from a pause then, and those that run are trained to their end.
    pub goals: Goals,
}

/// How a study is run: nothing here changes a result.
#[derive(Clone, Debug)]
pub struct ExecutorOptions {
    /// Trials trained at the same time; at least 1. More than the study's slots are of no use.
    pub workers: usize,
    /// CPU threads in all, at least 1. The trials that are trained share them evenly, each with at least one;
    /// when fewer trials are left than workers, these have all.
    pub threads: usize,
    /// Folder for checkpoints; none are written without it. Of the trials that a scheduler has paused as many stay in memory as the
    /// study has slots; the others wait in their checkpoints.
    pub checkpoints: Option<PathBuf>,
    /// Shortest time between two checkpoints of a trial; they are also never more than one an epoch.
    pub checkpoint_every: Duration,
    /// Raised from outside, by Ctrl-C: stop, resumable.
    pub stop: Arc<AtomicBool>,
    /// Wall time that the study may take in all, over all its runs. After it epochs under way are finished, and the
    /// run ends as if it had been stopped: the study goes on from there once it may take longer.
    pub time_limit: Option<Duration>,
    /// Go on although the fingerprint or what is stored differs; what is stored then wins over what is computed again.
    pub accept_drift: bool,
    /// Trials that are not trained any further, and why: they have cost processes before this one their device, each time without
    /// a new result. They fail where they stand, as after any fault that came back.
    pub given_up: BTreeMap<TrialNumber, String>,
}

impl Default for ExecutorOptions {
    /// One worker and one thread, no checkpoints (30 s apart once there is a folder), no limit.
    fn default() -> Self {
        ExecutorOptions {
            workers: 1,
            threads: 1,
            checkpoints: None,
            checkpoint_every: Duration::from_secs(30),
            stop: Arc::default(),
            time_limit: None,
            accept_drift: false,
            given_up: BTreeMap::new(),
        }
    }
}

/// How a run of a study ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Whether all is done, and if not, what ended it early.
    pub ended: Ended,
    /// Trials in the study.
    pub trials: u32,
    /// The completed trial with the best value, of those that were begun here.
    pub best: Option<TrialNumber>,
    /// While no trial is completed: the trial under way whose model was kept.
    pub under_way: Option<UnderWay>,
    /// Trials that other programs have run or asked for: the study is reproducible given these.
    pub outside_trials: usize,
    /// Other outside events on record: the study is reproducible given these.
    pub outside_events: usize,
}

/// The best of the trials under way when a run ended, while no trial was completed. The workload was asked to keep its
/// model; the first trial that is completed replaces it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnderWay {
    /// The trial.
    pub number: TrialNumber,
    /// Epochs that it was trained, at least 1.
    pub epochs: u32,
    /// Its value, as if it had ended there.
    pub value: f64,
}

/// Why a run of a study returned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ended {
    /// All trials asked for have ended.
    Done,
    /// Every point of a finite space that can be trained was tried, or so few can be that none was found.
    Exhausted,
    /// One of its goals was reached.
    Reached(Reached),
    /// The study has taken the time that it may; once it may take longer, running it again goes on.
    TimeLimit,
    /// The stop flag was raised; running it again goes on.
    Interrupted,
}

/// Runs or resumes a study to its end.
///
/// Trials are asked for, report and end in virtual time (see [`Moment`](crate::Moment)), in which each
/// epoch lasts what the study's [`CostModel`](crate::CostModel) says and `slots` trials run side by
/// side. Workers train epochs as early as they can, but a decision is made only when everything
/// before it in virtual time is known. So results depend neither on the number of workers nor on
/// their speed. With [`Clock::Eager`](crate::Clock::Eager) results count as they arrive instead.
///
/// # Errors
/// Any [`StudyError`]. What was reported before is in the storage, and the same call goes on from it.
pub fn run<W: Workload>(
    mut definition: Definition,
    workload: &W,
    storage: &mut dyn Storage,
    observer: &mut dyn Observer,
    options: &ExecutorOptions,
) -> Result<Outcome, StudyError> {
    check(&definition, options)?;
    definition.header.sampler = definition.sampler.name().to_owned();
    definition.header.scheduler = definition.scheduler.name().to_owned();
    let resumed = resume::open(&definition, storage, observer, options)?;
    let folder = checkpoint::CheckpointFolder::open(options, &resumed.known.header)?;
    let tolerant = resumed.tolerant || options.accept_drift;
    let (study, given_up) = (definition.header.name.clone(), options.given_up.clone());
    let workers = workers::Workers { workload, folder, tolerant, study, given_up };
    let board = board::Board::new(options);
    let value_at = (definition.header.value_at, definition.header.direction);
    let work = || workers.work(&board);
    let mut outcome = std::thread::scope(|scope| {
        // However the simulation ends, by panic too, the workers must be told or the scope would wait.
        let _closing = board::CloseOnDrop(&board);
        begin_workers(scope, &work, options.workers, observer)?;
        Simulation::new(definition, resumed, &workers, &board, options, storage, observer).run()
    });
    if let (Err(StudyError::DeviceLost { .. }), Some(first)) = (&outcome, board.take_broken()) {
        // Whoever asks a lost device hears of it; it was lost in the work of the trial that a worker had.
        outcome = Err(first);
    }
    match &mut outcome {
        Ok(outcome) => match outcome.ended {
            Ended::Done | Ended::Exhausted | Ended::Reached(_) => workers.close(outcome.trials),
            Ended::TimeLimit | Ended::Interrupted => {
                let lanes = board.take_lanes();
                workers.save_all(&lanes, observer);
                if outcome.best.is_none() {
                    outcome.under_way = workers.keep_best(lanes, value_at, observer);
                }
            }
        },
        // What is trained is as good as before, whatever happened to the place where it is written down.
        Err(StudyError::Storage(_)) => workers.save_all(&board.take_lanes(), observer),
        // What lies on the device is lost with it; trials that were taken off it before are whole.
        Err(StudyError::DeviceLost { .. }) => workers.save_all(&board.take_lanes(), &mut ()),
        Err(_) => {}
    }
    outcome
}

/// Starts as many workers as there are threads to be had: how many does not change a result.
fn begin_workers<'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: &'scope (dyn Fn() + Sync),
    wanted: usize,
    observer: &mut dyn Observer,
) -> Result<(), StudyError> {
    for begun in 0..wanted {
        match (Builder::new().spawn_scoped(scope, work), begun) {
            (Ok(_), _) => {}
            (Err(source), 0) => return Err(StudyError::NoThread { source }),
            (Err(error), _) => {
                let message = format!("{begun} of {wanted} workers: the system has no more threads ({error})");
                observer.event(&Event::Warning { message: &message });
                return Ok(());
            }
        }
    }
    Ok(())
}

fn check(definition: &Definition, options: &ExecutorOptions) -> Result<(), StudyError> {
    let at_least_one =
        [("slots", definition.header.slots as usize), ("workers", options.workers), ("threads", options.threads)];
    for (name, value) in at_least_one {
        if value == 0 {
            return Err(StudyError::Setting { name, value: value.to_string(), allowed: "at least 1" });
        }
    }
    for (index, fixed) in definition.enqueued.iter().enumerate() {
        definition
            .space
            .partial_point(fixed)
            .map_err(|error| StudyError::Enqueued { index, detail: error.to_string() })?;
    }
    Ok(())
}
