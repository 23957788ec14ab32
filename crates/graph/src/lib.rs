//! Tensor operations with static shapes, reverse-mode differentiation, fusion, memory plan and cost.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
