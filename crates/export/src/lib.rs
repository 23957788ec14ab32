//! Trained classifiers as files that carry what is needed to use them: safetensors, which Tunefork reads again, and ONNX, which other programs
//! run ([`Model::to_onnx`]).
//!
//! The tensors have PyTorch's shapes and order (`[outputs, inputs, height, width]` and `[outputs,
//! inputs]`), so any program that reads safetensors can load them by name. Beside them, under the
//! metadata key `tunefork`, stands a JSON object with the network, the shape of its images, their
//! normalisation and the names of the classes: enough to classify a photo with the file alone.
//!
//! ```
//! use tunefork_data::{Fit, Normalisation};
//! use tunefork_export::{Model, Tensor};
//! use tunefork_nn::{Image, Network};
//!
//! let tensor = |name: &str, shape: &[usize]| Tensor {
//!     name: name.into(),
//!     shape: shape.into(),
//!     values: vec![0.5; shape.iter().product()],
//! };
//! let model = Model {
//!     network: Network::new(Image::new(4, 4, 1), 2),
//!     fit: Fit::Crop,
//!     normalisation: Normalisation::new(&[0.5], &[0.25])?,
//!     classes: vec!["cat".into(), "dog".into()],
//!     tensors: vec![tensor("classifier.bias", &[2]), tensor("classifier.weight", &[2, 16])],
//! };
//! let bytes = model.to_bytes()?;
//! assert_eq!(Model::from_bytes(&bytes)?, model);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod error;
mod model;
mod onnx;

pub use error::ExportError;
pub use model::{DESCRIPTION_KEY, FORMAT, Model};
pub use onnx::{OnnxInput, OnnxOptions};
pub use tunefork_nn::Tensor;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
