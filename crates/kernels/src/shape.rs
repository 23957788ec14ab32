//! The shapes that launchers share. Tensors are NHWC, filters `[R, S, C, K]`: the graph's layout.

use tunefork_graph::{Activation, Image, Window};

/// A convolution: square filters, the same stride and padding in both directions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Conv2d {
    /// Images in a full batch.
    pub batch: usize,
    /// Rows of an input image.
    pub height: usize,
    /// Columns of an input image.
    pub width: usize,
    /// Channels of the input, C.
    pub channels: usize,
    /// Channels of the result, K.
    pub filters: usize,
    /// Rows and columns of a filter, R = S.
    pub kernel: usize,
    /// Pixels from one position to the next.
    pub stride: usize,
    /// Rows and columns of zeros around the image.
    pub padding: usize,
}

impl Conv2d {
    /// A convolution of `input` to `filters` channels.
    pub fn new(batch: usize, input: Image, filters: usize, window: Window) -> Self {
        let (Image { height, width, channels }, Window { kernel, stride, padding }) = (input, window);
        Self { batch, height, width, channels, filters, kernel, stride, padding }
    }

    /// Rows of a result, P.
    pub fn output_height(&self) -> usize {
        (self.height + 2 * self.padding - self.kernel) / self.stride + 1
    }

    /// Columns of a result, Q.
    pub fn output_width(&self) -> usize {
        (self.width + 2 * self.padding - self.kernel) / self.stride + 1
    }

    /// Positions of a full batch, N·P·Q.
    pub fn positions(&self) -> usize {
        self.batch * self.output_height() * self.output_width()
    }

    /// Values of the input for a full batch.
    pub fn input_len(&self) -> usize {
        self.batch * self.height * self.width * self.channels
    }

    /// Values of the result for a full batch.
    pub fn output_len(&self) -> usize {
        self.positions() * self.filters
    }

    /// Number of weights, R·S·C·K.
    pub fn weights_len(&self) -> usize {
        self.kernel * self.kernel * self.channels * self.filters
    }
}

/// How kernels call an activation, or none: the codes of `Activation` in `kernels/shared.cuh`.
pub(crate) fn activation_code(activation: Option<Activation>) -> u32 {
    activation.map_or(0, |activation| 1 + activation.code())
}
