//! The epoch loop over an engine: batches, metrics, checkpoints.
//!
//! A [`Task`] says what is trained on what. On a [`Device`] it can be [compiled](Task::compile), which
//! tells its exact bytes and cost before anything is allocated, and trained by a [`Trainer`]: epoch by
//! epoch, with [metrics](EpochMetrics) for each, and with [checkpoints](Trainer::checkpoint) that
//! continue with the same bits. A [`Predictor`] puts the trained weights to work.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod average;
mod batch;
mod checkpoint;
mod course;
mod error;
mod metrics;
mod mixing;
mod predict;
mod spec;
mod task;
mod trainer;
mod weights;

pub use batch::Images;
pub use course::Plateau;
pub use error::{CheckpointError, LossAt, TrainError, WeightsError};
pub use metrics::{Confusion, EpochMetrics, Evaluation};
pub use predict::Predictor;
pub use spec::{At, ClassWeights, LastBatch, Objective, TrainSpec};
pub use task::{Compiled, Task};
pub use trainer::{EpochValue, Trainer};
pub use tunefork_cpu::Cpu;
pub use tunefork_cuda::{Card, Company, Cuda};
pub use tunefork_graph::{
    Batch, Device, Engine, EngineError, Evaluated, ImageSet, Precision, Room, StepResult, StepSettings, TrainingStep,
};
pub use tunefork_kernels::DeviceError;
pub use tunefork_kernels::gpu::relaunch;
pub use tunefork_nn::Tensor;
pub use tunefork_simd::{Isa, IsaError};
pub use weights::WeightMap;

/// A digest of this crate's sources, which belongs to the fingerprint of a study.
#[doc(hidden)]
pub const SOURCE_DIGEST: &str = tunefork_source_digest::source_digest!("src");

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
