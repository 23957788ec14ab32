//! Pieces of a buffer laid out one behind the other.

use std::ops::Range;

/// Pieces start at multiples of a cache line.
const ALIGNMENT: usize = 16;

/// Hands out consecutive ranges.
#[derive(Default)]
pub(crate) struct Layout {
    len: usize,
}

impl Layout {
    pub(crate) fn take(&mut self, len: usize) -> Range<usize> {
        let start = self.len.next_multiple_of(ALIGNMENT);
        self.len = start + len;
        start..self.len
    }

    /// Elements of all pieces together.
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

/// The given ranges of `slice`, which lie apart.
///
/// # Panics
///
/// If they overlap or reach beyond the end.
pub(crate) fn parts<'a, const N: usize>(slice: &'a mut [f32], ranges: [&Range<usize>; N]) -> [&'a mut [f32]; N] {
    let ranges = ranges.map(Clone::clone);
    slice.get_disjoint_mut(ranges).expect("pieces of one layout lie apart")
}
