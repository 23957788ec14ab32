//! Runs a training plan on the CPU: direct convolutions, fused blocks, no allocation in a step.
//!
//! An [`Engine`] is made from a [`Plan`](tunefork_graph::Plan) that was laid out with [`CpuWorkspace`]. It
//! owns all memory of one network in training. [`Engine::train`] takes a step, [`Engine::evaluate`]
//! runs a batch by the running statistics.
//!
//! Every sum over images is cut into pieces that depend on the layer's shape and the batch size alone,
//! and the pieces are added in one order: the number of threads changes no bit. The instruction set
//! ([`Isa`](tunefork_simd::Isa)) does.
#![deny(missing_docs)]

mod activation;
mod average;
mod block;
mod buffer;
mod context;
mod conv;
mod dense;
mod device;
mod dropout;
mod engine;
mod error;
mod gemm;
mod group_norm;
mod layout;
mod loss;
mod memory;
mod optimizer;
mod parameters;
mod pool;
mod program;
mod shared;
mod workspace;

pub use device::Cpu;
pub use engine::Engine;
pub use error::CpuError;
pub use tunefork_graph::{Evaluated, StepResult, StepSettings};
pub use workspace::CpuWorkspace;

/// A digest of this crate's sources, which belongs to the fingerprint of a study.
#[doc(hidden)]
pub const SOURCE_DIGEST: &str = tunefork_source_digest::source_digest!("src");

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
