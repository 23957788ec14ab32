//! Checks of every CUDA kernel against `tunefork-reference`: the same code runs on the emulator in the
//! tests of this crate, and on a GPU in the binary `gpu-check`.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod case;
pub mod checks;
mod rounding;
mod stored;
pub mod work;

pub use case::{Case, Check, Failure};
pub use stored::Stored;
