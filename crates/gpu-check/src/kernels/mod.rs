//! One file of checks for each file of kernels.

mod dropout;

use crate::Check;

/// All checks, by the kernels' files.
pub const FAMILIES: &[(&str, &[Check])] = &[("dropout", dropout::CHECKS)];
