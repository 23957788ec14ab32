//! CUDA kernels for training small convolutional networks, with everything that it takes to run them:
//! their sources, compilation with a disk cache, and a typed launcher for each.
//!
//! A launcher checks shapes and lengths and then starts its kernel on a [`Stream`], which is a GPU's or
//! a stand-in's. What changes from step to step lies in device memory ([`StepRow`]), so that a captured
//! [`CapturedGraph`] can be run again without the host.
//!
//! [`discover`] finds a GPU or says in a sentence what is missing; [`Gpu::stream`] is where its kernels run.
//! No kernel adds with atomics (one sets a bit), and no grid, tile or split depends on the device, so equal work gives equal
//! bits. Building needs nothing of CUDA; running needs a driver and NVRTC, which are loaded when wanted.
#![deny(missing_docs)]

mod arguments;
mod divisor;
mod error;
pub mod gpu;
mod lanes;
pub mod launch;
mod rehearsal;
mod shape;
mod shared;
mod source;
mod step_row;
mod stream;
mod watched;

pub use arguments::{Arguments, Launch, Owner, Place};
pub use error::DeviceError;
pub use gpu::{Gpu, discover};
pub use lanes::LaneStream;
pub use rehearsal::prepare;
pub use shape::Conv2d;
pub(crate) use shared::Divisor;
pub use shared::{DropoutRow, Lanes, Progress, StepRow};
pub use source::{HEADERS, Kernel, PlainFile, Row, Source};
pub use stream::{CapturedGraph, DeviceMemory, Feed, Readback, Span, Stream};
pub use tunefork_graph::Precision;
pub use watched::{Call, watched};

/// A digest of this crate's sources, which belongs to the fingerprint of a study.
#[doc(hidden)]
pub const SOURCE_DIGEST: &str = tunefork_source_digest::source_digest!("src", "kernels");

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
