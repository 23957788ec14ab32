//! Vector arithmetic chosen at run time: portable, AVX2, AVX-512.
#![deny(missing_docs)]

pub mod exact;
