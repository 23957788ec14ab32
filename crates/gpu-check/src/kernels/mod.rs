//! One file of checks for each file of kernels.

mod average;
mod conv;
mod dense;
mod dropout;
mod gather;
mod loss;
mod optimizer;
mod step;

use crate::Check;

/// All checks, by the kernels' files.
pub const FAMILIES: &[(&str, &[Check])] = &[
    ("conv", conv::CHECKS),
    ("dropout", dropout::CHECKS),
    ("step", step::CHECKS),
    ("gather", gather::CHECKS),
    ("loss", loss::CHECKS),
    ("optimizer", optimizer::CHECKS),
    ("dense", dense::CHECKS),
    ("average", average::CHECKS),
];
