//! f32 numbers multiplied exactly: `kernels/conv.cu`.

use super::{DataGradient, DataOperands, Forward, ForwardOperands, WeightGradient, WeightOperands};
use crate::{DeviceError, Stream};

/// Positions of a tile of the forward product.
pub(super) fn positions_per_tile(_forward: &Forward) -> usize {
    64
}

/// Slices of the weight gradient.
pub(super) fn slices(_gradient: &WeightGradient) -> usize {
    1
}

pub(super) fn forward(
    _forward: &Forward,
    _stream: &dyn Stream,
    _operands: &ForwardOperands<'_>,
) -> Result<(), DeviceError> {
    unavailable()
}

pub(super) fn data_gradient(
    _gradient: &DataGradient,
    _stream: &dyn Stream,
    _operands: &DataOperands<'_>,
) -> Result<(), DeviceError> {
    unavailable()
}

pub(super) fn weight_gradient(
    _gradient: &WeightGradient,
    _stream: &dyn Stream,
    _operands: &WeightOperands<'_>,
) -> Result<(), DeviceError> {
    unavailable()
}

fn unavailable() -> Result<(), DeviceError> {
    Err(DeviceError::Unavailable(
        "there is no kernel for this convolution yet".into(),
    ))
}
