//! Measures how fast a network is trained, and how much memory that takes.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use tunefork_data::{Progress, Split};
use tunefork_rng::Key;
use tunefork_train::{Precision, Trainer};

use crate::workload::task;
use crate::{Error, Machine, Material, StudySpec};

/// Timed windows; the median of them is reported. One more before them warms up.
pub const WINDOWS: u32 = 5;

/// What of the measurement may be set; the study file says the rest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BenchOptions {
    /// Training images in a window; by default all.
    pub images: Option<usize>,
    /// Images in a step, instead of the file's.
    pub batch: Option<usize>,
}

/// Speed and memory of the training of a study's baseline.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BenchResult {
    /// Name of the study.
    pub name: String,
    /// Seconds for 1,000 training images, the median of all windows: data, forward, backward and
    /// optimizer.
    pub s_per_1000_images: f64,
    /// Seconds for 1,000 images in the fastest window.
    pub min: f64,
    /// Seconds for 1,000 images in the slowest window.
    pub max: f64,
    /// Billions of floating-point operations a second.
    pub gflops: f64,
    /// Bytes that the run was planned to allocate, images left out; those on a GPU included.
    pub planned_bytes: u64,
    /// Bytes of them that the engine allocates on its device: nothing of them is the host's on a GPU.
    pub engine_bytes: u64,
    /// The process's peak resident bytes, where the system tells.
    pub peak_bytes: Option<u64>,
    /// Trainable values of the network.
    pub params: u64,
    /// Images in a step.
    pub batch: usize,
    /// Images in a window.
    pub images: u64,
    /// Device: `cpu` or `cuda`.
    pub device: &'static str,
    /// Name of the GPU, if that is the device.
    pub gpu: Option<String>,
    /// Why the images are copied to the GPU step by step, if they are.
    pub streamed: Option<String>,
    /// CPU threads that trained.
    pub threads: usize,
    /// In what numbers the engine multiplies.
    pub precision: Precision,
    /// Instruction set of the CPU, such as `avx2`.
    pub isa: &'static str,
}

/// Measures the baseline of a study.
///
/// # Errors
/// When the images cannot be used, or training cannot start or go on.
pub fn bench(
    spec: &StudySpec,
    options: &BenchOptions,
    machine: &Machine,
    data_dir: Option<&Path>,
    progress: &mut dyn FnMut(Progress),
) -> Result<BenchResult, Error> {
    let material = Material::open(spec, data_dir, progress)?;
    let mut task = task(spec.fixed(), material.first(), Key::study(spec.seed()));
    task.spec.epochs = 1 + WINDOWS;
    if let Some(batch) = options.batch {
        task.spec.batch_size = batch;
    }
    if let Some(images) = options.images {
        let mut split = Split::clone(&material.first().split);
        split.train.truncate(images);
        task.split = Arc::new(split);
    }
    let device = machine.device(machine.threads(), spec.fixed().precision())?;
    let trainer = Trainer::new(task, &*device);
    let mut trainer = trainer.map_err(|error| spec.placed(error.into()))?;
    trainer.epoch()?;
    let mut windows = Vec::new();
    let mut images = 0;
    for _ in 0..WINDOWS {
        let metrics = trainer.epoch()?;
        images = metrics.images;
        windows.push(metrics.seconds / metrics.images as f64 * 1000.0);
    }
    windows.sort_by(f64::total_cmp);
    let median = windows[windows.len() / 2];
    let compiled = trainer.compiled();
    let batch = trainer.task().spec.batch_size;
    let flops_per_image = compiled.plan.training.cost.flops as f64 / batch as f64;
    Ok(BenchResult {
        name: spec.name().to_string(),
        s_per_1000_images: median,
        min: windows[0],
        max: windows[windows.len() - 1],
        gflops: flops_per_image * 1000.0 / median / 1e9,
        planned_bytes: compiled.bytes,
        engine_bytes: compiled.engine_bytes,
        peak_bytes: peak_bytes(),
        params: compiled.plan.parameter_count() as u64,
        batch,
        images,
        device: machine.name(),
        gpu: machine.gpu().map(|gpu| gpu.name().to_string()),
        streamed: machine.gpu().and_then(|gpu| gpu.streams(&trainer.task().images)),
        threads: machine.threads(),
        precision: spec.fixed().precision(),
        isa: machine.isa(),
    })
}

/// The most memory this process ever had, as Linux tells.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}
