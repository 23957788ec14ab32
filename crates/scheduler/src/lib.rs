//! When to stop a trial: median, percentile and asynchronous successive halving.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
