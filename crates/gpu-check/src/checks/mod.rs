//! What is checked: each kernel by itself, and whole training steps.

pub mod kernels;
pub mod steps;
