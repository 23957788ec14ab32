//! What mattered in a study. Two questions, for their answers often differ:
//!
//! * [`ped_anova()`]: what has to do with a trial being among the best? It compares, for each parameter, where the best tenth of
//!   the trials lie with where all of them lie. A parameter whose best values lie anywhere is of no importance; one whose
//!   best values lie close together is. S. Watanabe, A. Bansal, F. Hutter, "PED-ANOVA: Efficiently Quantifying
//!   Hyperparameter Importance in Arbitrary Subspaces", IJCAI 2023, arXiv 2304.10255; parameters that exist under
//!   conditions: arXiv 2601.20800. The numbers are those of Optuna 5's `PedAnovaImportanceEvaluator` (`tests/golden`).
//! * [`fanova()`]: what moves results over the whole space? It models them by a random forest and takes its variance apart:
//!   what each parameter explains alone, and what each two explain only together. F. Hutter, H. Hoos, K. Leyton-Brown, "An
//!   Efficient Approach for Assessing Hyperparameter Importance", ICML 2014.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod cells;
mod density;
mod fanova;
mod ped_anova;
mod trials;

pub use fanova::{Effects, Fanova, Interaction, MainEffect, fanova};
pub use ped_anova::{Importance, PedAnova, ped_anova};

/// Compiles and runs the example in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
