//! Dropout by itself: `kernels/dropout.cu`.

use super::{of_lanes, run, stored};
use crate::shared::STREAM_THREADS;
use crate::{DeviceError, DropoutRow, Precision, Source, Span, StepRow, Stream};

impl DropoutRow {
    /// Dropout with probability `p`, in [0, 1].
    pub fn new(p: f64) -> Self {
        let threshold = (p.clamp(0.0, 1.0) * 4_294_967_296.0).min(f64::from(u32::MAX));
        Self { threshold: threshold as u32, scale: if p < 1.0 { (1.0 / (1.0 - p)) as f32 } else { 0.0 } }
    }
}

/// Dropout number `layer` over `elements` values for each image of a batch of at most `batch`.
///
/// Forward and backward are the same work: kept values are scaled, the others become 0.
#[derive(Clone, Copy, Debug)]
pub struct Dropout {
    /// Which of the network's dropouts: counter of the masks.
    pub layer: u32,
    /// Images in a full batch.
    pub batch: usize,
    /// Values of an image.
    pub elements: usize,
    /// How values are stored.
    pub precision: Precision,
}

impl Dropout {
    /// Writes or, with `accumulate`, adds the values of `x` after dropout to `y`, which may be `x`.
    /// Values of images beyond the step's rows are left as they are.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If a buffer does not have `batch * elements` stored values.
    pub fn run(
        &self,
        stream: &dyn Stream,
        step: Span<'_, StepRow>,
        dropout: Span<'_, DropoutRow>,
        x: Span<'_, u8>,
        y: Span<'_, u8>,
        accumulate: bool,
    ) -> Result<(), DeviceError> {
        let len = self.batch * self.elements;
        assert_eq!((step.len(), dropout.len()), (1, 1), "one row");
        assert_eq!((x.len(), y.len()), (len * self.precision.bytes(), len * self.precision.bytes()), "values");
        assert!(len < 1 << 31, "{len} values");
        let arguments = of_lanes()
            .span(step)
            .span(dropout)
            .value(self.layer)
            .value(self.elements as u32)
            .span(x)
            .span(y)
            .value(u32::from(accumulate));
        let blocks = len.div_ceil(4 * STREAM_THREADS);
        let kernel = Source::Dropout.kernel(stored!(self.precision, "dropout"));
        // SAFETY: both buffers hold as many values as the kernel addresses.
        unsafe { run(stream, kernel, blocks, STREAM_THREADS as u32, 0, arguments) }
    }
}
