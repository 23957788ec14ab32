//! What can be wrong with a description.

use thiserror::Error;
use tunefork_names::number;

use crate::Image;

/// Why a network cannot be built or a set of weights does not belong to it.
#[derive(Clone, PartialEq, Debug, Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// A number is outside its bounds.
    #[error("{layer}: {what} is {}, must be {allowed}", number(*value))]
    OutOfRange {
        /// Layer, for example `blocks.0`.
        layer: String,
        /// What the number is called: `kernel`, `pool stride`, `dropout`.
        what: &'static str,
        /// The number as it was given.
        value: f64,
        /// The bounds in words.
        allowed: String,
    },
    /// A convolution's kernel does not fit on its padded input.
    #[error(
        "{layer}: a kernel of {kernel}x{kernel} with padding {padding} is larger than its input of \
         {input}; use a smaller kernel, fewer pooling layers or larger images"
    )]
    KernelTooLarge {
        /// The convolution, for example `blocks.0.conv`.
        layer: String,
        /// Side of the kernel.
        kernel: usize,
        /// Zeros on each side.
        padding: usize,
        /// Shape of what it reads.
        input: Image,
    },
    /// A pooling window does not fit on its input: less than one pixel would be left.
    #[error(
        "{layer}: pooling {window}x{window} leaves less than one pixel of its input of {input}; use \
         smaller or fewer pooling layers, or larger images"
    )]
    PoolTooLarge {
        /// The pooling, for example `blocks.0.pool`.
        layer: String,
        /// Side of the window.
        window: usize,
        /// Shape of what it reads.
        input: Image,
    },
    /// A residual block whose convolution changes the size in a way that no 1x1 convolution follows.
    #[error(
        "{layer}: the convolution gives {branch} but its 1x1 shortcut {shortcut}; a residual block \
         needs an odd kernel and padding = kernel / 2"
    )]
    ResidualShape {
        /// The block, for example `blocks.0`.
        layer: String,
        /// What the convolution gives.
        branch: Image,
        /// What the shortcut gives.
        shortcut: Image,
    },
    /// The network holds more values than this program can count on.
    #[error("{layer}: {what} would hold more than {limit} values")]
    TooLarge {
        /// The layer, for example `hidden.0`.
        layer: String,
        /// Weights or feature map.
        what: &'static str,
        /// The most values that there may be.
        limit: u64,
    },
    /// No image in a batch.
    #[error("a batch must hold at least 1 image, got 0")]
    EmptyBatch,
    /// Batch norm would see a single value per channel.
    #[error(
        "{layer}: batch norm needs more than one value per channel in training, but a batch of one image \
         on a map of 1x1 has one; use another batch size or another norm"
    )]
    SingleValueNorm {
        /// The norm, for example `blocks.0.norm`.
        layer: String,
    },
    /// Weights of another shape than the parameter's.
    #[error("{name}: {received} weights received, {expected} expected")]
    WeightCount {
        /// Path of the parameter, for example `blocks.0.conv.weight`.
        name: String,
        /// Weights in the slice that was given.
        received: usize,
        /// How many it has.
        expected: usize,
    },
    /// The graph refused a layer.
    #[error(transparent)]
    Graph(#[from] tunefork_graph::GraphError),
}
