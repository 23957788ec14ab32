//! The first launch of a step, with the images of its batch: `kernels/gather.cu`.

use super::arrivals::COUNTERS;
use super::{of_lanes, run, stored};
use crate::shared::{Frame, GATHER_VALUES, GatherCounts, Progress, STREAM_THREADS};
use crate::{DeviceError, Divisor, Owner, Precision, Source, Span, StepRow, Stream};

pub use crate::shared::Transform;

/// Collects the images of a batch from the data set, bytes that become numbers by a table, changed and
/// mixed as the step says.
#[derive(Clone, Copy, Debug)]
pub struct Gather {
    /// Images in a full batch.
    pub batch: usize,
    /// Rows of an image, at most 4,096.
    pub height: usize,
    /// Pixels of a row, at most 4,096.
    pub width: usize,
    /// Values of a pixel.
    pub channels: usize,
    /// How values are stored.
    pub precision: Precision,
}

/// The steps to come, which the host has written ahead, so that a captured step finds its numbers without it.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    /// A row for each step: a [`StepRow`] and, behind it, a [`DropoutRow`](crate::DropoutRow) for each dropout.
    pub rows: Span<'a, u32>,
    /// Which of them comes next, and how many there are.
    pub progress: Span<'a, Progress>,
    /// Receives the row of the step, for the launches that follow. Behind the last one that is a step without images,
    /// in which nothing happens.
    pub row: Span<'a, u32>,
    /// [`COUNTERS`] zeros.
    pub counters: Span<'a, u32>,
}

impl Gather {
    /// Takes the next row of the table. Image i of the batch, for the step's rows, is `images[indices[step.first + i]]`; byte b of channel
    /// c becomes `tables[256 c + b]`. Where `step.changed` is 1, `transforms[step.first + i]` happens to
    /// it; a share `step.mixing` of the next image is mixed into each, into the last of the first.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If `images` is no whole number of images, there are no indices, or another length is wrong.
    pub fn run(
        &self,
        stream: &dyn Stream,
        table: Table<'_>,
        images: Span<'_, u8>,
        indices: Span<'_, u32>,
        tables: Span<'_, f32>,
        transforms: Span<'_, Transform>,
        out: Span<'_, u8>,
    ) -> Result<(), DeviceError> {
        let image = self.height * self.width * self.channels;
        let len = self.batch * image;
        let (row, rows) = (table.row.len(), table.rows.len());
        assert!(
            row >= size_of::<StepRow>() / 4 && rows >= row && rows.is_multiple_of(row),
            "{rows} words, rows of {row}"
        );
        assert_eq!((table.progress.len(), table.counters.len()), (1, COUNTERS), "progress and counters");
        assert_eq!(tables.len(), 256 * self.channels, "a table for each channel");
        assert_eq!(out.len(), len * self.precision.bytes(), "values");
        assert!(
            !images.is_empty() && images.len().is_multiple_of(image) && !indices.is_empty(),
            "{} bytes, images of {image}",
            images.len()
        );
        assert!(!transforms.is_empty(), "at least one transform");
        // So that positions fit 31 bits.
        assert!(self.height <= 4096 && self.width <= 4096, "{} by {} pixels", self.height, self.width);
        let count = images.len() / image;
        assert!(len < 1 << 31 && count < 1 << 31, "{len} values, {count} images");
        let name = stored!(self.precision, "gather");
        let arguments = of_lanes()
            .lanes(Owner::Images)
            .lanes(Owner::Tables)
            .span(table.rows)
            .span(table.progress)
            .span(table.row)
            .value(row as u32)
            .span(table.counters)
            .span_of(Owner::Images, images)
            .span(indices)
            .span_of(Owner::Tables, tables)
            .span(transforms)
            .span(out)
            .value(GatherCounts {
                images: count as u32,
                indices: indices.len() as u32,
                transforms: transforms.len() as u32,
            })
            .value(Frame {
                image: Divisor::new(image as u32),
                channels: Divisor::new(self.channels as u32),
                width: Divisor::new(self.width as u32),
                height: self.height as u32,
            });
        let blocks = len.div_ceil(GATHER_VALUES * STREAM_THREADS);
        // SAFETY: the kernel keeps within the numbers of images, indices and transforms and within each
        // image, and writes `len` values; the host has written no more steps than the table has rows.
        unsafe { run(stream, Source::Gather.kernel(name), blocks, STREAM_THREADS as u32, 0, arguments) }
    }
}
