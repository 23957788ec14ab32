//! One training run, without a search.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tunefork_data::Progress;
use tunefork_rng::Key;
use tunefork_study::EpochRecord;
use tunefork_train::{TrainError, Trainer};

use crate::files::write_atomically;
use crate::workload::{figures, memory, model, task, timings};
use crate::{
    Error, Machine, Material, RunFolder, StudySpec, TestResult, classes_csv, confusion_csv,
    progress_csv,
};

/// How a single training run goes.
#[derive(Debug, Clone)]
pub struct TrainOptions {
    /// Where its results go: into the folder `train` inside.
    pub folder: RunFolder,
    /// Where data sets lie, if that was said.
    pub data_dir: Option<PathBuf>,
    /// What it runs on.
    pub machine: Machine,
    /// Raised to stop.
    pub stop: Arc<AtomicBool>,
}

/// What a training run tells while it goes on.
#[derive(Debug)]
pub enum TrainEvent<'a> {
    /// How far the first preparation of a data set is.
    Preparing(Progress),
    /// Files that were left out, as sentences.
    Warnings(&'a [String]),
    /// An epoch was trained and validated.
    Epoch(&'a EpochRecord),
}

/// What a training run brought.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// The epoch that counts.
    pub epoch: u32,
    /// Its value.
    pub value: f64,
    /// Its figures on the test images, if there are any.
    pub test: Option<TestResult>,
    /// The weights.
    pub model: PathBuf,
}

/// Trains the configuration in which every parameter has its default.
///
/// The draws are those of the study's trial `as_trial` where the file says so; then the results are
/// that trial's too.
///
/// # Errors
/// When the images cannot be used, or training cannot start or go on.
pub fn train(
    spec: &StudySpec,
    options: &TrainOptions,
    tell: &mut dyn FnMut(TrainEvent<'_>),
) -> Result<Trained, Error> {
    let material = Material::open(spec.fixed(), options.data_dir.as_deref(), &mut |progress| {
        tell(TrainEvent::Preparing(progress));
    })?;
    let gpu = options.machine.gpu();
    let streamed = gpu.and_then(|gpu| gpu.streams(&material.images));
    let warnings: Vec<String> = material.warnings.iter().cloned().chain(streamed).collect();
    tell(TrainEvent::Warnings(&warnings));
    let key = match spec.as_trial() {
        Some(number) => Key::study(spec.seed()).trial(number),
        None => Key::study(spec.seed()),
    };
    let device = options
        .machine
        .device(options.machine.threads(), spec.fixed().word("precision"))?;
    let task = task(spec.fixed(), &material, key);
    let mut trainer = Trainer::within(task, &*device, memory(spec.fixed()))?;
    let folder = options.folder.training();
    write_atomically(
        &folder.join("config.toml"),
        spec.fixed().to_toml().as_bytes(),
    )?;
    let mut epochs = Vec::new();
    while !trainer.is_over() {
        let record = epoch(&mut trainer, &material, &options.stop)?;
        tell(TrainEvent::Epoch(&record));
        epochs.push(record);
        write_atomically(
            &folder.join("progress.csv"),
            progress_csv(&epochs).as_bytes(),
        )?;
    }
    if let Some(last) = epochs.last() {
        write_atomically(&folder.join("classes.csv"), classes_csv(&epochs).as_bytes())?;
        write_atomically(
            &folder.join("confusion.csv"),
            confusion_csv(last).as_bytes(),
        )?;
    }
    let path = folder.join("model.safetensors");
    write_atomically(&path, &model(&trainer)?.to_bytes()?)?;
    let counted = trainer.value().expect("there was at least one epoch");
    let test = match material.split.test.is_empty() {
        true => None,
        false => {
            let evaluation = trainer.evaluate(&material.split.test)?;
            let test = TestResult::new(spec.as_trial().unwrap_or(0), &evaluation);
            test.write(&folder.join("test.json"))?;
            Some(test)
        }
    };
    Ok(Trained {
        epoch: counted.epoch,
        value: counted.value,
        test,
        model: path,
    })
}

fn epoch(
    trainer: &mut Trainer,
    material: &Material,
    stop: &AtomicBool,
) -> Result<EpochRecord, Error> {
    let metrics = match trainer.epoch_unless(&|| stop.load(Ordering::Relaxed)) {
        Err(TrainError::Interrupted { .. }) => return Err(Error::Interrupted),
        metrics => metrics?,
    };
    Ok(EpochRecord {
        step: metrics.epoch,
        value: trainer.task().spec.objective.of(&metrics.validation),
        time: 0,
        metrics: figures(&metrics, material.classes()),
        observed: timings(&metrics),
    })
}
