//! The shapes that launchers share. Tensors are NHWC, filters `[R, S, C, K]`: the graph's layout.

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

/// An elementwise function; the codes are those of `Activation` in `kernels/numbers.cuh`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u32)]
pub enum Activation {
    /// max(x, 0)
    Relu = 1,
    /// x, and 0.01 x below 0
    LeakyRelu = 2,
    /// tanh x
    Tanh = 3,
    /// 1 / (1 + e^-x)
    Sigmoid = 4,
}

impl Activation {
    /// The code of an activation or of none.
    pub fn code(activation: Option<Self>) -> u32 {
        activation.map_or(0, |activation| activation as u32)
    }
}

/// A pooling: square windows, the same stride and padding in both directions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Pool2d {
    /// The largest value of a window (padding is never chosen), or the mean (padding counts as 0).
    pub max: bool,
    /// Rows and columns of a window.
    pub kernel: usize,
    /// Pixels from one window to the next.
    pub stride: usize,
    /// Rows and columns around the image.
    pub padding: usize,
}

impl Pool2d {
    /// Rows or columns of the result for so many of the input.
    pub fn output(&self, input: usize) -> usize {
        (input + 2 * self.padding - self.kernel) / self.stride + 1
    }

    /// Whether no pixel is in two windows.
    pub fn is_disjoint(&self) -> bool {
        self.stride >= self.kernel
    }
}
