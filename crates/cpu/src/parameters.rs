//! Where a step's parameters lie.

use std::ops::Range;

use tunefork_graph::{NormPart, ParameterId, SlabLayout};

/// The elements of a parameter in the slab, and of its gradient in the gradients.
pub(crate) fn range(slab: &SlabLayout, id: ParameterId) -> Range<usize> {
    let slot = slab.parameter(id);
    slot.offset..slot.offset + slot.len
}

/// A norm's parameters and running statistics in the slab.
#[derive(Clone, Debug)]
pub(crate) struct NormRanges {
    pub scale: Range<usize>,
    pub shift: Range<usize>,
    pub mean: Range<usize>,
    pub variance: Range<usize>,
}

impl NormRanges {
    pub(crate) fn new(slab: &SlabLayout, norm: &NormPart) -> Self {
        let slot = slab.norm(norm.norm);
        Self {
            scale: range(slab, norm.scale),
            shift: range(slab, norm.shift),
            mean: slot.mean..slot.mean + slot.len,
            variance: slot.variance..slot.variance + slot.len,
        }
    }
}
