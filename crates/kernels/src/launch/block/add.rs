//! Sums of stored tensors.

use crate::launch::{of_lanes, run, stored};
use crate::shared::{STREAM_THREADS, VECTOR_BYTES};
use crate::{DeviceError, Precision, Source, Span, StepRow, Stream};

/// y = x, or y += x, of stored tensors: for gradients that come together.
#[derive(Clone, Copy, Debug)]
pub struct Add {
    /// Images in a full batch.
    pub batch: usize,
    /// Values of an image.
    pub elements: usize,
    /// How values are stored.
    pub precision: Precision,
}

impl Add {
    /// Writes or, with `accumulate`, adds `x` to `y`.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If a tensor does not have `batch * elements` values, or does not start at a multiple of 16 bytes.
    pub fn run(
        &self,
        stream: &dyn Stream,
        step: Span<'_, StepRow>,
        x: Span<'_, u8>,
        y: Span<'_, u8>,
        accumulate: bool,
    ) -> Result<(), DeviceError> {
        let len = self.batch * self.elements;
        let bytes = len * self.precision.bytes();
        assert_eq!(step.len(), 1, "one row");
        assert_eq!((x.len(), y.len()), (bytes, bytes), "values");
        assert!(len < 1 << 31, "{len} values");
        let aligned = |span: Span<'_, u8>| span.address().is_multiple_of(VECTOR_BYTES as u64);
        assert!(aligned(x) && aligned(y), "aligned to {VECTOR_BYTES} bytes");
        let arguments = of_lanes().span(step).value(self.elements as u32).span(x).span(y).value(u32::from(accumulate));
        let vector = VECTOR_BYTES / self.precision.bytes();
        let name = stored!(self.precision, "add");
        // SAFETY: both tensors hold as many values as the kernel addresses.
        unsafe {
            run(
                stream,
                Source::Block.kernel(name),
                len.div_ceil(vector * STREAM_THREADS),
                STREAM_THREADS as u32,
                0,
                arguments,
            )
        }
    }
}
