//! What a study will take, before anything runs.

mod card;
mod gaps;
mod time;

use std::path::{Path, PathBuf};

use tunefork_data::Progress;
use tunefork_graph::Cost;
use tunefork_nn::Layer;
use tunefork_rng::Key;
use tunefork_space::Params;

use self::gaps::Gaps;
use crate::workload::{memory, shortfalls, task};
use crate::{Error, Experiment, Machine, Material, StudySpec, Training};

pub use card::CardRoom;
pub(crate) use card::about_gpu;
pub(crate) use gaps::never_tried;
pub use time::{Concurrency, StudyTime};

/// What a study will take.
#[derive(Debug, Clone)]
pub struct StudyPlan {
    /// Trials at most: as many as asked for, or as the space has points.
    pub trials: u64,
    /// Fewest and most epochs of a trial that is not stopped.
    pub epochs: (u32, u32),
    /// Epochs of all trials if none is stopped; where a search chooses them, at most.
    pub most_epochs: u64,
    /// The experiments whose runs the trials are.
    pub experiments: Vec<PlannedExperiment>,
    /// Epochs after which a trial may be stopped.
    pub rungs: Vec<u32>,
    /// Configurations in the space; nothing where there is no end of them.
    pub points: Option<u64>,
    /// Training, validation and test images.
    pub images: [usize; 3],
    /// The baseline: the default of every parameter or, where these together cannot be trained, values that can.
    pub baseline: Params,
    /// The baseline's network, layer by layer.
    pub layers: Vec<Layer>,
    /// Bytes of the memory that the baseline's buffers share.
    pub arena_bytes: u64,
    /// Bytes of everything that training the baseline and saving its state allocates, with one thread; of
    /// several trainings, those of all that are trained side by side.
    pub planned_bytes: u64,
    /// Bytes that a trial may take.
    pub memory: u64,
    /// Work of an epoch of the baseline.
    pub epoch_cost: Cost,
    /// Images in a step of the baseline.
    pub batch_size: usize,
    /// How many trials a GPU takes side by side, if one trains.
    pub card: Option<CardRoom>,
    /// About how long it takes, if that was measured.
    pub time: Option<StudyTime>,
    /// What was left out of the images, and what of the file is not used, as sentences.
    pub warnings: Vec<String>,
}

/// What an experiment will take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedExperiment {
    /// The experiment's name in the file.
    pub name: String,
    /// Runs that it lists.
    pub runs: u64,
    /// Trials that these are: equal configurations are trained once.
    pub trials: u64,
    /// Epochs of these trials if none is stopped.
    pub epochs: u64,
}

impl StudyPlan {
    /// Works it out; the images are opened, for their number and shape matter. With `measured`, some
    /// configurations are trained for a moment, which tells about how long the study takes.
    ///
    /// # Errors
    /// When the images cannot be used, or no configuration can be trained.
    pub fn new(
        spec: &StudySpec,
        machine: &Machine,
        data_dir: Option<&Path>,
        measured: bool,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, Error> {
        let material = Material::open(spec, data_dir, progress)?;
        let training = Training::new(spec.clone(), material, machine.clone(), PathBuf::new());
        let material = training.material();
        let baseline = training.example()?;
        let config = spec.config(&baseline);
        let task = task(&config, material.first(), Key::study(spec.seed()));
        let compiled = task.compile(&*spec.device(machine)?)?;
        let points = spec.space().parameters().iter().map(|p| p.domain.size());
        let points = points.reduce(|all, size| all?.checked_mul(size?)).flatten();
        let Gaps { sentences, trainable } = gaps::gaps(spec, &training);
        let trials = most_trials(spec, trainable);
        let mut warnings = [&material.warnings[..], spec.notes()].concat();
        let gpu = machine.gpu();
        warnings.extend(gpu.and_then(|gpu| gpu.streams(&material.first().images)));
        warnings.extend(shortfalls(spec, &config, material.first()));
        warnings.extend(sentences);
        let card = CardRoom::look(spec, machine, &training, &baseline)?;
        let concurrency = Concurrency::new(spec, machine, None, card);
        let time = match measured.then(|| StudyTime::measure(spec, machine, &training, &config, trials, concurrency)) {
            Some(Ok(time)) => Some(time),
            Some(Err(error)) => {
                warnings.push(format!("how long it takes is not known: {error}"));
                None
            }
            None => None,
        };
        let epochs = spec.epochs_range();
        Ok(Self {
            trials,
            epochs,
            most_epochs: match spec.experiments() {
                [] => trials * u64::from(epochs.1),
                _ => given_epochs(spec, 0..spec.trials()),
            },
            experiments: spec.experiments().iter().map(|e| planned(spec, e)).collect(),
            rungs: spec.scheduler().used_rungs(epochs.1),
            points,
            images: [&task.split.train, &task.split.validation, &task.split.test].map(|part| part.len()),
            baseline,
            layers: task.network.layers().map_err(tunefork_train::TrainError::from)?,
            arena_bytes: compiled.plan.bytes().arena,
            planned_bytes: compiled.most_bytes() * u64::from(spec.members().at_once()),
            memory: memory(spec.fixed()),
            epoch_cost: compiled.epoch_cost,
            batch_size: task.spec.batch_size,
            card,
            time,
            warnings,
        })
    }

    /// Trainable values of the baseline's network.
    pub fn parameters(&self) -> u64 {
        self.layers.iter().map(Layer::parameters).sum()
    }

    /// Floating-point operations of the baseline's forward pass of one image.
    pub fn flops(&self) -> u64 {
        self.layers.iter().map(Layer::flops).sum()
    }
}

/// Trials at most: a space may hold fewer points than are asked for, and fewer of these that can be trained.
fn most_trials(spec: &StudySpec, trainable: Option<u64>) -> u64 {
    let points = spec.sampler().trials(spec.space());
    let points = points.map(|points| points.min(trainable.unwrap_or(points)));
    let most = points.map(|points| points.saturating_add(spec.enqueued().len() as u64));
    most.unwrap_or(u64::MAX).min(spec.trials().into())
}

fn planned(spec: &StudySpec, experiment: &Experiment) -> PlannedExperiment {
    let trials = experiment.trials();
    PlannedExperiment {
        name: experiment.name.clone(),
        runs: experiment.runs.len() as u64,
        trials: trials.len() as u64,
        epochs: given_epochs(spec, trials),
    }
}

fn given_epochs(spec: &StudySpec, trials: impl IntoIterator<Item = u32>) -> u64 {
    let points = trials.into_iter().map(|trial| &spec.enqueued()[trial as usize]);
    points.map(|point| u64::from(spec.epochs_of(point))).sum()
}
