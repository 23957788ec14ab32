//! What a study will take, before anything runs.

use std::path::Path;

use tunefork_data::Progress;
use tunefork_graph::Cost;
use tunefork_nn::Layer;
use tunefork_rng::Key;
use tunefork_space::Params;

use crate::workload::{memory, task};
use crate::{Error, Machine, Material, StudySpec};

/// What a study will take.
#[derive(Debug, Clone)]
pub struct StudyPlan {
    /// Trials at most.
    pub trials: u64,
    /// Epochs of a trial that is not stopped.
    pub epochs: u32,
    /// Epochs after which a trial may be stopped.
    pub rungs: Vec<u32>,
    /// Configurations in the space; nothing where there is no end of them.
    pub points: Option<u64>,
    /// Training, validation and test images.
    pub images: [usize; 3],
    /// The values of the baseline's parameters.
    pub baseline: Params,
    /// The baseline's network, layer by layer.
    pub layers: Vec<Layer>,
    /// Bytes of the memory that the baseline's buffers share.
    pub arena_bytes: u64,
    /// Bytes of everything that training the baseline allocates, with one thread.
    pub planned_bytes: u64,
    /// Bytes that a trial may take.
    pub memory: u64,
    /// Work of an epoch of the baseline.
    pub epoch_cost: Cost,
    /// Images in a step of the baseline.
    pub batch_size: usize,
    /// What was left out of the images, as sentences.
    pub warnings: Vec<String>,
}

impl StudyPlan {
    /// Works it out; the images are opened, for their number and shape matter.
    ///
    /// # Errors
    /// When the images cannot be used, or the baseline cannot be built.
    pub fn new(
        spec: &StudySpec,
        machine: &Machine,
        data_dir: Option<&Path>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, Error> {
        let material = Material::open(spec.fixed(), data_dir, progress)?;
        let task = task(spec.fixed(), &material, Key::study(spec.seed()));
        let compiled = task.compile(&*machine.device(1, spec.fixed().word("precision"))?)?;
        let points = spec.space().parameters().iter().map(|p| p.domain.size());
        let points = points.reduce(|all, size| all?.checked_mul(size?)).flatten();
        let most = spec
            .sampler()
            .trials(spec.space())
            .map(|points| points + spec.enqueued().len() as u64);
        Ok(Self {
            trials: most.unwrap_or(u64::MAX).min(spec.trials().into()),
            epochs: spec.epochs(),
            rungs: spec.scheduler().rungs(spec.epochs()),
            points,
            images: [&task.split.train, &task.split.validation, &task.split.test]
                .map(|part| part.len()),
            baseline: spec.baseline(),
            layers: task
                .network
                .layers()
                .map_err(tunefork_train::TrainError::from)?,
            arena_bytes: compiled.plan.bytes().arena,
            planned_bytes: compiled.bytes,
            memory: memory(spec.fixed()),
            epoch_cost: compiled.epoch_cost,
            batch_size: task.spec.batch_size,
            warnings: material.warnings,
        })
    }

    /// Epochs of work if no trial is stopped early.
    pub fn most_epochs(&self) -> u64 {
        self.trials * u64::from(self.epochs)
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
