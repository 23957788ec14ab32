//! What a step computes: several operations that are one pass over memory.

use crate::{Activation, Image, NormId, ParameterId, Pool, PoolKind, Window};

/// The group that carries convolutional networks, every part optional:
///
/// out = pool(activation(norm(conv(x)) + shortcut(r)))
///
/// Without a convolution it is the rest alone, so that no other group is needed for batch norms,
/// activations, sums and pooling that stand by themselves; features then count as images of one
/// pixel. At least one part is there.
///
/// A max pooling stands only behind an activation that is monotone (or behind none).
///
/// **What is kept for the gradients** ("saved"): the block's output where there is neither norm nor
/// pooling and the derivative of the activation follows from its result; otherwise the convolution's
/// result with its bias (without convolution: the block's input). The normalised values, the
/// activation's and the projected shortcut are computed again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    /// Name of the convolution or norm, else of the operations.
    pub name: String,
    /// Size of an image of x.
    pub input: Image,
    /// Size after the convolution, and up to the pooling.
    pub convolved: Image,
    /// Size of the result.
    pub output: Image,
    /// `None`: what follows works on x itself.
    pub conv: Option<ConvPart>,
    /// Of the convolution's result; `None`: it goes on as it is.
    pub norm: Option<NormPart>,
    /// What is added before the activation.
    pub shortcut: Shortcut,
    /// Applied to the sum with the shortcut.
    pub activation: Option<Activation>,
    /// Applied last; its windows may overlap.
    pub pool: Option<Pool>,
}

/// A block's convolution, of `input.channels` channels to `convolved.channels`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConvPart {
    /// The filters' size, stride and padding.
    pub window: Window,
    /// `[R, S, C, K]`.
    pub weights: ParameterId,
    /// `[K]`.
    pub bias: Option<ParameterId>,
}

/// A block's batch norm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NormPart {
    /// Which of the graph's batch norms: finds its running statistics in the slab.
    pub norm: NormId,
    /// `[K]`, gamma.
    pub scale: ParameterId,
    /// `[K]`, beta.
    pub shift: ParameterId,
}

/// What a block adds before its activation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shortcut {
    /// There is no r.
    None,
    /// A tensor of the size `convolved`. It may be the block's input itself.
    Identity,
    /// A tensor through a 1x1 convolution without padding and bias. It may be the block's input.
    /// The result is never stored: it is computed again, image by image, for the gradients.
    Projected {
        /// `[1, 1, C, K]`.
        weights: ParameterId,
        /// Pixels from one position to the next.
        stride: usize,
        /// Size of the tensor before the projection.
        input: Image,
    },
}

impl Block {
    /// Whether the block's output is what is kept for the gradients, not the values behind the convolution.
    pub fn saves_output(&self) -> bool {
        let follows = self.activation.is_none_or(Activation::derivative_follows_from_result);
        self.norm.is_none() && self.pool.is_none() && follows
    }

    /// Whether each value of the result depends on the value at the same place of the inputs only,
    /// so that the result may be written over an input.
    pub fn is_elementwise(&self) -> bool {
        self.conv.is_none() && self.norm.is_none() && self.pool.is_none() && !self.is_projected()
    }

    /// Whether the gradients need the saved values: for the normalised values, the activation's
    /// derivative, or to find the largest value again.
    pub fn backward_reads_saved(&self) -> bool {
        self.norm.is_some() || self.activation.is_some() || self.has_max_pool()
    }

    /// Whether the gradients need the shortcut's tensor: for the projection's weights, or to
    /// compute the values before the pooling again.
    pub fn backward_reads_shortcut(&self) -> bool {
        let recomputes_sum = !self.saves_output() && (self.activation.is_some() || self.has_max_pool());
        self.is_projected() || (self.shortcut == Shortcut::Identity && recomputes_sum)
    }

    /// How many values of the block are trained: weights, biases, scales and shifts.
    pub fn parameters(&self) -> usize {
        let conv = self.conv.map_or(0, |conv| {
            let filter = conv.window.kernel.pow(2) * self.input.channels + usize::from(conv.bias.is_some());
            filter * self.convolved.channels
        });
        let norm = self.norm.map_or(0, |_| 2 * self.convolved.channels);
        let shortcut = match self.shortcut {
            Shortcut::Projected { input, .. } => input.channels * self.convolved.channels,
            Shortcut::None | Shortcut::Identity => 0,
        };
        conv + norm + shortcut
    }

    fn is_projected(&self) -> bool {
        matches!(self.shortcut, Shortcut::Projected { .. })
    }

    fn has_max_pool(&self) -> bool {
        self.pool.is_some_and(|pool| pool.kind == PoolKind::Max)
    }
}

/// A dense layer with what follows it: out = dropout(activation(x W + b)).
///
/// The derivative of the activation follows from its result: others are blocks of their own.
///
/// For the gradients the output is kept where there is an activation. Its value before dropout is
/// out * (1 - p) where the mask keeps it, and the mask is drawn again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dense {
    /// Name of the layer.
    pub name: String,
    /// Values of an image of x.
    pub inputs: usize,
    /// Features of the result.
    pub outputs: usize,
    /// `[in, out]`.
    pub weights: ParameterId,
    /// `[out]`.
    pub bias: Option<ParameterId>,
    /// Applied before the dropout.
    pub activation: Option<Activation>,
    /// Which of the graph's dropouts follows.
    pub dropout: Option<usize>,
}

impl Dense {
    pub(crate) fn parameters(&self) -> usize {
        (self.inputs + usize::from(self.bias.is_some())) * self.outputs
    }
}

/// Normalisation of each image by groups of neighbouring channels: out = (x - mean) rstd gamma + beta, with
/// mean and rstd = 1 / sqrt(var + eps) over the pixels and channels of a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupNorm {
    /// Name of the layer.
    pub name: String,
    /// Size of an image of x and of the result.
    pub image: Image,
    /// How many groups; they divide the channels evenly.
    pub groups: usize,
    /// `[C]`, gamma.
    pub scale: ParameterId,
    /// `[C]`, beta.
    pub shift: ParameterId,
}

impl GroupNorm {
    /// Channels of a group.
    pub fn channels(&self) -> usize {
        self.image.channels / self.groups
    }

    /// Values of an image in a group.
    pub fn values(&self) -> usize {
        self.image.pixels() * self.channels()
    }
}
