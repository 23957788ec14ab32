//! What a network is: plain values that can be compared, stored and written in a study file.

use serde::{Deserialize, Serialize};
use tunefork_graph::{Activation, Image, Pool};

use crate::Initialisation;

/// A classifier: convolution blocks, a head that makes a vector of the last map, hidden layers, and
/// the final dense layer with one output per class.
///
/// Without blocks it is a perceptron. Each hidden layer is followed by its activation and dropout.
///
/// ```
/// use tunefork_nn::{ConvBlock, Image, Network};
///
/// let network = Network {
///     blocks: vec![ConvBlock::new(32), ConvBlock::new(64)],
///     hidden: vec![128],
///     dropout: 0.3,
///     ..Network::new(Image::new(28, 28, 1), 10)
/// };
/// assert_eq!(network.parameter_count()?, 421_834);
/// # Ok::<(), tunefork_nn::NetworkError>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Network {
    /// Shape of one image.
    pub input: Image,
    /// Number of outputs, at least 2.
    pub classes: usize,
    /// Convolution blocks in the order in which they run; may be empty.
    pub blocks: Vec<ConvBlock>,
    /// How the last feature map becomes a vector.
    pub head: Head,
    /// Units of each hidden dense layer; may be empty.
    pub hidden: Vec<usize>,
    /// Activation after each hidden layer.
    pub hidden_activation: Activation,
    /// Probability in [0, 1] with which a hidden unit is dropped in training. It is a setting of a
    /// run, not of the compiled graph: networks that differ in it alone share one plan.
    pub dropout: f32,
    /// How the weights start.
    #[serde(default)]
    pub initialisation: Initialisation,
}

impl Network {
    /// The smallest classifier for this input: flatten, then one dense layer; a start for
    /// `..Network::new(input, classes)`.
    pub fn new(input: Image, classes: usize) -> Self {
        Self {
            input,
            classes,
            blocks: Vec::new(),
            head: Head::Flatten,
            hidden: Vec::new(),
            hidden_activation: Activation::Relu,
            dropout: 0.0,
            initialisation: Initialisation::default(),
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
pub struct ConvBlock {
    /// Filters, and so channels of the result.
    pub channels: usize,
    /// Side of the square kernel.
    pub kernel: usize,
    /// Step of the kernel in pixels.
    pub stride: usize,
    /// Zeros added on each side, smaller than the kernel.
    pub padding: usize,
    /// Whether the convolution adds a bias per channel.
    pub bias: bool,
    /// Normalisation behind the convolution, if any.
    #[serde(rename = "batch_norm", with = "written_norm")]
    pub norm: Option<Norm>,
    /// Activation before pooling, if any.
    pub activation: Option<Activation>,
    /// Pooling at the end, if any.
    pub pool: Option<Pool>,
    /// Whether the block's input is added before the activation; through a 1x1 convolution without
    /// bias where the shapes differ.
    pub residual: bool,
}

impl ConvBlock {
    /// 3x3 convolution that keeps the size, with bias, batch norm, ReLU and 2x2 max pooling.
    pub fn new(channels: usize) -> Self {
        Self::with_kernel(channels, 3)
    }

    /// As [`ConvBlock::new`] with another kernel; the padding `kernel / 2` keeps the size where the kernel
    /// is odd.
    pub fn with_kernel(channels: usize, kernel: usize) -> Self {
        Self {
            channels,
            kernel,
            stride: 1,
            padding: kernel / 2,
            bias: true,
            norm: Some(Norm::Batch),
            activation: Some(Activation::Relu),
            pool: Some(Pool::max(2)),
            residual: false,
        }
    }
}

/// Over what values are normalised; a scale and a shift per channel follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Norm {
    /// Each channel over the batch and all pixels; by running statistics in evaluation.
    Batch,
    /// Each image over groups of neighbouring channels and all pixels.
    Group {
        /// How many groups, which divide the channels evenly; one is layer normalisation.
        groups: usize,
    },
}

/// The form of a norm in files of models: whether there is a batch norm, as before there were others, or `{"groups": 4}`.
mod written_norm {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Norm;

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Written {
        Batch(bool),
        Group { groups: usize },
    }

    pub(super) fn serialize<S: Serializer>(norm: &Option<Norm>, serializer: S) -> Result<S::Ok, S::Error> {
        let written = match *norm {
            None => Written::Batch(false),
            Some(Norm::Batch) => Written::Batch(true),
            Some(Norm::Group { groups }) => Written::Group { groups },
        };
        written.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Norm>, D::Error> {
        Ok(match Written::deserialize(deserializer)? {
            Written::Batch(false) => None,
            Written::Batch(true) => Some(Norm::Batch),
            Written::Group { groups } => Some(Norm::Group { groups }),
        })
    }
}

tunefork_names::named_enum! {
    /// How the last feature map becomes the vector that the dense layers read.
    pub enum Head: "head" {
        /// All values side by side.
        Flatten = "flatten",
        /// The mean of each channel.
        GlobalAverage = "global_average",
    }
}
