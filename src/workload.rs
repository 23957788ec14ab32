//! What lets a study run `train`: parameters become a network in training.

use std::path::PathBuf;
use std::sync::Arc;

use tunefork_export::Model;
use tunefork_rng::Key;
use tunefork_space::Params;
use tunefork_study::{
    Blueprint, Cost, EpochReport, FailureKind, Run, StopFlag, TrialContext, TrialFailure, Workload,
};
use tunefork_train::{
    Compiled, Device, DeviceError, EpochMetrics, Evaluation, Task, Tensor, TrainError, Trainer,
};

use crate::files::write_atomically;
use crate::parking::{Parkable, Parking};
use crate::{Config, Error, Machine, Material, StudySpec};

/// Confusion matrices are kept for no more classes than this: they grow with the square.
const MOST_CLASSES_CONFUSED: usize = 32;

/// Trains the networks of a study.
#[derive(Debug)]
pub struct Training {
    spec: StudySpec,
    material: Material,
    machine: Machine,
    parking: Arc<Parking>,
    /// Where the best trial's model is kept.
    model: PathBuf,
}

/// A trial in training.
pub struct TrainingRun {
    trainer: Parkable,
    stop: StopFlag,
    classes: Vec<String>,
}

impl Training {
    /// Trains on `machine`; the best trial's weights are written to `model`.
    pub fn new(spec: StudySpec, material: Material, machine: Machine, model: PathBuf) -> Self {
        Self {
            parking: Parking::new(machine.clone(), spec.fixed().word("precision")),
            spec,
            material,
            machine,
            model,
        }
    }

    /// The images.
    pub fn material(&self) -> &Material {
        &self.material
    }

    /// How weights do on the test images.
    pub(crate) fn test(&self, params: &Params, weights: &[Tensor]) -> Result<Evaluation, Error> {
        let config = self.spec.config(params);
        let task = task(&config, &self.material, Key::study(0));
        let device = self
            .machine
            .device(self.machine.threads(), config.word("precision"))?;
        let measure = || {
            let mut trainer = Trainer::new(task.clone(), &*device)?;
            trainer.set_weights(weights)?;
            trainer.evaluate(&self.material.split.test)
        };
        // As in training, a device that fails is given one more chance.
        Ok(match measure() {
            Err(TrainError::Engine(_)) => measure(),
            measured => measured,
        }?)
    }

    fn compile(&self, params: &Params, key: Key) -> Result<(Task, Compiled), TrainError> {
        let config = self.spec.config(params);
        let task = task(&config, &self.material, key);
        // One thread: what fits must not depend on how many there are.
        let device = self.device(1)?;
        let compiled = task.compile_within(&*device, memory(&config))?;
        Ok((task, compiled))
    }

    fn device(&self, threads: usize) -> Result<Box<dyn Device>, TrainError> {
        self.machine
            .device(threads, self.spec.fixed().word("precision"))
            .map_err(|error| TrainError::Engine(Box::new(error)))
    }
}

/// The training run that a configuration describes.
pub fn task(config: &Config, material: &Material, key: Key) -> Task {
    Task {
        network: config.network(material.shape(), material.classes().len()),
        spec: config.train_spec(),
        images: material.images.clone(),
        split: Arc::clone(&material.split),
        key,
    }
}

/// Bytes that a trial may take.
pub(crate) fn memory(config: &Config) -> u64 {
    config
        .whole("memory")
        .unsigned_abs()
        .saturating_mul(1 << 20)
}

/// The model of the epoch that counts, with all that is needed to use it.
///
/// # Errors
/// When the engine fails.
pub fn model(trainer: &Trainer) -> Result<Model, TrainError> {
    let task = trainer.task();
    let tensor = |tensor: Tensor| tunefork_export::Tensor {
        name: tensor.name,
        shape: tensor.shape,
        values: tensor.values,
    };
    Ok(Model {
        network: task.network.clone(),
        normalisation: task.images.normalisation.clone(),
        fit: task.images.data.fit(),
        classes: task.images.data.classes().to_vec(),
        tensors: trainer.weights()?.into_iter().map(tensor).collect(),
    })
}

impl Workload for Training {
    type Run = TrainingRun;

    fn blueprint(&self, params: &Params) -> Result<Blueprint, TrialFailure> {
        let (task, compiled) = self.compile(params, Key::study(0)).map_err(failure)?;
        Ok(Blueprint {
            epochs: task.spec.epochs,
            epoch_cost: Cost {
                flops: compiled.epoch_cost.flops,
                bytes: compiled.epoch_cost.bytes,
                steps: compiled.epoch_cost.steps,
            },
            arena_bytes: compiled.plan.bytes().total(),
            plan_key: compiled.plan.key.clone(),
        })
    }

    fn is_over(&self, params: &Params, values: &[f64]) -> bool {
        self.spec.config(params).train_spec().is_over(values)
    }

    fn start(
        &self,
        trial: &TrialContext,
        checkpoint: Option<&[u8]>,
    ) -> Result<TrainingRun, TrialFailure> {
        let task = task(&self.spec.config(&trial.params), &self.material, trial.key);
        let trainer = self.parking.start(task, trial.threads, checkpoint);
        let trainer = trainer.map_err(crowded)?;
        let (stop, classes) = (trial.stop.clone(), self.material.classes().to_vec());
        Ok(TrainingRun {
            trainer,
            stop,
            classes,
        })
    }

    fn keep(&self, _: &TrialContext, run: &TrainingRun) -> Result<(), TrialFailure> {
        let halt = |error: Error| TrialFailure::new(FailureKind::Halt, error.to_string());
        let model = run
            .trainer
            .with(|trainer| model(trainer))
            .map_err(crowded)?;
        let bytes = model.to_bytes().map_err(|error| halt(error.into()))?;
        write_atomically(&self.model, &bytes).map_err(halt)
    }
}

impl Run for TrainingRun {
    fn epochs_done(&self) -> u32 {
        self.trainer.epochs_done()
    }

    fn epoch(&mut self) -> Result<EpochReport, TrialFailure> {
        let stop = self.stop.clone();
        let epoch = self.trainer.with(|trainer| {
            let metrics = trainer.epoch_unless(&|| stop.is_raised())?;
            let value = trainer.task().spec.objective.of(&metrics.validation);
            Ok((metrics, value))
        });
        let (metrics, value) = epoch.map_err(crowded)?;
        Ok(EpochReport {
            value,
            metrics: figures(&metrics, &self.classes),
            observed: timings(&metrics),
        })
    }

    fn checkpoint(&self) -> Result<Vec<u8>, TrialFailure> {
        self.trainer.checkpoint().map_err(failure)
    }
}

/// The figures of an epoch that are equal in equal runs, by name; those of single classes have the
/// class after a slash: `recall/cat`.
pub fn figures(metrics: &EpochMetrics, classes: &[String]) -> Vec<(String, f64)> {
    let confusion = &metrics.validation.confusion;
    let named = |name: &str, value: f64| (name.to_string(), value);
    let mut figures = vec![
        named("train_loss", metrics.train_loss),
        named("train_accuracy", metrics.train_accuracy),
        named("loss", metrics.validation.loss),
        named("accuracy", metrics.validation.accuracy()),
        named("precision", confusion.macro_precision()),
        named("recall", confusion.macro_recall()),
        named("f1", confusion.macro_f1()),
        named("gap", metrics.overfitting_gap()),
        named("last_learning_rate", metrics.learning_rate),
    ];
    for (class, name) in classes.iter().enumerate() {
        figures.push((format!("precision/{name}"), confusion.precision(class)));
        figures.push((format!("recall/{name}"), confusion.recall(class)));
        figures.push((format!("f1/{name}"), confusion.f1(class)));
    }
    if classes.len() > MOST_CLASSES_CONFUSED {
        return figures;
    }
    for (actual, name) in classes.iter().enumerate() {
        for (predicted, other) in classes.iter().enumerate() {
            let count = confusion.count(actual, predicted);
            if count > 0 {
                figures.push((format!("confusion/{name}/{other}"), count as f64));
            }
        }
    }
    figures
}

/// The figures of an epoch that differ from run to run.
pub fn timings(metrics: &EpochMetrics) -> Vec<(String, f64)> {
    vec![
        ("seconds".to_string(), metrics.seconds),
        ("validation_seconds".to_string(), metrics.validation_seconds),
        ("images_per_second".to_string(), metrics.images_per_second()),
    ]
}

/// What an error means in a trial that fits the device: if it does not fit now, others hold the memory,
/// which no clock can know.
fn crowded(error: TrainError) -> TrialFailure {
    match error {
        TrainError::DoesNotFit { .. } => TrialFailure::new(
            FailureKind::Fault,
            format!("{error}; other programs may hold the device's memory: end them first"),
        ),
        error => failure(error),
    }
}

/// Whether there is no device any more: each trial would fail of that, so none is to blame.
fn is_gone(reason: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    matches!(
        reason.downcast_ref::<DeviceError>(),
        Some(DeviceError::Unavailable(_))
    )
}

/// What a trial's error means for the study.
fn failure(error: TrainError) -> TrialFailure {
    let kind = match &error {
        TrainError::Engine(reason) if is_gone(&**reason) => FailureKind::Halt,
        TrainError::Diverged { .. } => FailureKind::Diverged,
        TrainError::DoesNotFit { .. } => FailureKind::DoesNotFit,
        TrainError::Interrupted { .. } => FailureKind::Interrupted,
        TrainError::Engine(_) | TrainError::Checkpoint(_) | TrainError::Unfinished => {
            FailureKind::Fault
        }
        _ => FailureKind::InvalidConfiguration,
    };
    TrialFailure::new(kind, error.to_string())
}
