//! The epoch loop over an engine: batches, metrics, checkpoints.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
