//! Runs a training plan on an NVIDIA GPU, or on anything else that implements
//! [`Stream`](tunefork_kernels::Stream).
//!
//! A plan becomes a list of launches at fixed addresses in one allocation. The list is captured once
//! as a graph; a step is then one launch of that graph, which reads what changes from step to step
//! (images, learning rate, dropout keys, …) from a table that the host has written ahead for many
//! steps. Images stay on the device as bytes ([`Resident`]), shared by all engines that learn from
//! them. See the README for an example.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod block;
mod convert;
mod engine;
mod error;
mod layout;
mod memory;
mod program;
mod resident;
mod settings;
mod simple;
mod table;
mod workspace;

pub use engine::Engine;
pub use error::CudaError;
pub use resident::Resident;
pub use settings::{Evaluated, StepInput, StepResult};
pub use tunefork_graph::StepSettings;
pub use workspace::CudaWorkspace;

use tunefork_kernels::Precision;

/// Elements of 4 bytes that so many stored values take.
fn stored_len(values: usize, precision: Precision) -> usize {
    (values * precision.bytes()).div_ceil(4)
}

/// How plans and messages call a precision.
fn precision_name(precision: Precision) -> &'static str {
    match precision {
        Precision::F32 => "f32",
        Precision::Tf32 => "tf32",
        Precision::Bf16 => "bf16",
        Precision::F16 => "f16",
    }
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
