//! Where parameters and running statistics lie in the slab.

use std::ops::Range;

use crate::{Graph, NormId, ParameterId, Shape};

/// Slots start at multiples of 16 elements: 64 bytes, a cache line and an AVX-512 register.
const SLOT_ALIGNMENT: usize = 16;

/// The parameters of a network and its running statistics, one behind the other. All offsets and
/// lengths are in elements of 4 bytes.
///
/// The first `trainable_len` elements are the parameters; the gradients and each tensor of the
/// optimizer's state have the same layout. Elements between slots are padding: they start at 0,
/// their gradients are 0, and so every optimizer leaves them 0.
#[derive(Clone, PartialEq, Debug)]
pub struct SlabLayout {
    /// One slot per parameter, in the graph's order; index by [`ParameterId::index`].
    pub parameters: Vec<Slot>,
    /// Where the parameters end.
    pub trainable_len: usize,
    /// One pair of slots per batch norm, in the graph's order; index by [`NormId::index`].
    pub norms: Vec<NormSlot>,
    /// Length of the slab.
    pub len: usize,
}

/// The place of a parameter.
#[derive(Clone, PartialEq, Debug)]
pub struct Slot {
    /// `layer.weight` or `layer.bias`.
    pub name: String,
    /// Its axes, with the outputs last.
    pub shape: Shape,
    /// Elements of the slab before its first.
    pub offset: usize,
    /// Its elements, without the padding to the next slot.
    pub len: usize,
}

/// The place of a batch norm's running statistics.
#[derive(Clone, PartialEq, Debug)]
pub struct NormSlot {
    /// Name of the layer.
    pub name: String,
    /// First element of the running mean, which starts at 0.
    pub mean: usize,
    /// First element of the running (unbiased) variance, which starts at 1.
    pub variance: usize,
    /// Number of channels, the length of either.
    pub len: usize,
}

impl Slot {
    /// Its elements of the slab.
    pub fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.len
    }
}

impl NormSlot {
    /// The elements of the running mean and of the running variance in the slab.
    pub fn ranges(&self) -> [Range<usize>; 2] {
        [self.mean, self.variance].map(|start| start..start + self.len)
    }
}

impl SlabLayout {
    pub(crate) fn new(graph: &Graph) -> Self {
        let mut len = 0;
        let mut take = |elements: usize| {
            let offset = len;
            len = (offset + elements).next_multiple_of(SLOT_ALIGNMENT);
            offset
        };
        let parameters: Vec<Slot> = graph
            .parameters()
            .iter()
            .map(|parameter| {
                let len = parameter.shape.elements();
                Slot { name: parameter.name.clone(), shape: parameter.shape, offset: take(len), len }
            })
            .collect();
        let trainable_len = take(0);
        let norms = graph
            .norms()
            .iter()
            .map(|norm| {
                let len = norm.channels;
                NormSlot { name: norm.name.clone(), mean: take(len), variance: take(len), len }
            })
            .collect();
        Self { parameters, trainable_len, norms, len }
    }

    /// The place of a parameter.
    ///
    /// # Panics
    /// If the parameter is of another graph.
    pub fn parameter(&self, id: ParameterId) -> &Slot {
        &self.parameters[id.index()]
    }

    /// The place of a batch norm's running statistics.
    ///
    /// # Panics
    /// If the norm is of another graph.
    pub fn norm(&self, id: NormId) -> &NormSlot {
        &self.norms[id.index()]
    }
}
