//! Follows a running study in the programs that people watch trainings with.
//!
//! A [`Tracker`] listens to a study and writes elsewhere what it hears: [`TensorBoard`] into event files, [`MlflowFolder`] and `MlflowServer`
//! into runs of MLflow. What goes wrong there is told once, as a warning, and never ends or slows a study.
//!
//! A study that goes on tells everything again. What was written before stays, and nothing is written twice.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod figures;
mod mlflow;
mod subject;
mod tensorboard;
mod times;
mod tracker;

#[cfg(feature = "mlflow")]
pub use mlflow::MlflowServer;
pub use mlflow::{Address, MlflowFolder, Place, PlaceError};
pub use subject::{Picture, Subject};
pub use tensorboard::TensorBoard;
pub use tracker::Tracker;

/// Compiles and runs the example in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
