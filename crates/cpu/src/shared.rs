//! A slice that several threads write to, each its own part.

use std::marker::PhantomData;
use std::ops::Range;

/// Numbers of which each task of a run reads or writes its own part.
///
/// The bounds are checked; that no part is written while somebody else uses it is the caller's
/// promise, which is why the accessors are unsafe.
#[derive(Clone, Copy)]
pub(crate) struct Shared<'a> {
    start: *mut f32,
    len: usize,
    slice: PhantomData<&'a mut [f32]>,
}

// SAFETY: the accessors are unsafe, and their callers promise that no part is written while another
// thread uses it.
unsafe impl Send for Shared<'_> {}
// SAFETY: as above.
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    /// Shares `slice` until the result and all its copies are gone.
    pub(crate) fn new(slice: &'a mut [f32]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), slice: PhantomData }
    }

    /// Part of it, still shared.
    ///
    /// # Panics
    ///
    /// If the range lies outside.
    pub(crate) fn part(self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.len, "{range:?} of {}", self.len);
        // SAFETY: the start lies within the slice or just behind its end.
        let start = unsafe { self.start.add(range.start) };
        Self { start, len: range.len(), slice: PhantomData }
    }

    /// Piece number `index` of pieces of `len` numbers each.
    pub(crate) fn piece(self, index: usize, len: usize) -> Self {
        self.part(index * len..(index + 1) * len)
    }

    /// The numbers, to be read.
    ///
    /// # Safety
    ///
    /// Nobody writes any of them while the result is in use.
    pub(crate) unsafe fn read(self) -> &'a [f32] {
        // SAFETY: `start` and `len` describe part of a live slice; the caller rules out writers.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }

    /// The numbers, to be changed.
    ///
    /// # Safety
    ///
    /// Nobody else reads or writes any of them while the result is in use.
    pub(crate) unsafe fn write(self) -> &'a mut [f32] {
        // SAFETY: `start` and `len` describe part of a live slice; the caller rules out other users.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.len) }
    }
}
