//! How many trials a GPU takes side by side.

use tunefork_graph::ImageSet as _;
use tunefork_report::counted;
use tunefork_rng::Key;
use tunefork_space::Params;
use tunefork_train::TrainError;

use crate::workload::task;
use crate::{Error, Machine, RunOptions, StudySpec, Training};

/// What the trials of a study take of a GPU, by the one of the default configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardRoom {
    /// Trials that there is memory for now, at least one: with more, some would be evicted between two epochs.
    pub trials: usize,
    /// Bytes of one; of several trainings, those of all that are trained side by side.
    pub trial_bytes: u64,
    /// Bytes of the images, which all trials share.
    pub image_bytes: u64,
}

impl CardRoom {
    /// What there is now, for trials like this one; nothing without a GPU.
    ///
    /// # Errors
    /// When it cannot be trained, or the GPU does not answer.
    pub(crate) fn look(
        spec: &StudySpec,
        machine: &Machine,
        training: &Training,
        example: &Params,
    ) -> Result<Option<Self>, Error> {
        if machine.gpu().is_none() {
            return Ok(None);
        }
        let task = task(&spec.config(example), training.material().first(), Key::study(spec.seed()));
        let device = spec.device(machine)?;
        let compiled = task.compile(&*device)?;
        let Some(room) = device.room(&task.images).map_err(TrainError::from)? else { return Ok(None) };
        let trial_bytes = compiled.engine_bytes * u64::from(spec.members().at_once());
        let images = task.images.labels().len() * (task.images.image().elements() + size_of::<u16>());
        let trials = (room.free / trial_bytes.max(1)).clamp(1, spec.slots().into()) as usize;
        Ok(Some(Self { trials, trial_bytes, image_bytes: images as u64 }))
    }
}

/// Sentences about a GPU, if one trains: that more trials were asked for than it has room for, and where the images lie.
pub(crate) fn about_gpu(options: &RunOptions, training: &Training, card: Option<CardRoom>) -> Vec<String> {
    let Some(gpu) = options.machine.gpu() else { return Vec::new() };
    let asked = options.workers.zip(card).filter(|(workers, card)| *workers > card.trials);
    let crowded = asked.map(|(workers, card)| {
        format!(
            "{} has room for {} side by side: with --workers {workers} some are evicted between epochs, which changes no \
             result but takes time",
            gpu.name(),
            counted(card.trials, "trial")
        )
    });
    crowded.into_iter().chain(gpu.streams(&training.material().first().images)).collect()
}
