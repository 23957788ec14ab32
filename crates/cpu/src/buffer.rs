//! Memory aligned to cache lines.

/// A cache line, or a register of AVX-512.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Line([f32; LINE]);

const LINE: usize = 16;

/// A fixed number of `f32`, zero at first, aligned to 64 bytes.
pub(crate) struct AlignedBuffer {
    lines: Vec<Line>,
    len: usize,
}

impl AlignedBuffer {
    /// `len` zeros.
    pub(crate) fn new(len: usize) -> Self {
        Self { lines: vec![Line([0.0; LINE]); len.div_ceil(LINE)], len }
    }

    pub(crate) fn bytes(len: usize) -> u64 {
        (len.div_ceil(LINE) * size_of::<Line>()) as u64
    }

    pub(crate) fn as_slice(&self) -> &[f32] {
        // SAFETY: a line is LINE numbers without padding, and there are enough lines for `len`.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [f32] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}
