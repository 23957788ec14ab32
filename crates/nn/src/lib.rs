//! Descriptions of convolutional networks and perceptrons, and the graphs they become; initialisation,
//! optimizers, learning-rate schedules.
//!
//! A [`Network`] is a plain value: convolution blocks, a head, hidden layers. [`Network::layers`] walks
//! it once, refuses what cannot be, and lists every layer with shapes, parameters and operations; the
//! list of [`Parameter`]s and the graph that an engine trains are read off the same walk.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod compile;
mod error;
mod initialisation;
mod layer;
mod network;
mod optimizer;
mod parameter;
mod schedule;

pub use error::NetworkError;
pub use initialisation::{Fan, Initialisation};
pub use layer::{Layer, LayerKind};
pub use network::{ConvBlock, Head, Network, Norm};
pub use optimizer::Optimizer;
pub use parameter::{Parameter, ParameterKind, Start, Tensor};
pub use schedule::{Curve, Schedule, ScheduleKind};
pub use tunefork_graph::optimizer::{GivenScalars, OptimizerKind, UpdateRule};
pub use tunefork_graph::{Activation, Image, Pool, PoolKind, Window};

/// A digest of this crate's sources, which belongs to the fingerprint of a study.
#[doc(hidden)]
pub const SOURCE_DIGEST: &str = tunefork_source_digest::source_digest!("src");

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
