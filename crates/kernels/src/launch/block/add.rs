//! Sums of stored tensors.

use crate::launch::vectors::{BYTES, THREADS};
use crate::launch::{run, stored};
use crate::{Arguments, DeviceError, Precision, Source, Span, StepRow, Stream};

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
        assert_eq!((x.address() % BYTES, y.address() % BYTES), (0, 0), "aligned");
        let arguments =
            Arguments::new().span(step).value(self.elements as u32).span(x).span(y).value(u32::from(accumulate));
        let vector = BYTES as usize / self.precision.bytes();
        let name = stored!(self.precision, "add");
        // SAFETY: both tensors hold as many values as the kernel addresses.
        unsafe { run(stream, Source::Block.kernel(name), len.div_ceil(vector * THREADS), THREADS as u32, 0, arguments) }
    }
}
