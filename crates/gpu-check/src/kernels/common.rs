//! What checks of several files need.

use tunefork_graph::Activation;
use tunefork_kernels::{DeviceMemory, StepRow};

use crate::{Case, Failure};

/// All that may follow a product.
pub(super) const ACTIVATIONS: [Option<Activation>; 5] =
    [None, Some(Activation::Relu), Some(Activation::LeakyRelu), Some(Activation::Tanh), Some(Activation::Sigmoid)];

/// A step with so many real images.
pub(super) fn step_row(case: &Case, rows: usize) -> Result<DeviceMemory, Failure> {
    let row = StepRow { rows: rows as u32, ..bytemuck::Zeroable::zeroed() };
    Ok(DeviceMemory::of(&case.stream, &[row])?)
}

pub(super) fn activate(activation: Option<Activation>, x: f64) -> f64 {
    match activation {
        None => x,
        Some(Activation::Relu) if x <= 0.0 => 0.0,
        Some(Activation::Relu) => x,
        Some(Activation::LeakyRelu) if x > 0.0 => x,
        Some(Activation::LeakyRelu) => 0.01 * x,
        Some(Activation::Tanh) => x.tanh(),
        Some(Activation::Sigmoid) => 1.0 / (1.0 + (-x).exp()),
    }
}

/// The derivative, from the result.
pub(super) fn slope(activation: Option<Activation>, y: f64) -> f64 {
    match activation {
        None => 1.0,
        Some(Activation::Relu) => f64::from(u8::from(y > 0.0)),
        Some(Activation::LeakyRelu) if y > 0.0 => 1.0,
        Some(Activation::LeakyRelu) => 0.01,
        Some(Activation::Tanh) => 1.0 - y * y,
        Some(Activation::Sigmoid) => y * (1.0 - y),
    }
}
