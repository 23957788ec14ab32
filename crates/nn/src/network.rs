//! What a network is: plain values that can be compared, stored and written in a study file.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::NetworkError;

/// Height, width and channels of an image or of a feature map.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct ImageShape {
    /// Rows of pixels.
    pub height: usize,
    /// Pixels in a row.
    pub width: usize,
    /// Values in a pixel: 1 for grey, 3 for colour.
    pub channels: usize,
}

impl ImageShape {
    /// A shape of `height` x `width` pixels with `channels` values each.
    pub const fn new(height: usize, width: usize, channels: usize) -> Self {
        Self { height, width, channels }
    }

    /// Number of values: height x width x channels.
    pub const fn len(self) -> usize {
        self.height * self.width * self.channels
    }

    /// Whether the shape holds no value at all.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl fmt::Display for ImageShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.height, self.width, self.channels)
    }
}

/// A classifier: convolution blocks, a head that makes a vector of the last map, hidden layers, and
/// the final dense layer with one output per class.
///
/// Without blocks it is a perceptron. Each hidden layer is followed by its activation and dropout.
///
/// ```
/// use tunefork_nn::{Block, ImageShape, Network};
///
/// let network = Network {
///     blocks: vec![Block::new(32), Block::new(64)],
///     hidden: vec![128],
///     dropout: 0.3,
///     ..Network::new(ImageShape::new(28, 28, 1), 10)
/// };
/// assert_eq!(network.parameter_count()?, 421_834);
/// # Ok::<(), tunefork_nn::NetworkError>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Network {
    /// Shape of one image.
    pub input: ImageShape,
    /// Number of outputs, at least 2.
    pub classes: usize,
    /// Convolution blocks in the order in which they run; may be empty.
    pub blocks: Vec<Block>,
    /// How the last feature map becomes a vector.
    pub head: Head,
    /// Units of each hidden dense layer; may be empty.
    pub hidden: Vec<usize>,
    /// Activation after each hidden layer.
    pub hidden_activation: Activation,
    /// Probability in [0, 1] with which a hidden unit is dropped in training. It is a setting of a
    /// run, not of the compiled graph: networks that differ in it alone share one plan.
    pub dropout: f32,
}

impl Network {
    /// The smallest classifier for this input: flatten, then one dense layer; a start for
    /// `..Network::new(input, classes)`.
    pub fn new(input: ImageShape, classes: usize) -> Self {
        Self {
            input,
            classes,
            blocks: Vec::new(),
            head: Head::Flatten,
            hidden: Vec::new(),
            hidden_activation: Activation::Relu,
            dropout: 0.0,
        }
    }

    /// Dropout probability of each dropout layer, one per hidden layer.
    pub fn dropout_probabilities(&self) -> Vec<f32> {
        vec![self.dropout; self.hidden.len()]
    }
}

/// One stage: `pool(activation(norm(conv(x)) + shortcut(x)))`, where all but the convolution may be
/// left out.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Block {
    /// Output channels.
    pub channels: usize,
    /// Side of the square kernel.
    pub kernel: usize,
    /// Step of the kernel in pixels.
    pub stride: usize,
    /// Zeros added on each side, smaller than the kernel.
    pub padding: usize,
    /// Whether the convolution adds a bias per channel.
    pub bias: bool,
    /// Whether batch normalisation follows the convolution.
    pub batch_norm: bool,
    /// Activation before pooling, if any.
    pub activation: Option<Activation>,
    /// Pooling at the end, if any.
    pub pool: Option<Pool>,
    /// Whether the block's input is added before the activation; through a 1x1 convolution without
    /// bias where the shapes differ.
    pub residual: bool,
}

impl Block {
    /// 3x3 convolution that keeps the size, with bias, batch norm, ReLU and 2x2 max pooling.
    pub fn new(channels: usize) -> Self {
        Self::with_kernel(channels, 3)
    }

    /// As [`Block::new`] with another kernel; the padding `kernel / 2` keeps the size where the kernel
    /// is odd.
    pub fn with_kernel(channels: usize, kernel: usize) -> Self {
        Self {
            channels,
            kernel,
            stride: 1,
            padding: kernel / 2,
            bias: true,
            batch_norm: true,
            activation: Some(Activation::Relu),
            pool: Some(Pool::max(2)),
            residual: false,
        }
    }
}

/// Pooling over square windows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Pool {
    /// Largest value or mean.
    pub kind: PoolKind,
    /// Side of the window.
    pub window: usize,
    /// Step between windows.
    pub stride: usize,
    /// Pixels added on each side, at most half the window. They are never the maximum and count as
    /// zeros in a mean, as in PyTorch.
    pub padding: usize,
}

impl Pool {
    /// Max pooling over windows that touch and do not overlap.
    pub const fn max(window: usize) -> Self {
        Self { kind: PoolKind::Max, window, stride: window, padding: 0 }
    }

    /// Mean over windows that touch and do not overlap.
    pub const fn average(window: usize) -> Self {
        Self { kind: PoolKind::Average, window, stride: window, padding: 0 }
    }
}

/// What a pooling window yields.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolKind {
    /// The largest value.
    Max,
    /// The mean.
    Average,
}

/// How the last feature map becomes the vector that the dense layers read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Head {
    /// All values side by side.
    Flatten,
    /// The mean of each channel.
    GlobalAverage,
}

/// The function between two linear layers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// max(x, 0)
    Relu,
    /// x where positive, 0.01 x elsewhere
    LeakyRelu,
    /// hyperbolic tangent
    Tanh,
    /// 1 / (1 + exp(-x))
    Sigmoid,
}

impl Activation {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 4] = [Self::Relu, Self::LeakyRelu, Self::Tanh, Self::Sigmoid];

    /// The name used in study files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Relu => "relu",
            Self::LeakyRelu => "leaky_relu",
            Self::Tanh => "tanh",
            Self::Sigmoid => "sigmoid",
        }
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Activation {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        Self::ALL
            .into_iter()
            .find(|activation| activation.name() == text)
            .ok_or_else(|| NetworkError::UnknownActivation { name: text.to_owned() })
    }
}
