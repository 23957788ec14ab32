//! Runs a training plan on the CPU: direct convolutions, fused blocks, no allocation in a step.
#![deny(missing_docs)]
