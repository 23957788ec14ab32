//! Where a step's parameters lie.

use std::ops::Range;

use tunefork_graph::{NormPart, SlabLayout};

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
        let [mean, variance] = slab.norm(norm.norm).ranges();
        let [scale, shift] = [norm.scale, norm.shift].map(|id| slab.parameter(id).range());
        Self { scale, shift, mean, variance }
    }
}
