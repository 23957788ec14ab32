//! Image data sets: readers, generated sets, preparation into a mapped file, splits.
#![deny(missing_docs)]
