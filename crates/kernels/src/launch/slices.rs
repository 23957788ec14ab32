//! Sums that are formed in slices, so that there are blocks enough: each slice writes its part, and the
//! parts are added in order.

use super::run;
use crate::shared::STREAM_THREADS;
use crate::{Arguments, DeviceError, Source, Span, Stream};

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

    /// Where the parts of some sums go: to the workspace, or for one slice to the sums themselves.
    ///
    /// # Panics
    /// If there are several slices, and no workspace or too short a one.
    pub(super) fn parts<'a>(&self, sums: Span<'a, f32>, workspace: Option<Span<'a, f32>>) -> Span<'a, f32> {
        match self.workspace_len(sums.len()) {
            0 => sums,
            len => workspace.expect("a workspace for several slices").part(0..len),
        }
    }

    /// Adds the slices' parts, the first slice first; nothing to do for one slice.
    pub(super) fn add(
        &self,
        stream: &dyn Stream,
        parts: Span<'_, f32>,
        sums: Span<'_, f32>,
    ) -> Result<(), DeviceError> {
        if self.count == 1 {
            return Ok(());
        }
        let (slices, len) = (self.count, sums.len());
        assert_eq!(parts.len(), slices * len, "a part of each slice");
        // Many slices of few numbers: several threads share a number.
        let shares = if slices > 8 { 8 } else { 1 };
        let arguments =
            Arguments::new().value(len as u32).value(slices as u32).value(shares as u32).span(parts).span(sums);
        let kernel = Source::Conv.kernel("conv_add_slices");
        let blocks = len.div_ceil(STREAM_THREADS / shares);
        let shared = (STREAM_THREADS * size_of::<f32>()) as u32;
        // SAFETY: the lengths were checked above.
        unsafe { run(stream, kernel, blocks, STREAM_THREADS as u32, shared, arguments) }
    }
}
