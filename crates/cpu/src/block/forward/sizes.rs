//! What a block's forward pass needs of workspace and scratch.

use std::ops::Range;

use tunefork_graph::Block;

use crate::block::{conv_shape, projection_shape};
use crate::conv::{ConvShape, Forward};
use crate::layout::Layout;

/// Where the parts of workspace and scratch lie.
pub(crate) struct ForwardSizes {
    pub workspace: usize,
    pub scratch: usize,
    pub packed: Range<usize>,
    pub projection: Range<usize>,
    pub moments: Range<usize>,
    pub padded: Range<usize>,
    pub convolved: Range<usize>,
    pub shortcut: Range<usize>,
}

impl ForwardSizes {
    pub(crate) fn new(block: &Block, batch: usize, training: bool) -> Self {
        let (conv, projection) = (conv_shape(block), projection_shape(block));
        let packed_len = |shape: Option<ConvShape>| shape.as_ref().map_or(0, Forward::packed_len);
        let pieces = conv.map_or(1, |shape| Forward::new(shape).strips()) * batch;
        let batch_statistics = training && block.norm.is_some();
        let mut workspace = Layout::default();
        let packed = workspace.take(packed_len(conv));
        let packed_projection = workspace.take(packed_len(projection));
        let moments = workspace.take(if batch_statistics { pieces * 2 * block.convolved.channels } else { 0 });
        let mut scratch = Layout::default();
        let scratch_len = |shape: Option<ConvShape>| shape.map_or(0, |shape| Forward::new(shape).scratch_len());
        let padded = scratch.take(scratch_len(conv).max(scratch_len(projection)));
        let unsaved = conv.is_some() && !training;
        let convolved = scratch.take(if unsaved { block.convolved.elements() } else { 0 });
        let shortcut = scratch.take(projection.map_or(0, |_| block.convolved.elements()));
        Self {
            workspace: workspace.len(),
            scratch: scratch.len(),
            packed,
            projection: packed_projection,
            moments,
            padded,
            convolved,
            shortcut,
        }
    }
}
