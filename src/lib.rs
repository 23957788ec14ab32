//! Tunes convolutional image classifiers.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod file;
mod spec;

pub use spec::{Config, Constant, StudySpec};
