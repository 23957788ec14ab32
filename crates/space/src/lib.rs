//! Search spaces: what may vary, within which bounds, and under which conditions.
//!
//! * A [`Domain`] says which values one parameter can take.
//! * A [`Parameter`] is a named domain, perhaps with [`Condition`]s under which it exists at all.
//! * A [`Space`] is a checked list of parameters.
//! * A [`Point`] is one place in a space, as numbers; [`Params`] is the same place for people.
//!
//! Inside the search everything is an `f64`, the *internal* value: a float is itself, an integer is
//! the same number, and a categorical value is the index of its choice. (Optuna stores its
//! parameters in the same way.) [`Domain::to_internal`] and [`Domain::to_value`] convert.
//!
//! ```
//! use tunefork_space::{Domain, Parameter, Point, Space};
//!
//! let space = Space::new(vec![
//!     Parameter::new("optimizer", Domain::choice(["sgd", "adam"])?),
//!     Parameter::new("learning_rate", Domain::log(1e-4, 1e-1)?),
//!     Parameter::new("momentum", Domain::uniform(0.0, 0.99)?).when("optimizer", ["sgd"]),
//! ])?;
//!
//! let adam = Point::from(vec![1.0, 0.01, f64::NAN]);
//! assert!(!space.is_active(&adam, 2));
//! assert_eq!(space.params(&adam).to_string(), "optimizer=adam learning_rate=0.01");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod decimal;
mod domain;
mod error;
mod point;
mod space;
mod transform;
mod value;

pub use domain::Domain;
pub use error::{DomainError, SpaceError};
pub use point::{Params, Point};
pub use space::{Condition, Parameter, Space};
pub use value::Value;

/// A digest of this crate's sources, which belongs to the fingerprint of a study.
#[doc(hidden)]
pub const SOURCE_DIGEST: &str = tunefork_source_digest::source_digest!("src");

/// Compiles and runs the example in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
