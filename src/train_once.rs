//! One training run, without a search.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tunefork_data::Progress;
use tunefork_rng::Key;
use tunefork_space::Params;
use tunefork_study::{EpochRecord, MemberReport, Run, StopFlag, TrialContext, TrialProgress, Workload};
use tunefork_trial::TrialNumber;

use crate::files::write_atomically;
use crate::run_folder::epoch_tables;
use crate::workload::shortfalls;
use crate::{Error, Machine, Material, RunFolder, StudySpec, TestResult, Training};

/// How a single training run goes.
#[derive(Debug, Clone)]
pub struct TrainOptions {
    /// Where its results go: into the folder `train` inside.
    pub folder: RunFolder,
    /// Where data sets lie, if that was said.
    pub data_dir: Option<PathBuf>,
    /// What it runs on.
    pub machine: Machine,
    /// Raised to stop: the run then ends with [`Error::Interrupted`].
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
    /// The validation objective after that epoch.
    pub value: f64,
    /// What each training brought, if these are several: with folds or replicates.
    pub members: Vec<MemberReport>,
    /// The figures on the test images, if there are any.
    pub test: Option<TestResult>,
    /// The weights, a file for each training.
    pub models: Vec<PathBuf>,
}

/// Trains the configuration in which every parameter has its default: once, or on every fold and as
/// many times as the file says.
///
/// The draws are those of the study's trial `as_trial` where the file says so; then the results are
/// that trial's too.
///
/// # Errors
/// When the images cannot be used, or training cannot start or go on.
pub fn train(spec: &StudySpec, options: &TrainOptions, tell: &mut dyn FnMut(TrainEvent<'_>)) -> Result<Trained, Error> {
    // Refused before images are prepared for it.
    spec.device(&options.machine)?;
    let material = Material::open(spec, options.data_dir.as_deref(), &mut |progress| {
        tell(TrainEvent::Preparing(progress));
    })?;
    let gpu = options.machine.gpu();
    let streamed = gpu.and_then(|gpu| gpu.streams(&material.first().images));
    let shortfalls = shortfalls(&spec.alone(), spec.fixed(), material.first());
    let mut warnings = [&material.warnings[..], spec.notes_of_one(), &shortfalls[..]].concat();
    warnings.extend(streamed);
    tell(TrainEvent::Warnings(&warnings));
    let folder = options.folder.training();
    let training = Training::new(spec.clone(), material, options.machine.clone(), folder.join("model.safetensors"));
    let context = TrialContext {
        number: TrialNumber(spec.as_trial().unwrap_or(0)),
        key: match spec.as_trial() {
            Some(number) => Key::study(spec.seed()).trial(number),
            None => Key::study(spec.seed()),
        },
        params: Arc::new(spec.baseline()),
        blueprint: Arc::new(training.checked(&spec.baseline())?),
        threads: options.machine.threads(),
        stop: StopFlag::from(Arc::clone(&options.stop)),
        progress: TrialProgress::default(),
    };
    let mut run = training.start(&context, None)?;
    write_atomically(
        &folder.join("config.toml"),
        training.material().located(spec.fixed().clone()).to_toml().as_bytes(),
    )?;
    let mut epochs: Vec<EpochRecord> = Vec::new();
    while !is_over(&training, &context.params, &epochs) {
        let report = run.epoch()?.into();
        let record = EpochRecord { step: run.epochs_done(), time: 0, report };
        tell(TrainEvent::Epoch(&record));
        epochs.push(record);
        for (name, table) in epoch_tables(&epochs, spec.members()) {
            write_atomically(&folder.join(name), table.as_bytes())?;
        }
    }
    let last = epochs.last().expect("there was at least one epoch");
    training.keep(&context, &run)?;
    drop(run);
    let test = training.test(context.number.0, &context.params)?;
    if let Some(test) = &test {
        test.write(&folder.join("test.json"))?;
    }
    let counted = spec.value_at().pick(spec.direction(), &epochs, |epoch| epoch.report.value);
    let counted = counted.expect("there was at least one epoch");
    Ok(Trained {
        epoch: counted.step,
        value: counted.report.value,
        members: last.report.members.clone(),
        test,
        models: training.models(),
    })
}

fn is_over(training: &Training, params: &Params, epochs: &[EpochRecord]) -> bool {
    let values: Vec<f64> = epochs.iter().map(|epoch| epoch.report.value).collect();
    !values.is_empty() && training.is_over(params, &values)
}
