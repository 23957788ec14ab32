//! The graph's shapes in the words of the launchers.

use tunefork_graph::{self as graph, Image, PoolKind, Window};
use tunefork_kernels::{Activation, Conv2d, Pool2d};

pub(crate) fn activation(activation: Option<graph::Activation>) -> Option<Activation> {
    activation.map(|activation| match activation {
        graph::Activation::Relu => Activation::Relu,
        graph::Activation::LeakyRelu => Activation::LeakyRelu,
        graph::Activation::Tanh => Activation::Tanh,
        graph::Activation::Sigmoid => Activation::Sigmoid,
    })
}

/// A convolution of `input` to `filters` channels.
pub(crate) fn conv(batch: usize, input: Image, filters: usize, window: Window) -> Conv2d {
    Conv2d {
        batch,
        height: input.height,
        width: input.width,
        channels: input.channels,
        filters,
        kernel: window.kernel,
        stride: window.stride,
        padding: window.padding,
    }
}

pub(crate) fn pool(pool: Option<graph::Pool>) -> Option<Pool2d> {
    pool.map(|pool| Pool2d {
        max: pool.kind == PoolKind::Max,
        kernel: pool.window.kernel,
        stride: pool.window.stride,
        padding: pool.window.padding,
    })
}
