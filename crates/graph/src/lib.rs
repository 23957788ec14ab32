//! Networks as graphs of tensor operations, and the programs that train them.
//!
//! A [`Graph`] is built forward, one operation after the other, with every shape known and checked
//! at once. [`differentiate`] appends the gradients, a rule per operation. [`Plan::new`] groups what
//! belongs together (a convolution, its batch norm, activation and pooling are one pass over
//! memory), decides when each tensor lives and where, and leaves two lists of [`Step`]s, one for
//! training and one for evaluation, with the exact number of bytes and operations.
//!
//! This crate computes nothing: an engine runs the plan, `tunefork-reference` runs the graph.
//!
//! ```
//! use tunefork_graph::{Activation, Conv, Graph, NoWorkspace, Plan, Window};
//!
//! let mut graph = Graph::new(64, [28, 28, 1])?;
//! let conv = Conv { channels: 32, kernel: 3, stride: 1, padding: 1, bias: true };
//! let x = graph.conv2d(graph.input(), "conv", conv)?;
//! let x = graph.batch_norm(x, "norm")?;
//! let x = graph.activation(x, Activation::Relu)?;
//! let x = graph.max_pool(x, Window { kernel: 2, stride: 2, padding: 0 })?;
//! let x = graph.flatten(x)?;
//! let x = graph.dense(x, "head", 10, true)?;
//! graph.softmax_cross_entropy(x, 10)?;
//!
//! let plan = Plan::new(&graph, 256, &NoWorkspace)?;
//! assert_eq!(plan.parameter_count(), 32 * 9 + 32 + 2 * 32 + 14 * 14 * 32 * 10 + 10);
//! assert_eq!(plan.training.steps.len(), 5); // block, dense, loss, and two backward
//! # Ok::<(), tunefork_graph::GraphError>(())
//! ```
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod batch;
mod block;
mod builder;
mod cost;
mod differentiate;
pub mod dropout;
mod engine;
mod error;
mod fuse;
mod graph;
mod op;
pub mod optimizer;
mod plan;
mod settings;
mod shape;
mod step;
mod vocabulary;

pub use batch::{Batch, ImageSet};
pub use block::{Block, ConvPart, Dense, GroupNorm, NormPart, Shortcut};
pub use builder::Conv;
pub use cost::Cost;
pub use differentiate::{Differentiated, differentiate};
pub use engine::{Device, Engine, EngineError, Evaluated, Room, StepResult, TrainingStep};
pub use error::GraphError;
pub use graph::{BatchNorm, Graph, Init, Node, NodeId, NormId, Parameter, ParameterId};
pub use op::{GradientOp, Op};
pub use optimizer::{OptimizerKind, UpdateRule};
pub use plan::{Buffer, Bytes, NoWorkspace, NormSlot, Plan, Program, SlabLayout, Slot, StepShape, Workspace};
pub use settings::StepSettings;
pub use shape::Shape;
pub use step::{
    BlockBackward, BlockForward, DenseBackward, DenseForward, DropoutBackward, DropoutForward, GlobalAverageBackward,
    GlobalAverageForward, Gradient, GroupNormBackward, GroupNormForward, Loss, Step, Use,
};
pub use vocabulary::{Activation, Image, Pool, PoolKind, Precision, Transform, Window};

/// A digest of this crate's sources, which belongs to the fingerprint of a study.
#[doc(hidden)]
pub const SOURCE_DIGEST: &str = tunefork_source_digest::source_digest!("src");

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
