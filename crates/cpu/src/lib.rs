//! Runs a training plan on the CPU: direct convolutions, fused blocks, no allocation in a step.
#![deny(missing_docs)]

mod activation;
mod block;
mod buffer;
mod context;
mod conv;
mod dense;
mod dropout;
mod engine;
mod error;
mod gemm;
mod layout;
mod loss;
mod optimizer;
mod parameters;
mod pool;
mod program;
mod shared;
mod simple;
mod workspace;

pub use engine::{Engine, Evaluated, StepResult, StepSettings};
pub use error::EngineError;
pub use pool::Pool;
pub use workspace::CpuWorkspace;
