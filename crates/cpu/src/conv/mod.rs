//! Convolutions as indirect products: the tables that turn one into the other.
//!
//! Letters as everywhere: images H x W x C, results P x Q x K, filters R x S, stride u, padding o.

mod data_gradient;
mod forward;
mod pad;
mod weight_gradient;

pub(crate) use data_gradient::DataGradient;
pub(crate) use forward::Forward;
pub(crate) use weight_gradient::WeightGradient;

use tunefork_graph::{Image, Window};

/// What a thread's part of a step should fit into: half of the second-level cache of the smallest
/// processors that the engine is meant for (1 MiB on Zen 5, 2 MiB on Sapphire Rapids).
const CACHE: usize = 512 * 1024 / size_of::<f32>();

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ConvShape {
    /// H, W, C.
    pub input: Image,
    /// P, Q, K.
    pub output: Image,
    /// R = S, u, o.
    pub window: Window,
}

impl ConvShape {
    /// Rows of the weights as a matrix of K columns: R S C.
    pub(crate) fn depth(&self) -> usize {
        self.window.kernel * self.window.kernel * self.input.channels
    }

    pub(crate) fn weights(&self) -> usize {
        self.depth() * self.output.channels
    }
}

/// An image with a border of zeros.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Padded {
    /// Rows of zeros above.
    pub top: usize,
    /// Zero pixels left of each row.
    pub left: usize,
    /// Size with the border.
    pub image: Image,
}

impl Padded {
    /// The image as it is, without a border.
    pub(crate) fn plain(image: Image) -> Self {
        Self { top: 0, left: 0, image }
    }

    /// The image of a convolution with the zeros that its padding stands for.
    pub(crate) fn input(shape: &ConvShape) -> Self {
        let o = shape.window.padding;
        let Image { height, width, channels } = shape.input;
        Self { top: o, left: o, image: Image { height: height + 2 * o, width: width + 2 * o, channels } }
    }
}

#[cfg(test)]
mod tests;
