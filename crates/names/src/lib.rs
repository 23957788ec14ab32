//! Enums that users write by name: one table gives variants, names, parser and codes.
//!
//! [`named_enum!`] declares the enum; [`closest`] finds the name that a misspelt one stands for.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod closest;
mod enumerated;
mod named;
mod unknown;

pub use closest::closest;
pub use enumerated::Named;
pub use unknown::{UnknownName, listed};

/// What [`named_enum!`] expands to refers to.
#[doc(hidden)]
pub use serde;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
