//! One file of checks for each file of kernels.

mod conv;
mod dropout;

use crate::Check;

/// All checks, by the kernels' files.
pub const FAMILIES: &[(&str, &[Check])] = &[("conv", conv::CHECKS), ("dropout", dropout::CHECKS)];
