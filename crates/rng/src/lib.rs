//! Keyed random streams: every draw is a function of (seed, trial, replicate, fold, purpose).
#![forbid(unsafe_code)]
#![deny(missing_docs)]
