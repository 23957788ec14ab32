//! Vector arithmetic chosen at run time: portable, AVX2, AVX-512.
//!
//! Three ideas, in the order in which one meets them:
//!
//! - [`Isa`]: which instruction set to use, found once ([`Isa::detect`]) or named by the user. Holding
//!   a value of it is the proof that this machine can run it, so that nothing needs to be checked again.
//! - [`dispatch!`]: turns one generic function into one compiled for each instruction set, and calls
//!   the right one. A plain loop over slices in its body is enough: the compiler vectorises it for each.
//! - [`Simd`]: explicit vectors for code where the compiler's own vectorising will not do.
//!
//! ```
//! use tunefork_simd::{dispatch, Isa, Simd};
//!
//! dispatch! {
//!     /// Multiplies every element by `factor`.
//!     fn scale<S>(simd: S, values: &mut [f32], factor: f32) {
//!         let _ = simd; // a plain loop needs no explicit vectors
//!         for value in values {
//!             *value *= factor;
//!         }
//!     }
//! }
//!
//! let mut values = [1.0, 2.0, 3.0];
//! scale(Isa::detect(), &mut values, 2.0);
//! assert_eq!(values, [2.0, 4.0, 6.0]);
//! ```
//!
//! # Equal bits on every instruction set
//!
//! The compiler never contracts `a * b + c` into a fused multiply-add and never reorders a sum by
//! itself. So a `dispatch!` body of plain `f32` or `f64` arithmetic, without [`Simd::mul_add`] or
//! `f64::mul_add`, and with sums over a fixed number of lanes, gives the same bits everywhere. The
//! functions of [`math`] are written that way; kernels that use [`Simd`] are not.
#![deny(missing_docs)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod dispatch;
pub mod exact;
mod isa;
pub mod math;
mod portable;
mod vector;

#[cfg(target_arch = "x86_64")]
pub use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub use avx512::Avx512;
pub use isa::{Isa, IsaError};
pub use portable::Portable;
pub use vector::{MAX_LANES, Simd};

/// A digest of this crate's sources, which belongs to the fingerprint of a study.
#[doc(hidden)]
pub const SOURCE_DIGEST: &str = tunefork_source_digest::source_digest!("src");
