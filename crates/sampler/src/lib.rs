//! Where to look next.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod ask;

pub use ask::{Ask, Proposal, Sampler};
