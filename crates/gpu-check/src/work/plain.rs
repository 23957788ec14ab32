//! The first rung of the ladder: the plain convolution and dense layer, at shapes at which the fast ones are timed too.

use std::sync::Arc;

use tunefork_kernels::launch::{dense, plain};
use tunefork_kernels::{Conv2d, DeviceError, DeviceMemory, Precision, StepRow, Stream};
use tunefork_networks::NETWORKS;

use super::{Visitor, Walk, layers, least};

/// Shows a visitor the plain kernels at the shapes of m2's second convolution and of its first dense layer. The rungs above
/// are the lines of [`visit`](super::visit) with these shapes: tiled in f32, on tensor cores in the others.
///
/// # Errors
/// As [`visit`](super::visit).
pub fn visit_plain(stream: &Arc<dyn Stream>, visitor: &mut Visitor<'_>) -> Result<(), DeviceError> {
    let network = NETWORKS.iter().find(|network| network.name == "m2").expect("one of the reports' networks");
    let step = DeviceMemory::of(stream, &[StepRow::default()])?;
    let mut walk = Walk { stream, step: &step, network, precision: Precision::F32, visitor };
    let (channels, side) = (&network.model.channels, network.side / 2);
    walk.plain_conv(Conv2d {
        batch: network.batch,
        height: side,
        width: side,
        channels: channels[0],
        filters: channels[1],
        kernel: 3,
        stride: 1,
        padding: 1,
    })?;
    let side = network.side >> channels.len();
    let inputs = match network.model.global_average() {
        true => channels[channels.len() - 1],
        false => side * side * channels[channels.len() - 1],
    };
    let outputs = *network.model.hidden.first().unwrap_or(&network.classes);
    walk.plain_dense(plain::Dense { images: network.batch, inputs, outputs })
}

impl Walk<'_, '_> {
    fn plain_conv(&mut self, conv: Conv2d) -> Result<(), DeviceError> {
        let (images, shape, precision) = (conv.batch, layers::shape(&conv), self.precision);
        let [x, w, y] = [self.f32(conv.input_len())?, self.f32(conv.weights_len())?, self.f32(conv.output_len())?];
        let least = least::conv_forward(&conv, precision);
        self.work("plain forward", shape.clone(), least, &mut |stream| {
            plain::conv_forward(stream, &conv, images, x.all(), w.all(), None, y.all())
        })?;
        let least = least::conv_data_gradient(&conv, precision, false);
        self.work("plain data gradient", shape.clone(), least, &mut |stream| {
            plain::conv_data_gradient(stream, &conv, images, y.all(), w.all(), x.all())
        })?;
        self.work("plain weight gradient", shape, least::conv_weight_gradient(&conv, precision), &mut |stream| {
            plain::conv_weight_gradient(stream, &conv, images, x.all(), y.all(), w.all())
        })
    }

    fn plain_dense(&mut self, dense: plain::Dense) -> Result<(), DeviceError> {
        let plain::Dense { images: batch, inputs, outputs } = dense;
        let [x, w, y] = [self.f32(batch * inputs)?, self.f32(inputs * outputs)?, self.f32(batch * outputs)?];
        let fast = dense::Dense { batch, inputs, outputs, activation: None, dropout: None, precision: self.precision };
        self.work("plain dense", format!("{batch}x{inputs} * {outputs}"), least::dense_forward(&fast), &mut |stream| {
            dense.forward(stream, x.all(), w.all(), None, y.all())
        })
    }
}
