//! Tunes convolutional image classifiers.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
