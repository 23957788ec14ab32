//! Sums that are formed in slices, so that there are blocks enough: each slice leaves its part, and the last one to
//! arrive adds the parts.

use crate::Span;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Slices {
    pub count: usize,
    /// Terms of each; the last may have fewer, or none.
    pub length: usize,
}

impl Slices {
    /// Values of f32 that the parts of so many sums take; 0 for one slice, whose part is the sum.
    pub(super) fn workspace_len(&self, sums: usize) -> usize {
        match self.count {
            1 => 0,
            count => count * sums,
        }
    }

    /// Where the parts of some sums go; nowhere for one slice, which writes the sums themselves.
    ///
    /// # Panics
    /// If there are several slices, and no workspace or too short a one.
    pub(super) fn parts<'a>(&self, sums: usize, workspace: Option<Span<'a, f32>>) -> Option<Span<'a, f32>> {
        match self.workspace_len(sums) {
            0 => None,
            len => Some(workspace.expect("a workspace for several slices").part(0..len)),
        }
    }
}
