//! Keyed random streams: every draw is a pure function of a [`Key`], a [`Purpose`] and an index.
//!
//! Nothing here is stored or restored. Whoever needs randomness says *what for*; equal keys give
//! equal draws on every machine, in any order, on any thread.
//!
//! * [`Key`] names a place in a study: seed, trial, replicate, fold.
//! * [`Stream`] is a ChaCha8 generator for draws one after another (a proposal, a shuffle).
//! * [`philox4x32_10`] gives the draw of one element from its index, for dropout and augmentation.
//!
//! ```
//! use tunefork_rng::{Key, Purpose};
//!
//! let key = Key::study(7).trial(3);
//! let mut order: Vec<u32> = (0..10).collect();
//! key.stream_at(Purpose::Shuffle, 2).shuffle(&mut order); // epoch 2 of trial 3
//!
//! let mut again: Vec<u32> = (0..10).collect();
//! key.stream_at(Purpose::Shuffle, 2).shuffle(&mut again);
//! assert_eq!(order, again);
//! ```
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod key;
mod philox;
mod stream;

pub use key::{Key, Purpose};
pub use philox::philox4x32_10;
pub use stream::Stream;

/// A digest of this crate's sources, which belongs to the fingerprint of a study.
#[doc(hidden)]
pub const SOURCE_DIGEST: &str = tunefork_source_digest::source_digest!("src");

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
