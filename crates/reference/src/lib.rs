//! Runs a graph in f64 on ndarray, slowly and plainly: the oracle for every engine.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
