//! One file of checks for each file of kernels.

mod average;
mod block;
mod common;
mod conv;
mod conv_large;
mod conv_tensor;
mod dense;
mod dense_applied;
mod dropout;
mod exact;
mod far;
mod gather;
mod group_norm;
mod loss;
mod optimizer;
mod optimizer_exact;
mod overflow;
mod overflow_lanes;
mod plain;
mod special;
mod statistics;

use crate::Check;

/// All checks, by the kernels' files.
pub const FAMILIES: &[(&str, &[Check])] = &[
    ("conv", conv::CHECKS),
    ("conv_large", conv_large::CHECKS),
    ("conv_tensor", conv_tensor::CHECKS),
    ("conv_tensor_large", conv_tensor::LARGE),
    ("dropout", dropout::CHECKS),
    ("statistics", statistics::CHECKS),
    ("block", block::CHECKS),
    ("gather", gather::CHECKS),
    ("loss", loss::CHECKS),
    ("optimizer", optimizer::CHECKS),
    ("dense", dense::CHECKS),
    ("dense_applied", dense_applied::CHECKS),
    ("average", average::CHECKS),
    ("group_norm", group_norm::CHECKS),
    ("exact_conv", exact::CONV),
    ("exact", exact::CHECKS),
    ("optimizer_exact", optimizer_exact::CHECKS),
    ("overflow", overflow::CHECKS),
    ("special", special::CHECKS),
    ("far", far::CHECKS),
    ("plain", plain::CHECKS),
];
