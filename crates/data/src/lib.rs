//! Image data sets for training classifiers.
//!
//! Three ways lead to a [`Dataset`], images of one shape as bytes with labels:
//!
//! - [`Source::locate`] finds a folder or archive of images, with a table of labels or in class folders, or a set in
//!   the form of MNIST, CIFAR or Tiny ImageNet, and [`Source::open`] decodes it once into a file that later runs only map;
//! - [`Generated`] draws a set where there is none;
//! - [`Dataset::from_memory`] takes what a program has.
//!
//! A [`Split`] then says which images are trained on, and a [`Normalisation`] how bytes become
//! numbers; [`Dataset::gather`] fills a batch.
//!
//! Files are not trusted: every parser here takes any bytes, answers damage with a typed error and
//! takes memory only in proportion to what it was given. One bad image among many is left out,
//! named and counted ([`Warnings`]).
//!
//! # Examples
//! ```
//! use tunefork_data::{Generated, Normalisation, Split, SplitOptions};
//! use tunefork_rng::Key;
//!
//! let data = Generated { train: 200, test: 50, ..Generated::default() }.draw()?;
//! let split = Split::new(&data, &SplitOptions::default(), Key::study(1))?;
//! let normalisation = Normalisation::of(&data, &split.train)?;
//!
//! let batch = &split.train[..32];
//! let mut images = vec![0.0; 32 * data.shape().elements()];
//! data.gather(batch, &normalisation, &mut images);
//! # Ok::<(), tunefork_data::DataError>(())
//! ```
#![deny(missing_docs, unsafe_code)]

pub mod archive;
mod augment;
pub mod cifar;
mod contents;
mod dataset;
mod digest;
mod error;
mod files;
mod formats;
mod generated;
pub mod idx;
pub mod image;
mod inspect;
mod listing;
mod locate;
#[expect(unsafe_code, reason = "mapping a file cannot be proven safe; this file says why it is")]
mod map;
mod moments;
mod names;
mod normalise;
mod parallel;
mod pictures;
mod prepared;
mod runs;
mod split;
mod warnings;

pub use augment::{Augmentation, Transform};
pub use dataset::{Dataset, Part};
pub use error::DataError;
pub use generated::{CLASS_NAMES, Generated};
pub use image::Fit;
pub use inspect::{Duplicates, InspectOptions, Inspection, PartSummary, Spread};
pub use locate::{Source, data_folder, names_of};
pub use names::{printable, shown};
pub use normalise::Normalisation;
pub use pictures::Pictures;
pub use prepared::{Labels, Opened, PrepareOptions, Progress, Stage};
pub use split::{Order, Share, Split, SplitOptions};
pub use tunefork_graph::Image;
pub use warnings::{Warning, Warnings};

/// The largest number of classes: labels are 16-bit.
pub(crate) const MAX_CLASSES: usize = 65_535;

/// A digest of this crate's sources, which belongs to the fingerprint of a study.
#[doc(hidden)]
pub const SOURCE_DIGEST: &str = tunefork_source_digest::source_digest!("src");

/// Runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
