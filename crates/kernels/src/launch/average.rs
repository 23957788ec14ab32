//! The mean over all pixels: `kernels/average.cu`.

use super::{of_lanes, run, stored};
use crate::shared::{AVERAGE_CHANNELS, AVERAGE_SHARES};
use crate::{DeviceError, Divisor, Precision, Source, Span, StepRow, Stream};

const THREADS: usize = AVERAGE_CHANNELS * AVERAGE_SHARES;

/// The mean of each channel over the pixels of an image, and its gradient.
#[derive(Clone, Copy, Debug)]
pub struct Average {
    /// Images in a full batch.
    pub batch: usize,
    /// Pixels of an image, H·W.
    pub pixels: usize,
    /// Values of a pixel.
    pub channels: usize,
    /// How values are stored.
    pub precision: Precision,
}

impl Average {
    fn check(&self, step: Span<'_, StepRow>, image: Span<'_, u8>, mean: Span<'_, u8>) {
        let len = self.batch * self.pixels * self.channels;
        assert_eq!(step.len(), 1, "one row");
        assert_eq!(image.len(), len * self.precision.bytes(), "images");
        assert_eq!(mean.len(), self.batch * self.channels * self.precision.bytes(), "means");
        assert!(len < 1 << 31, "{len} values");
    }

    /// y, `[batch, channels]`, from x, `[batch, pixels, channels]`.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If a length is wrong.
    pub fn forward(
        &self,
        stream: &dyn Stream,
        step: Span<'_, StepRow>,
        x: Span<'_, u8>,
        y: Span<'_, u8>,
    ) -> Result<(), DeviceError> {
        self.check(step, x, y);
        let arguments = of_lanes().span(step).span(x).span(y).value(self.pixels as u32).value(self.channels as u32);
        let columns = self.channels.div_ceil(AVERAGE_CHANNELS);
        assert!(columns <= 65_535, "{} channels", self.channels);
        let shared = (THREADS * size_of::<f32>()) as u32;
        let kernel = Source::Average.kernel(stored!(self.precision, "average_forward"));
        // SAFETY: both buffers hold as many values as the kernel addresses.
        unsafe {
            let grid = [self.batch, columns];
            run(stream, kernel, grid, THREADS as u32, shared, arguments)
        }
    }

    /// Writes or, with `accumulate`, adds dy / pixels to every pixel of dx.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If a length is wrong.
    pub fn backward(
        &self,
        stream: &dyn Stream,
        step: Span<'_, StepRow>,
        dy: Span<'_, u8>,
        dx: Span<'_, u8>,
        accumulate: bool,
    ) -> Result<(), DeviceError> {
        self.check(step, dx, dy);
        let image = self.pixels * self.channels;
        let arguments = of_lanes()
            .span(step)
            .span(dy)
            .span(dx)
            .value(self.pixels as u32)
            .value(Divisor::new(image as u32))
            .value(Divisor::new(self.channels as u32))
            .value(u32::from(accumulate));
        let blocks = (self.batch * image).div_ceil(4 * THREADS);
        let kernel = Source::Average.kernel(stored!(self.precision, "average_backward"));
        // SAFETY: both buffers hold as many values as the kernel addresses.
        unsafe { run(stream, kernel, blocks, THREADS as u32, 0, arguments) }
    }
}
