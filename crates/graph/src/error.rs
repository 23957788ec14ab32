//! What can be wrong with a graph.

use thiserror::Error;

use crate::{Shape, Window};

/// Why an operation cannot be added, or a graph cannot be planned.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GraphError {
    /// A batch or an image without elements.
    #[error("the input {shape} is empty: batch, height, width and channels must be at least 1")]
    EmptyInput {
        /// The shape asked for.
        shape: Shape,
    },
    /// A number that must be at least 1 is 0.
    #[error("{layer}: {what} must be at least 1, got 0")]
    Zero {
        /// The layer or operation.
        layer: String,
        /// What the number is called: `the kernel`, `outputs`.
        what: &'static str,
    },
    /// The input has the wrong number of axes.
    #[error("{layer}: the input is {shape}, but it must be {expected}")]
    WrongInput {
        /// The layer or operation.
        layer: String,
        /// What it was given.
        shape: Shape,
        /// What the operation takes, with its axes: `images [N, H, W, C]`.
        expected: &'static str,
    },
    /// The window does not fit into the padded image.
    #[error(
        "{layer}: the window {window} is larger than the image {shape}; use a smaller kernel, more padding, or less pooling before it"
    )]
    WindowTooLarge {
        /// The layer or operation.
        layer: String,
        /// Kernel, stride and padding as they were asked for.
        window: Window,
        /// Shape of the input, without the padding.
        shape: Shape,
    },
    /// A pooling window could lie in the padding altogether.
    #[error("{layer}: padding {} is more than half of the kernel {}", window.padding, window.kernel)]
    PaddingTooLarge {
        /// `max_pool` or `average_pool`.
        layer: String,
        /// As it was asked for.
        window: Window,
    },
    /// Two tensors that must have one shape.
    #[error("{layer}: the shapes {left} and {right} differ")]
    ShapesDiffer {
        /// `add`, which alone reads two tensors of images or features.
        layer: String,
        /// Shape of the first input.
        left: Shape,
        /// Shape of the second input.
        right: Shape,
    },
    /// The logits do not have one value per class.
    #[error("softmax_cross_entropy: the logits are {shape}, but there are {classes} classes")]
    WrongClasses {
        /// Shape of the logits.
        shape: Shape,
        /// How many classes the loss was asked to tell apart.
        classes: usize,
    },
    /// Statistics over a single value.
    #[error("batch_norm \"{name}\": the input {shape} has one value per channel; use a larger batch or image")]
    SingleValue {
        /// Name of the layer.
        name: String,
        /// Shape of its input.
        shape: Shape,
    },
    /// Groups of different sizes.
    #[error("{layer}: {groups} groups do not divide its {channels} channels evenly")]
    UnevenGroups {
        /// `group_norm` with the layer's name.
        layer: String,
        /// How many groups were asked for.
        groups: usize,
        /// Channels of the input.
        channels: usize,
    },
    /// Statistics over a single value of each image.
    #[error("{layer}: each of {groups} groups of the input {shape} has one value; use fewer groups or a larger image")]
    SingleValueGroup {
        /// `group_norm` with the layer's name.
        layer: String,
        /// How many groups were asked for.
        groups: usize,
        /// Shape of its input.
        shape: Shape,
    },
    /// Two layers with one name.
    #[error("two layers have the name \"{name}\"")]
    DuplicateName {
        /// The name that an earlier layer has already.
        name: String,
    },
    /// A tensor of another graph, or one that has no values of a batch.
    #[error("{layer}: its input is no tensor of this graph")]
    UnknownTensor {
        /// The layer or operation.
        layer: String,
    },
    /// More elements than a tensor may have.
    #[error("{layer}: a tensor of {shape} has more than {} elements", crate::Graph::MAX_ELEMENTS)]
    TooLarge {
        /// The layer or operation.
        layer: String,
        /// The shape that the tensor would have.
        shape: Shape,
    },
    /// `softmax_cross_entropy` was called a second time.
    #[error("the graph has a loss already")]
    SecondLoss,
    /// `softmax_cross_entropy` was never called.
    #[error("the graph has no loss: end it with softmax_cross_entropy")]
    NoLoss,
    /// A parameter that the loss does not depend on.
    #[error("the parameter \"{name}\" does not reach the loss: use the layer's output or leave the layer out")]
    Unused {
        /// Name of the parameter.
        name: String,
    },
    /// A graph without parameters.
    #[error("the graph has no parameters: there is nothing to train")]
    NothingToTrain,
}
