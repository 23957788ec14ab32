//! What lets a study run `train`: parameters become networks in training.

mod checkpoint;
mod failure;
mod figures;
mod region;
mod run;
mod shortfalls;
mod task;
#[cfg(test)]
mod tests;
mod trainer_pool;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tunefork_export::Model;
use tunefork_report::PARAMETERS;
use tunefork_rng::Key;
use tunefork_space::Params;
use tunefork_study::{Blueprint, Cost, FailureKind, Member, TrialContext, TrialFailure, Workload};
use tunefork_train::{Compiled, Device, EngineError, Predictor, Task, TrainError, Trainer};

use crate::files::write_atomically;
use crate::run_folder::{Kept, Mistakes, digest, digest_of, model_of, models};
use crate::{Config, Division, Error, Machine, Material, StudySpec, TestResult};
use failure::{crowded, failure};
use trainer_pool::TrainerPool;

pub(crate) use figures::{of_class, of_evaluation};
pub use run::TrainingRun;
pub(crate) use shortfalls::shortfalls;
pub(crate) use task::memory;
pub use task::{model, task};

/// Validation images that are looked at for pictures of mistakes: the CPU is quick with so many, whatever trains.
const MOST_LOOKED_AT: usize = 1000;

/// Trains the networks of a study.
#[derive(Debug)]
pub struct Training {
    spec: StudySpec,
    material: Material,
    machine: Machine,
    pool: Arc<TrainerPool>,
    /// Where the best trial's model is kept.
    model: PathBuf,
    /// Where it is noted whose that is, and what the study is called there.
    note: Option<(PathBuf, String)>,
    /// What is known of configurations that are planned alike: why they cannot be trained, if they cannot.
    obstacles: Mutex<HashMap<String, Option<TrialFailure>>>,
}

impl Training {
    /// Trains on `machine`; the best trial's weights are written to `model`. Where trials are several
    /// trainings, each has a file of its own beside it, see [`Training::models`].
    pub fn new(spec: StudySpec, material: Material, machine: Machine, model: PathBuf) -> Self {
        let pool = TrainerPool::new(machine.clone(), spec.fixed().precision());
        Self { pool, spec, material, machine, model, note: None, obstacles: Mutex::default() }
    }

    /// Notes in a file whose models are kept, so that those of another trial or study are not taken for them.
    pub(crate) fn noting(self, path: PathBuf, study: String) -> Self {
        Self { note: Some((path, study)), ..self }
    }

    /// The images that it trains on, with their divisions.
    pub fn material(&self) -> &Material {
        &self.material
    }

    /// The files of the best trial's weights, one for each of its trainings.
    pub fn models(&self) -> Vec<PathBuf> {
        models(&self.model, self.spec.members())
    }

    fn model_of(&self, member: Member) -> PathBuf {
        model_of(&self.model, self.spec.members(), member)
    }

    /// How the models that were kept of this trial do on the test images; nothing where there are none.
    pub(crate) fn test(&self, trial: u32, params: &Params) -> Result<Option<TestResult>, Error> {
        if self.material.first().split.test.is_empty() {
            return Ok(None);
        }
        let config = self.spec.config(params);
        let mut results = Vec::new();
        for member in self.spec.members().all() {
            let model = Model::read(&self.model_of(member))?;
            results.push((member, self.evaluate(&config, member, model)?));
        }
        Ok(Some(TestResult::new(trial, &results)))
    }

    /// The validation images of which the first model of this trial that was kept is surest that they are what they are not.
    pub(crate) fn mistakes(&self, trial: u32) -> Result<Mistakes, Error> {
        let Division { images, split } = self.material.first();
        let first = Member { replicate: 0, fold: 0 };
        let model = Model::read(&self.model_of(first))?;
        let looked_at = &split.validation[..split.validation.len().min(MOST_LOOKED_AT)];
        let mut predictor = Predictor::new(model.network, &model.tensors, &self.machine.cpu())?;
        let probabilities = predictor.probabilities(images, looked_at)?;
        Ok(Mistakes::new(trial, images, looked_at, &probabilities))
    }

    fn evaluate(&self, config: &Config, member: Member, model: Model) -> Result<tunefork_train::Evaluation, Error> {
        let task = self.task(config, member, Key::study(0));
        let device = self.machine.device(self.machine.threads(), config.precision())?;
        let measure = || {
            let mut trainer = Trainer::new(task.clone(), &*device)?;
            trainer.set_weights(&model.tensors)?;
            trainer.evaluate(&task.split.test)
        };
        // As in training, a device that fails is given one more chance, unless it is lost.
        Ok(match measure() {
            Err(TrainError::Engine(EngineError::Failed(_) | EngineError::OutOfMemory(_))) => measure(),
            measured => measured,
        }?)
    }

    /// What one of the trainings of a trial with this key does.
    fn task(&self, config: &Config, member: Member, key: Key) -> Task {
        let division = &self.material.divisions[member.fold as usize];
        let key = key.replicate(member.replicate).fold(member.fold);
        let mut task = task(config, division, key);
        if self.spec.members().are_several() {
            // When a trial is over is seen from the mean of all, not by each for itself.
            task.spec.early_stop = None;
        }
        task
    }

    fn compile(&self, config: &Config, fold: u32) -> Result<Compiled, TrainError> {
        let members = self.spec.members();
        let replicate = 0;
        let task = self.task(config, Member { replicate, fold }, Key::study(0));
        // One thread: what fits must not depend on how many there are.
        let device = self.device(1)?;
        task.compile_within(&*device, memory(config) / u64::from(members.at_once()))
    }

    /// What it means for a trial that one of its trainings cannot be.
    fn unfit(&self, error: TrainError) -> TrialFailure {
        let at_once = self.spec.members().at_once();
        let mut failure = failure(error);
        if at_once > 1 && failure.kind == FailureKind::DoesNotFit {
            let trainings = format!("{at_once} trainings share a trial's memory: ");
            failure.message.insert_str(0, &trainings);
        }
        failure
    }

    fn device(&self, threads: usize) -> Result<Box<dyn Device>, TrainError> {
        Ok(self.machine.device(threads, self.spec.fixed().precision()).map_err(EngineError::failed)?)
    }
}

impl Workload for Training {
    type Run = TrainingRun;

    /// Work and bytes are those of all trainings that are trained side by side; of folds that come one
    /// after another, those of the largest.
    fn blueprint(&self, params: &Params) -> Result<Blueprint, TrialFailure> {
        let config = self.spec.config(params);
        let members = self.spec.members();
        let folds = (0..members.folds).map(|fold| self.compile(&config, fold).map_err(|error| self.unfit(error)));
        let folds = folds.collect::<Result<Vec<Compiled>, _>>()?;
        let all = |of: fn(&Compiled) -> u64| {
            let folds = folds.iter().map(of);
            let together = match members.sequential {
                true => folds.max().unwrap_or(0),
                false => folds.sum(),
            };
            together * u64::from(members.replicates)
        };
        Ok(Blueprint {
            epochs: members.epochs(config.train_spec().epochs),
            epoch_cost: Cost {
                flops: all(|compiled| compiled.epoch_cost.flops),
                bytes: all(|compiled| compiled.epoch_cost.bytes),
                steps: all(|compiled| compiled.epoch_cost.steps),
            },
            plan_bytes: all(|compiled| compiled.plan.bytes().total()),
            plan_key: folds[0].plan.key.clone(),
        })
    }

    /// The number of trained values, by which Optuna's tools and the report compare networks.
    fn attributes(&self, params: &Params) -> Vec<(String, serde_json::Value)> {
        let images = &self.material.first().images.data;
        let network = self.spec.config(params).network(images.shape(), images.classes().len());
        network.parameter_count().map(|count| (PARAMETERS.to_owned(), count.into())).into_iter().collect()
    }

    fn is_over(&self, params: &Params, values: &[f64]) -> bool {
        let spec = self.spec.config(params).train_spec();
        match self.spec.members() {
            // The file does not let folds in sequence end early.
            members if members.sequential => values.len() as u32 >= members.epochs(spec.epochs),
            _ => spec.is_over(values),
        }
    }

    fn start(&self, trial: &TrialContext, checkpoint: Option<&[u8]>) -> Result<TrainingRun, TrialFailure> {
        let config = self.spec.config(&trial.params);
        let members = self.spec.members();
        let tasks = members.all();
        let tasks = tasks.map(|member| (member, self.task(&config, member, trial.key)));
        TrainingRun::start(&self.pool, members, tasks.collect(), trial, checkpoint)
    }

    fn keep(&self, trial: &TrialContext, run: &TrainingRun) -> Result<(), TrialFailure> {
        let halt = |error: Error| TrialFailure::new(FailureKind::Halt, error.to_string());
        let mut digests = BTreeMap::new();
        run.each(|member, trainer| {
            let model = trainer.with(|trainer| model(trainer)).map_err(crowded)?;
            let bytes = model.to_bytes().map_err(|error| halt(error.into()))?;
            digests.insert(self.model_of(member), digest(&bytes));
            write_atomically(&self.model_of(member), &bytes).map_err(halt)
        })?;
        let Some((path, study)) = &self.note else { return Ok(()) };
        // Of folds in sequence, those that are over may have been written before.
        let of = |model: &PathBuf| digests.get(model).cloned().or_else(|| digest_of(model));
        let sha256 = self.models().iter().filter_map(of).collect();
        Kept { study: study.clone(), trial: trial.number.0, sha256 }.write(path).map_err(halt)
    }

    fn has_kept(&self, trial: &TrialContext) -> bool {
        let Some((path, study)) = &self.note else { return true };
        let found: Option<Vec<String>> = self.models().iter().map(|model| digest_of(model)).collect();
        let found = found.map(|sha256| Kept { study: study.clone(), trial: trial.number.0, sha256 });
        found.is_some() && found == Kept::read(path)
    }
}
