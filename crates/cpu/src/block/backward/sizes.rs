//! What a block's backward pass needs of workspace and scratch, and how it cuts the batch.

use std::ops::Range;

use tunefork_graph::{Block, PoolKind};

use crate::block::tail::Tail;
use crate::block::{conv_shape, projection_shape};
use crate::conv::{ConvShape, DataGradient, Forward, Padded, WeightGradient};
use crate::layout::Layout;

/// The most chunks of a batch: enough for as many threads.
const CHUNKS: usize = 16;
/// Elements of the gradient before the activation that are made at once: they stay in the first- or
/// second-level cache until they have gone through the norm.
const BAND: usize = 16 * 1024;

/// A convolution's gradients: the block's own, or its projection's.
pub(crate) struct ConvSizes {
    pub shape: ConvShape,
    pub data: DataGradient,
    /// Whether anybody asks for the gradient by the input.
    pub wants_data: bool,
    /// Weights for it, in the workspace.
    pub packed: Range<usize>,
    pub weight: WeightGradient,
    /// In a chunk's partial sums.
    pub partial: Range<usize>,
}

impl ConvSizes {
    fn new(shape: ConvShape, most: usize, wants_data: bool) -> Self {
        let data = DataGradient::new(shape);
        let weight = WeightGradient::new(shape, data.padded(), most);
        Self { shape, data, wants_data, packed: 0..0, weight, partial: 0..0 }
    }
}

/// Ranges of the workspace and of a thread's scratch.
pub(crate) struct BackwardSizes {
    pub workspace: usize,
    pub scratch: usize,
    /// Images of a chunk.
    pub chunk: usize,
    pub chunks: usize,
    /// Images of a group.
    pub group: usize,
    /// Output rows whose windows are worked on at once.
    pub band: usize,
    pub conv: Option<ConvSizes>,
    pub projection: Option<ConvSizes>,
    /// Tables to compute the projection again, where the gradients need its result.
    pub projected: Option<Forward>,

    // In the workspace.
    pub projected_weights: Range<usize>,
    pub sums: Range<usize>,
    pub coefficients: Range<usize>,
    pub partials: Range<usize>,

    // In a chunk's partial sums.
    pub bias: Range<usize>,
    pub partial_len: usize,

    // In scratch.
    /// Padded inputs of a group.
    pub padded: Range<usize>,
    /// Gradients at the convolution's result of a group, each with its border.
    pub gradient: Range<usize>,
    /// Elements of one of them.
    pub gradient_len: usize,
    pub border: Padded,
    /// Gradients before the activation.
    pub before: Range<usize>,
    /// Whether they are those of a whole group, for a shortcut, and not of a band.
    pub keeps_before: bool,
    /// The projection's result for one image, and its padded input.
    pub shortcut: Range<usize>,
    pub shortcut_padded: Range<usize>,
}

impl BackwardSizes {
    pub(crate) fn new(block: &Block, batch: usize, input_gradient: bool, shortcut_gradient: bool) -> Self {
        let shapes = (conv_shape(block), projection_shape(block));
        let (chunk, chunks) = chunks(block, shapes, batch);
        let mut conv = shapes.0.map(|shape| ConvSizes::new(shape, chunk, input_gradient));
        let most = conv.as_ref().map_or(1, |conv| conv.weight.group());
        let mut projection = shapes.1.map(|shape| ConvSizes::new(shape, most, shortcut_gradient));
        let group = projection.as_ref().map_or(most, |projection| projection.weight.group());
        let recomputes = block.backward_reads_shortcut()
            && !block.saves_output()
            && (block.activation.is_some() || Tail::new(block).pool == PoolKind::Max && block.pool.is_some());
        let projected = shapes.1.filter(|_| recomputes).map(Forward::new);

        let (k, elements) = (block.convolved.channels, block.convolved.elements());
        let (mut partial, mut workspace, mut scratch) = (Layout::default(), Layout::default(), Layout::default());
        for conv in [&mut conv, &mut projection].into_iter().flatten() {
            conv.partial = partial.take(conv.shape.weights());
            conv.packed = workspace.take(if conv.wants_data { DataGradient::packed_len(&conv.shape) } else { 0 });
        }
        let bias = partial.take(if block.conv.is_some_and(|conv| conv.bias.is_some()) { k } else { 0 });
        let partial_len = partial.len().next_multiple_of(16);
        let if_norm = |len: usize| if block.norm.is_some() { len } else { 0 };
        let projected_weights = workspace.take(projected.as_ref().map_or(0, |p| Forward::packed_len(&p.shape())));
        let (sums, coefficients) = (workspace.take(if_norm(batch * 2 * k)), workspace.take(if_norm(3 * k)));
        let partials = workspace.take(chunks * partial_len);

        let padded = [&conv, &projection].into_iter().flatten().map(|conv| conv.weight.scratch_len()).max();
        let border = conv.as_ref().map_or(Padded::plain(block.convolved), |conv| conv.data.padded());
        let gradient_len = border.image.elements();
        let keeps_before = shortcut_gradient || projection.is_some();
        let (band, band_rows) = band(block, keeps_before);
        let row_len = block.convolved.width * k;
        let padded = scratch.take(padded.unwrap_or(0));
        let gradient = scratch.take(group * gradient_len);
        let before = scratch.take(if keeps_before { group * elements } else { band_rows * row_len });
        let shortcut = scratch.take(if projected.is_some() { elements } else { 0 });
        let shortcut_padded = scratch.take(projected.as_ref().map_or(0, Forward::scratch_len));
        Self {
            workspace: workspace.len(),
            scratch: scratch.len(),
            chunk,
            chunks,
            group,
            band,
            conv,
            projection,
            projected,
            projected_weights,
            sums,
            coefficients,
            partials,
            bias,
            partial_len,
            padded,
            gradient,
            gradient_len,
            border,
            before,
            keeps_before,
            shortcut,
            shortcut_padded,
        }
    }
}

/// Images per chunk and number of chunks: a power of two, at most one per image, and fewer where the
/// partial sums would outweigh the activations.
fn chunks(block: &Block, shapes: (Option<ConvShape>, Option<ConvShape>), batch: usize) -> (usize, usize) {
    let partial: usize = [shapes.0, shapes.1].iter().flatten().map(ConvShape::weights).sum();
    let activations = batch * (block.input.elements() + block.convolved.elements());
    let mut chunks = CHUNKS;
    while chunks > batch || chunks > 4 && chunks * partial > 2 * activations {
        chunks /= 2;
    }
    let chunk = batch.div_ceil(chunks);
    (chunk, batch.div_ceil(chunk))
}

/// Output rows of a band, and the most image rows that it fills: all of them where windows overlap or
/// the image's gradient is kept.
fn band(block: &Block, keeps: bool) -> (usize, usize) {
    let tail = Tail::new(block);
    let row_len = block.convolved.width * block.convolved.channels;
    let band = (BAND / (row_len * tail.window.stride)).max(1);
    if keeps || !tail.windows_are_apart() || band >= block.output.height {
        return (block.output.height, block.convolved.height);
    }
    // The last band also fills the rows behind the last window.
    let rest = block.convolved.height - (block.output.height - 1) / band * band * tail.window.stride;
    (band, rest.max(band * tail.window.stride))
}
