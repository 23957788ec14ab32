//! Runs a graph in f64, slowly and plainly: the oracle for every engine.
//!
//! [`run`] computes every node of a [`Graph`](tunefork_graph::Graph), gradients included, by the
//! formulae as they are written down. [`run_program`] executes the steps of a
//! [`Plan`](tunefork_graph::Plan) in an arena of the planned size, and so is what an engine does
//! without being fast: where it disagrees with `run`, the plan is wrong. [`optimizer`] updates
//! parameters. [`ops`] has each operation by itself. [`testing`] makes random graphs, parameters and batches for the tests of engines.
//!
//! ```
//! use tunefork_graph::{Graph, differentiate};
//! use tunefork_reference::{Batch, Mode, Settings, State, run};
//!
//! let mut graph = Graph::new(2, [1, 1, 3])?;
//! let x = graph.flatten(graph.input())?;
//! let x = graph.dense(x, "head", 2, false)?;
//! graph.softmax_cross_entropy(x, 2)?;
//!
//! let all = differentiate(&graph)?;
//! let state = State::new(&graph); // all zeros: both classes are equally likely
//! let batch = Batch::new(&graph, vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0], vec![0, 1])?;
//! let outcome = run(all.graph(), &state, &batch, Mode::Training, &Settings::default())?;
//! assert!((outcome.loss - f64::ln(2.0)).abs() < 1e-15);
//! let gradient = outcome.value(all.parameter_gradients()[0]);
//! assert_eq!(gradient.as_slice().unwrap(), [-0.25, 0.25, 0.25, -0.25, 0.0, 0.0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod error;
pub mod ops;
pub mod optimizer;
mod program;
mod run;
mod state;
pub mod testing;

pub use error::ReferenceError;
pub use program::{Report, run_program};
pub use run::{Mode, Outcome, run};
pub use state::{Batch, Masks, Running, Settings, State};

/// A tensor of any number of axes, row-major.
pub type Tensor = ndarray::ArrayD<f64>;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
