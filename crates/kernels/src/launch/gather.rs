//! The images of a batch: `kernels/gather.cu`.

use crate::{
    Arguments, DeviceError, Divisor, Precision, Source, Span, StepRow, Stream, launch::run,
};

const THREADS: usize = 256;
/// Neighbouring values of a thread.
const VALUES: usize = 4;

/// Collects the images of a batch from the data set, bytes that become numbers by a table.
#[derive(Clone, Copy, Debug)]
pub struct Gather {
    /// Images in a full batch.
    pub batch: usize,
    /// Pixels of an image, H·W.
    pub pixels: usize,
    /// Values of a pixel.
    pub channels: usize,
    /// How values are stored.
    pub precision: Precision,
}

impl Gather {
    /// Image i of the batch, for the step's rows, is `images[indices[step.first + i]]`; byte b of channel
    /// c becomes `tables[256 c + b]`.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If `images` is no whole number of images, there are no indices, or another length is wrong.
    pub fn run(
        &self,
        stream: &dyn Stream,
        step: Span<'_, StepRow>,
        images: Span<'_, u8>,
        indices: Span<'_, u32>,
        tables: Span<'_, f32>,
        out: Span<'_, u8>,
    ) -> Result<(), DeviceError> {
        let image = self.pixels * self.channels;
        let len = self.batch * image;
        assert_eq!(step.len(), 1, "one row");
        assert_eq!(
            tables.len(),
            256 * self.channels,
            "a table for each channel"
        );
        assert_eq!(out.len(), len * self.precision.bytes(), "values");
        assert!(
            !images.is_empty() && images.len().is_multiple_of(image) && !indices.is_empty(),
            "{} bytes, images of {image}",
            images.len()
        );
        let count = images.len() / image;
        assert!(
            len < 1 << 31 && count < 1 << 31,
            "{len} values, {count} images"
        );
        let name = self
            .precision
            .pick("gather_f32", "gather_f16", "gather_bf16");
        let arguments = Arguments::new()
            .span(step)
            .span(images)
            .span(indices)
            .span(tables)
            .span(out)
            .value(count as u32)
            .value(indices.len() as u32)
            .value(Divisor::new(image as u32))
            .value(Divisor::new(self.channels as u32));
        let blocks = len.div_ceil(VALUES * THREADS);
        // SAFETY: the kernel keeps within the numbers of images and indices, and writes `len` values.
        unsafe {
            run(
                stream,
                Source::Gather.kernel(name),
                blocks,
                THREADS as u32,
                0,
                arguments,
            )
        }
    }
}
