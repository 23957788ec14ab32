//! What a trial is, and the read-only history that samplers and schedulers are given.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
