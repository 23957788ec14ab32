//! Enums that users write by name: one table gives variants, names, parser and codes.
//!
//! [`named_enum!`] declares the enum; [`closest`] finds the name that a misspelt one stands for,
//! [`listed`], [`counted`], [`number`] and [`bytes`] are how messages write names, numbers and amounts of memory;
//! [`turns_direction`] tells letters that no message should repeat.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod bytes;
mod closest;
mod counted;
mod direction;
mod enumerated;
mod named;
mod number;
mod unknown;

pub use bytes::bytes;
pub use closest::closest;
pub use counted::{counted, thousands, times};
pub use direction::turns_direction;
pub use enumerated::Named;
pub use number::number;
pub use unknown::{UnknownName, listed};

/// What [`named_enum!`] expands to refers to.
#[doc(hidden)]
pub use serde;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
