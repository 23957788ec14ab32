//! Statistics of a batch norm: `kernels/statistics.cu`.
//!
//! Partials are moments of tiles of positions: `[tiles][K]` means, then `[tiles][K]` sums of squared
//! deviations. Tile t holds the positions t T to (t + 1) T of the step's rows x P x Q; tiles behind
//! them are not written. A convolution writes them along with its result, [`Partials`] forms them of
//! a tensor that is there already, and [`Merge`] makes mean and deviation of them.

use super::vectors::Threads;
use super::{run, stored};
use crate::shared::{MERGE_SPAN, STREAM_THREADS, SUM_COLUMNS, TILE_ROUNDS, VECTOR_BYTES};
use crate::{Arguments, DeviceError, Divisor, Precision, Source, Span, StepRow, Stream};

/// Moments of the tiles of a stored tensor.
#[derive(Clone, Copy, Debug)]
pub struct Partials {
    /// Positions of a full batch, N·P·Q.
    pub positions: usize,
    /// Positions of an image, P·Q.
    pub per_image: usize,
    /// Channels, K.
    pub channels: usize,
    /// How values are stored.
    pub precision: Precision,
}

impl Partials {
    /// T, which follows from channels and precision.
    pub fn positions_per_tile(&self) -> usize {
        self.threads().lanes * TILE_ROUNDS
    }

    /// Number of tiles of a full batch.
    pub fn tiles(&self) -> usize {
        self.positions.div_ceil(self.positions_per_tile())
    }

    /// Length of the partials.
    pub fn len(&self) -> usize {
        2 * self.tiles() * self.channels
    }

    /// Whether there are no partials.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn threads(&self) -> Threads {
        Threads::new(self.channels, self.precision)
    }

    /// Forms the partials of `x`.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If `x` does not have `positions * channels` values or `partials` not [`len`](Self::len).
    pub fn run(
        &self,
        stream: &dyn Stream,
        step: Span<'_, StepRow>,
        x: Span<'_, u8>,
        partials: Span<'_, f32>,
    ) -> Result<(), DeviceError> {
        let len = self.positions * self.channels;
        assert_eq!(step.len(), 1, "one row");
        assert_eq!(x.len(), len * self.precision.bytes(), "values");
        assert_eq!(partials.len(), self.len(), "partials");
        assert!(len < 1 << 31, "{len} values");
        let addresses = [x.address(), partials.address()];
        assert_eq!(addresses.map(|address| address % VECTOR_BYTES as u64), [0, 0], "aligned to 16 bytes");
        let threads = self.threads();
        let name = match threads.vector {
            1 => stored!(self.precision, "partials_scalar"),
            _ => stored!(self.precision, "partials"),
        };
        let arguments = Arguments::new()
            .span(step)
            .value(self.per_image as u32)
            .value(self.channels as u32)
            .value(threads.lanes as u32)
            .value(Divisor::new(threads.groups as u32))
            .value(self.tiles() as u32)
            .span(x)
            .span(partials);
        let shared = (threads.lanes + 1) * threads.channels() * size_of::<f32>();
        // SAFETY: the tensor and the partials are as long as the kernel assumes; vectors only where
        // each position's values start at a multiple of 16 bytes.
        unsafe {
            run(
                stream,
                Source::Statistics.kernel(name),
                [self.tiles(), threads.across],
                threads.count(),
                shared as u32,
                arguments,
            )
        }
    }
}

/// Mean and 1 / sqrt(variance + 1e-5) of each channel, from the moments of tiles.
#[derive(Clone, Copy, Debug)]
pub struct Merge {
    /// Channels, K.
    pub channels: usize,
    /// Positions of an image, P·Q.
    pub per_image: usize,
    /// Images in a full batch.
    pub batch: usize,
    /// Positions of a tile, T.
    pub positions_per_tile: usize,
}

impl Merge {
    /// Number of tiles of a full batch.
    pub fn tiles(&self) -> usize {
        (self.batch * self.per_image).div_ceil(self.positions_per_tile)
    }

    /// Length of the partials.
    pub fn partials_len(&self) -> usize {
        2 * self.tiles() * self.channels
    }

    /// Writes the statistics, and mixes them into the running mean and variance: a tenth, with the
    /// unbiased variance. The partials may be overwritten.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If `partials` is not as long as [`partials_len`](Self::partials_len), `statistics` not 2 K, or
    /// the running values not K each.
    pub fn run(
        &self,
        stream: &dyn Stream,
        step: Span<'_, StepRow>,
        partials: Span<'_, f32>,
        statistics: Span<'_, f32>,
        running: Option<(Span<'_, f32>, Span<'_, f32>)>,
    ) -> Result<(), DeviceError> {
        let (k, tiles) = (self.channels, self.tiles());
        assert_eq!(step.len(), 1, "one row");
        assert_eq!(partials.len(), self.partials_len(), "partials");
        assert_eq!(statistics.len(), 2 * k, "mean and rstd");
        if let Some((mean, variance)) = running {
            assert_eq!((mean.len(), variance.len()), (k, k), "running values");
        }
        assert!(self.partials_len() < 1 << 31, "{tiles} tiles");
        assert!(tiles <= MERGE_SPAN * MERGE_SPAN, "{tiles} tiles");
        assert!(self.batch * self.per_image < 1 << 31, "positions");
        // Groups of tiles are merged where they lie, then the groups; mostly there is one.
        let mut stride = 1;
        loop {
            let left = tiles.div_ceil(stride);
            let groups = left.div_ceil(MERGE_SPAN);
            let arguments = Arguments::new()
                .span(step)
                .value(self.per_image as u32)
                .value(k as u32)
                .value(self.positions_per_tile as u32)
                .value(tiles as u32)
                .value(stride as u32)
                .value(u32::from(groups == 1))
                .span(partials)
                .span(statistics)
                .optional(running.map(|(mean, _)| mean))
                .optional(running.map(|(_, variance)| variance));
            // SAFETY: all lengths were checked; a block touches its own tiles and channels only.
            unsafe {
                run(
                    stream,
                    Source::Statistics.kernel("merge_statistics"),
                    [k.div_ceil(SUM_COLUMNS), groups],
                    STREAM_THREADS as u32,
                    (3 * STREAM_THREADS * size_of::<f32>()) as u32,
                    arguments,
                )?;
            }
            if groups == 1 {
                return Ok(());
            }
            stride *= MERGE_SPAN;
        }
    }
}

/// Statistics of the running values: for evaluation.
#[derive(Clone, Copy, Debug)]
pub struct Running {
    /// Channels, K.
    pub channels: usize,
}

impl Running {
    /// Writes the running mean and 1 / sqrt(running variance + 1e-5).
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If the running values are not K each, or `statistics` not 2 K.
    pub fn run(
        &self,
        stream: &dyn Stream,
        mean: Span<'_, f32>,
        variance: Span<'_, f32>,
        statistics: Span<'_, f32>,
    ) -> Result<(), DeviceError> {
        let k = self.channels;
        assert_eq!((mean.len(), variance.len(), statistics.len()), (k, k, 2 * k), "one value for each channel");
        let arguments = Arguments::new().value(k as u32).span(mean).span(variance).span(statistics);
        // SAFETY: all lengths were checked.
        unsafe {
            run(
                stream,
                Source::Statistics.kernel("running_statistics"),
                k.div_ceil(STREAM_THREADS),
                STREAM_THREADS as u32,
                0,
                arguments,
            )
        }
    }
}
