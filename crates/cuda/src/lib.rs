//! Runs a training plan on an NVIDIA GPU, or on anything else that implements
//! [`Stream`](tunefork_kernels::Stream).
//!
//! A plan becomes a list of launches at fixed addresses in one allocation. The list is captured once
//! as a graph; a step is then one launch of that graph, which reads what changes from step to step
//! (images, learning rate, dropout keys, …) from a table that the host has written ahead for many
//! steps. Images stay on the device as bytes ([`Resident`]), shared by all engines that learn from
//! them, or come to it in the order of the steps ([`Streamed`]). See the README for an example.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod block;
mod call;
mod check;
mod device;
mod engine;
mod error;
mod images;
mod lane;
mod launches;
mod layout;
mod memory;
mod program;
mod resident;
mod settings;
mod streamed;
mod table;
mod workspace;

pub use device::{Card, Company, Cuda};
pub use engine::Engine;
pub use error::CudaError;
pub use images::Images;
pub use resident::Resident;
pub use settings::StepInput;
pub use streamed::Streamed;
pub use tunefork_graph::{Evaluated, StepResult, StepSettings, Transform};
pub use workspace::CudaWorkspace;

use half::{bf16, f16};
use tunefork_kernels::Precision;

/// Elements of 4 bytes that so many stored values take.
fn stored_len(values: usize, precision: Precision) -> usize {
    (values * precision.bytes()).div_ceil(4)
}

/// Replaces `values` by what is stored in some bytes.
fn read_stored(stored: &[u8], precision: Precision, values: &mut Vec<f32>) {
    values.clear();
    let pairs = stored.chunks_exact(2).map(|bytes| [bytes[0], bytes[1]]);
    match precision {
        Precision::F32 | Precision::Tf32 => {
            values.resize(stored.len() / 4, 0.0);
            bytemuck::cast_slice_mut(values).copy_from_slice(stored);
        }
        Precision::F16 => values.extend(pairs.map(|pair| f16::from_ne_bytes(pair).to_f32())),
        Precision::Bf16 => values.extend(pairs.map(|pair| bf16::from_ne_bytes(pair).to_f32())),
    }
}

/// A digest of this crate's sources, which belongs to the fingerprint of a study.
#[doc(hidden)]
pub const SOURCE_DIGEST: &str = tunefork_source_digest::source_digest!("src");

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
