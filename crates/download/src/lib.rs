//! Downloads of known data sets, and of any file whose address and digest are known.
//!
//! - [`known`] finds a set of the [`CATALOGUE`] by its name, and [`KnownSet::fetch`] brings its files
//!   below a data folder; [`KnownSet::by_hand`] says what to do without a network.
//! - [`fetch`] does the same for one file that the caller describes.
//!
//! A download is written to `NAME.part` and becomes `NAME` in one step, when it is whole and its
//! SHA-256 is right. Whatever ends it, the same call goes on where it was, at whichever address: the
//! digest tells in the end whether the pieces fit.
//!
//! Servers are not trusted: they may cut connections, ignore ranges, lie about lengths, redirect in
//! circles, go silent or send something else. Each of these is a [`Failure`] with its own words, and
//! the next address is tried.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod catalogue;
mod error;
mod fetch;
mod known;
mod options;
mod part;
mod transfer;

pub use catalogue::CATALOGUE;
pub use error::{DownloadError, Failure};
pub use fetch::{Event, Fetched, Wanted, fetch};
pub use known::{KnownFile, KnownSet, known};
pub use options::FetchOptions;

/// Runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
