//! The steps of a program: what an engine is asked to do, and where the tensors lie.
//!
//! Every payload is generic over `B`, what stands for a tensor: a [`Buffer`] in a finished program,
//! a plain number while lifetimes are worked out. [`Step::uses`] and [`Step::overlays`] are
//! the contract between planner and engines: a step touches nothing else of the arena, and a tensor may share
//! memory with another one only as stated there.

use std::sync::Arc;

use crate::{Block, Buffer, Dense, GroupNorm, Image};

/// One pass of an engine. Parameters, their gradients and running statistics lie in the slab, not
/// in the arena, and are found by the ids in [`Block`] and [`Dense`].
#[derive(Clone, PartialEq, Debug)]
pub enum Step<B = Buffer> {
    /// A block's result and, in training, its statistics.
    BlockForward(BlockForward<B>),
    /// Gradients of a block's parameters and inputs.
    BlockBackward(BlockBackward<B>),
    /// A dense layer's result.
    DenseForward(DenseForward<B>),
    /// A dense layer's gradients.
    DenseBackward(DenseBackward<B>),
    /// A group norm's result and its statistics.
    GroupNormForward(GroupNormForward<B>),
    /// A group norm's gradients.
    GroupNormBackward(GroupNormBackward<B>),
    /// The mean over all pixels.
    GlobalAverageForward(GlobalAverageForward<B>),
    /// Gradient of the mean over all pixels.
    GlobalAverageBackward(GlobalAverageBackward<B>),
    /// Dropout that does not follow a dense layer; only in training.
    DropoutForward(DropoutForward<B>),
    /// Gradient of such a dropout.
    DropoutBackward(DropoutBackward<B>),
    /// Loss and hits of the batch and, in training, the gradient of the logits.
    Loss(Loss<B>),
}

/// Where a gradient goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gradient<B = Buffer> {
    /// The tensor, of the size of the one it is the gradient of.
    pub to: B,
    /// Whether it is added to what an earlier step, or an earlier gradient of this step, has left
    /// there.
    pub accumulate: bool,
}

/// Forward pass of a [`Block`].
#[derive(Clone, PartialEq, Debug)]
pub struct BlockForward<B = Buffer> {
    /// Its parts, their sizes and parameters.
    pub block: Arc<Block>,
    /// x, `[N, input]`.
    pub input: B,
    /// r, when there is a shortcut; it may be the same tensor as `input`.
    pub shortcut_input: Option<B>,
    /// Where the convolution's result is kept, `[N, convolved]`: in training, when there is a
    /// convolution; the same tensor as `output` when [`Block::saves_output`].
    /// `None`: nothing is kept, and the values before the pooling live in the engine's scratch only.
    pub saved: Option<B>,
    /// The result, `[N, output]`.
    pub output: B,
    /// With a norm, 2 K values: mean and 1 / sqrt(var + eps), of the batch in training and of the
    /// running statistics in evaluation.
    pub statistics: Option<B>,
    /// As much room as the engine asked for.
    pub workspace: Option<B>,
}

/// Backward pass of a [`Block`]: gradients of its parameters (written, not added), of x and of r.
///
/// An engine must have read all it needs of image n in every tensor before it writes anything of
/// image n, and it must write the gradient of x before the gradient of r, which may be the same
/// tensor. Sums over the batch are formed before the first gradient of an image is written.
#[derive(Clone, PartialEq, Debug)]
pub struct BlockBackward<B = Buffer> {
    /// The block of the forward pass.
    pub block: Arc<Block>,
    /// x, for the gradient of the convolution's weights; `None` without a convolution.
    pub input: Option<B>,
    /// r, if [`Block::backward_reads_shortcut`].
    pub shortcut_input: Option<B>,
    /// What was kept, see [`Block`], if [`Block::backward_reads_saved`]. With a convolution the engine
    /// may overwrite it, with the gradient of the convolution's result for one: nobody reads it
    /// afterwards.
    pub saved: Option<B>,
    /// Gradient of the result, `[N, output]`.
    pub output_gradient: B,
    /// Gradient of x, unless nothing before depends on a parameter.
    pub input_gradient: Option<Gradient<B>>,
    /// Gradient of r, likewise.
    pub shortcut_gradient: Option<Gradient<B>>,
    /// Mean and 1 / sqrt(var + eps) of the forward pass, with a norm.
    pub statistics: Option<B>,
    /// As much room as the engine asked for.
    pub workspace: Option<B>,
}

/// Forward pass of a [`Dense`] group.
#[derive(Clone, PartialEq, Debug)]
pub struct DenseForward<B = Buffer> {
    /// Its sizes, parameters, activation and dropout.
    pub dense: Arc<Dense>,
    /// x, `[N, in]`.
    pub input: B,
    /// The result, `[N, out]`.
    pub output: B,
    /// As much room as the engine asked for.
    pub workspace: Option<B>,
}

/// Backward pass of a [`Dense`] group: gradients of its parameters (written, not added) and of x.
#[derive(Clone, PartialEq, Debug)]
pub struct DenseBackward<B = Buffer> {
    /// The group of the forward pass.
    pub dense: Arc<Dense>,
    /// x, `[N, in]`.
    pub input: B,
    /// The result, with an activation.
    pub output: Option<B>,
    /// Gradient of the result, `[N, out]`. The engine may overwrite it: nobody reads it afterwards.
    pub output_gradient: B,
    /// Gradient of x. It never lies on x.
    pub input_gradient: Option<Gradient<B>>,
    /// As much room as the engine asked for.
    pub workspace: Option<B>,
}

/// Forward pass of a [`GroupNorm`].
#[derive(Clone, PartialEq, Debug)]
pub struct GroupNormForward<B = Buffer> {
    /// Its groups and parameters.
    pub norm: Arc<GroupNorm>,
    /// x, `[N, image]`.
    pub input: B,
    /// The result, `[N, image]`.
    pub output: B,
    /// Of each image the means of its groups, then their 1 / sqrt(var + eps), `[N, 2, groups]`.
    pub statistics: B,
}

/// Backward pass of a [`GroupNorm`]: gradients of its parameters (written, not added) and of x.
///
/// An engine must have read all it needs of image n before it writes the gradient of image n.
#[derive(Clone, PartialEq, Debug)]
pub struct GroupNormBackward<B = Buffer> {
    /// The norm of the forward pass.
    pub norm: Arc<GroupNorm>,
    /// x, `[N, image]`.
    pub input: B,
    /// Gradient of the result, `[N, image]`.
    pub output_gradient: B,
    /// Gradient of x, unless nothing before depends on a parameter.
    pub input_gradient: Option<Gradient<B>>,
    /// The statistics of the forward pass.
    pub statistics: B,
    /// As much room as the engine asked for.
    pub workspace: Option<B>,
}

/// Mean over all pixels.
#[derive(Clone, PartialEq, Debug)]
pub struct GlobalAverageForward<B = Buffer> {
    /// Size of an image.
    pub image: Image,
    /// `[N, H, W, C]`.
    pub input: B,
    /// `[N, C]`.
    pub output: B,
}

/// Gradient of the mean over all pixels.
#[derive(Clone, PartialEq, Debug)]
pub struct GlobalAverageBackward<B = Buffer> {
    /// Size of an image.
    pub image: Image,
    /// `[N, C]`.
    pub output_gradient: B,
    /// `[N, H, W, C]`.
    pub input_gradient: Gradient<B>,
}

/// Dropout that is no part of a [`Dense`].
#[derive(Clone, PartialEq, Debug)]
pub struct DropoutForward<B = Buffer> {
    /// Which of the graph's dropouts.
    pub layer: usize,
    /// Size of an image.
    pub image: Image,
    /// x, `[N, image]`.
    pub input: B,
    /// The result, `[N, image]`; it may lie on x.
    pub output: B,
}

/// Gradient of dropout by itself.
#[derive(Clone, PartialEq, Debug)]
pub struct DropoutBackward<B = Buffer> {
    /// Which of the graph's dropouts.
    pub layer: usize,
    /// Size of an image.
    pub image: Image,
    /// Gradient of the result.
    pub output_gradient: B,
    /// Gradient of x; it may lie on that of the result.
    pub input_gradient: Gradient<B>,
}

/// Softmax cross entropy: loss and hits of a batch.
#[derive(Clone, PartialEq, Debug)]
pub struct Loss<B = Buffer> {
    /// Values of an image's row of logits.
    pub classes: usize,
    /// `[N, classes]`.
    pub logits: B,
    /// Gradient of the logits, in training; often the same memory as the logits.
    pub gradient: Option<B>,
}

/// How a step uses a tensor of the arena.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Use<B = Buffer> {
    /// Which part of the arena.
    pub tensor: B,
    /// Whether the step needs the values that an earlier step left there.
    pub reads: bool,
    /// Whether the step changes the values.
    pub writes: bool,
}

impl<B: Copy + PartialEq> Step<B> {
    /// Every tensor that the step touches and how, what is read before what is written.
    pub fn uses(&self) -> Vec<Use<B>> {
        let read = |tensor: B| Use { tensor, reads: true, writes: false };
        let write = |tensor: B| Use { tensor, reads: false, writes: true };
        let change = |tensor: B| Use { tensor, reads: true, writes: true };
        let gradient = |g: Gradient<B>| Use { tensor: g.to, reads: g.accumulate, writes: true };
        let mut uses: Vec<Use<B>> = Vec::new();
        match self {
            Self::BlockForward(s) => {
                uses.push(read(s.input));
                uses.extend(s.shortcut_input.map(read));
                uses.extend(s.saved.filter(|&saved| saved != s.output).map(write));
                uses.push(write(s.output));
                uses.extend([s.statistics, s.workspace].into_iter().flatten().map(write));
            }
            Self::BlockBackward(s) => {
                uses.push(read(s.output_gradient));
                uses.extend([s.input, s.shortcut_input, s.statistics].into_iter().flatten().map(read));
                // Without a convolution it is the block's input or result, which others may read.
                let saved = |saved| match s.block.conv {
                    Some(_) => change(saved),
                    None => read(saved),
                };
                uses.extend(s.saved.map(saved));
                uses.extend(s.input_gradient.map(gradient));
                // A gradient that this very step writes first holds nothing of an earlier step.
                let fresh = s.input_gradient.filter(|g| !g.accumulate).map(|g| g.to);
                uses.extend(s.shortcut_gradient.filter(|g| Some(g.to) != fresh).map(gradient));
                uses.extend(s.workspace.map(write));
            }
            Self::DenseForward(s) => {
                uses.push(read(s.input));
                uses.push(write(s.output));
                uses.extend(s.workspace.map(write));
            }
            Self::DenseBackward(s) => {
                uses.push(read(s.input));
                uses.extend(s.output.map(read));
                uses.push(change(s.output_gradient));
                uses.extend(s.input_gradient.map(gradient));
                uses.extend(s.workspace.map(write));
            }
            Self::GroupNormForward(s) => uses.extend([read(s.input), write(s.output), write(s.statistics)]),
            Self::GroupNormBackward(s) => {
                uses.extend([s.output_gradient, s.input, s.statistics].map(read));
                uses.extend(s.input_gradient.map(gradient));
                uses.extend(s.workspace.map(write));
            }
            Self::GlobalAverageForward(s) => uses.extend([read(s.input), write(s.output)]),
            Self::GlobalAverageBackward(s) => uses.extend([read(s.output_gradient), gradient(s.input_gradient)]),
            Self::DropoutForward(s) => uses.extend([read(s.input), write(s.output)]),
            Self::DropoutBackward(s) => uses.extend([read(s.output_gradient), gradient(s.input_gradient)]),
            Self::Loss(s) => {
                uses.push(read(s.logits));
                uses.extend(s.gradient.map(write));
            }
        }
        uses
    }

    /// Pairs (a, b) where a, which the step writes, may lie exactly on b, which the step reads, when
    /// b is not needed afterwards and both have one size. The planner makes use of it; every other
    /// pair of tensors that a step touches lies apart.
    ///
    /// - An elementwise block, dropout and its gradient: the result on an input.
    /// - A block's gradients, because image n is read before it is written: the gradient of x on x,
    ///   the gradient of r on r, and either on the gradient of the result.
    /// - A group norm's gradient of x on x or on the gradient of the result, likewise.
    /// - The loss: the gradient of the logits on the logits.
    pub fn overlays(&self) -> Vec<(B, B)> {
        let fresh = |g: Option<Gradient<B>>| g.filter(|g| !g.accumulate).map(|g| g.to);
        let mut pairs = Vec::new();
        match self {
            Self::BlockForward(s) if s.block.is_elementwise() => {
                pairs.push((s.output, s.input));
                pairs.extend(s.shortcut_input.map(|r| (s.output, r)));
            }
            Self::BlockBackward(s) => {
                // Without a convolution, saved values that are not the output are x.
                let x = if s.block.conv.is_none() && !s.block.saves_output() { s.saved } else { s.input };
                for (gradient, read) in [(s.input_gradient, x), (s.shortcut_gradient, s.shortcut_input)] {
                    if let Some(gradient) = fresh(gradient) {
                        pairs.extend(read.map(|read| (gradient, read)));
                        pairs.push((gradient, s.output_gradient));
                    }
                }
            }
            Self::GroupNormBackward(s) => {
                pairs.extend(fresh(s.input_gradient).into_iter().flat_map(|g| [(g, s.input), (g, s.output_gradient)]));
            }
            Self::DropoutForward(s) => pairs.push((s.output, s.input)),
            Self::DropoutBackward(s) => {
                pairs.extend(fresh(Some(s.input_gradient)).map(|g| (g, s.output_gradient)));
            }
            Self::Loss(s) => pairs.extend(s.gradient.map(|g| (g, s.logits))),
            Self::BlockForward(_)
            | Self::DenseForward(_)
            | Self::DenseBackward(_)
            | Self::GroupNormForward(_)
            | Self::GlobalAverageForward(_)
            | Self::GlobalAverageBackward(_) => {}
        }
        pairs
    }
}
