//! The operations a node can stand for.

use crate::{Activation, NormId, ParameterId, Window};

/// What a node computes from its inputs, which stand in brackets behind each name.
///
/// Letters: N images, H x W pixels, C channels in; P x Q pixels, K channels out; R x S filter.
/// Everything is over the real rows of the batch: a masked row is as if it were not there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// \[\] The batch of images, `[N, H, W, C]`.
    Input,
    /// \[\] A tensor that training changes, from [`Graph::parameters`](crate::Graph::parameters).
    Parameter(ParameterId),
    /// \[x, weights `[R, S, C, K]`, optional bias `[K]`\] Cross-correlation with zero padding.
    Conv2d(Window),
    /// \[x, scale, shift\] Per channel over all other axes: (x - mean) / sqrt(var + 1e-5) * scale +
    /// shift, by the batch's mean and biased variance in training, the running ones in evaluation.
    BatchNorm(NormId),
    /// \[x, scale, shift\] Per image and group of neighbouring channels: (x - mean) / sqrt(var + 1e-5) * scale +
    /// shift, by mean and biased variance over the group's pixels and channels; the same in training and evaluation.
    GroupNorm {
        /// How many groups the channels are divided into; one is layer normalisation.
        groups: usize,
    },
    /// \[x\] A function of each value.
    Activation(Activation),
    /// \[x\] The largest value of each window, by channel; the first of equals.
    MaxPool(Window),
    /// \[x\] The mean of each window, by channel; padding counts as zeros.
    AveragePool(Window),
    /// \[x\] The mean over all pixels: `[N, H, W, C]` to `[N, C]`.
    GlobalAveragePool,
    /// \[a, b\] The sum of two tensors of one shape.
    Add,
    /// \[x\] The same values as `[N, F]`, in the order (h, w, c).
    Flatten,
    /// \[x, weights `[in, out]`, optional bias `[out]`\] x times weights, plus bias.
    Dense,
    /// \[x\] Keeps each value with probability 1 - p and scales it by 1 / (1 - p); the identity in
    /// evaluation. It is its own gradient: the mask depends only on layer, element and step.
    Dropout {
        /// Which of the graph's dropouts this is, from 0: selects p and the mask's counter.
        layer: usize,
    },
    /// \[logits `[N, classes]`\] Mean cross entropy with label smoothing, a scalar.
    SoftmaxCrossEntropy,
    /// The gradient of one of the others by one of its inputs.
    Gradient(GradientOp),
}

/// What a node of the backward pass computes; dy is the gradient of the result of what it differentiates. Gradients
/// are not differentiated again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum GradientOp {
    /// \[weights, dy\] Gradient of a convolution by its input.
    Conv2dInput(Window),
    /// \[x, dy\] Gradient of a convolution by its weights.
    Conv2dWeight(Window),
    /// \[dy\] Sum over all axes but the last: gradient by a bias or by a norm's shift.
    Bias,
    /// \[x, scale, dy\] Gradient of a batch norm by its input, through the statistics.
    BatchNormInput(NormId),
    /// \[x, dy\] Gradient of a batch norm by its scale.
    BatchNormScale(NormId),
    /// \[x, scale, dy\] Gradient of a group norm by its input, through the statistics.
    GroupNormInput {
        /// How many groups there are.
        groups: usize,
    },
    /// \[x, dy\] Gradient of a group norm by its scale.
    GroupNormScale {
        /// How many groups there are.
        groups: usize,
    },
    /// \[y or x, dy\] Gradient of an activation, from its result y where the derivative follows from it, else from x.
    Activation(Activation),
    /// \[x, dy\] Gradient of a max pooling: each dy goes to the chosen pixel.
    MaxPool(Window),
    /// \[dy\] Gradient of an average pooling.
    AveragePool(Window),
    /// \[dy\] Gradient of the mean over all pixels.
    GlobalAveragePool,
    /// \[dy\] The same values in the shape of a flattened tensor.
    Flatten,
    /// \[weights, dy\] Gradient of a dense layer by its input.
    DenseInput,
    /// \[x, dy\] Gradient of a dense layer by its weights.
    DenseWeight,
    /// \[logits\] Gradient of the mean cross entropy: (softmax - target) / N.
    SoftmaxCrossEntropy,
}

impl Op {
    pub(crate) fn parameter(self) -> Option<ParameterId> {
        match self {
            Self::Parameter(parameter) => Some(parameter),
            _ => None,
        }
    }

    /// The name as users know it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Parameter(_) => "parameter",
            Self::Conv2d(_) => "conv2d",
            Self::BatchNorm(_) => "batch_norm",
            Self::GroupNorm { .. } => "group_norm",
            Self::Activation(a) => a.name(),
            Self::MaxPool(_) => "max_pool",
            Self::AveragePool(_) => "average_pool",
            Self::GlobalAveragePool => "global_average_pool",
            Self::Add => "add",
            Self::Flatten => "flatten",
            Self::Dense => "dense",
            Self::Dropout { .. } => "dropout",
            Self::SoftmaxCrossEntropy => "softmax_cross_entropy",
            Self::Gradient(_) => "gradient",
        }
    }
}
