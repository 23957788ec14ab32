//! What mattered in a study: how much each parameter has to do with a trial being among the best.
//!
//! [`ped_anova`] compares, for each parameter, where the best tenth of the trials lie with where all of them lie. A
//! parameter whose best values lie anywhere is of no importance; one whose best values lie close together is.
//!
//! S. Watanabe, A. Bansal, F. Hutter, "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary
//! Subspaces", IJCAI 2023, arXiv 2304.10255; parameters that exist under conditions: arXiv 2601.20800. The numbers are those
//! of Optuna 5's `PedAnovaImportanceEvaluator` (`tests/golden`).
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod cells;
mod density;
mod ped_anova;

pub use ped_anova::{Importance, PedAnova, ped_anova};

/// Compiles and runs the example in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
