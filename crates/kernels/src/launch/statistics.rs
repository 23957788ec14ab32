//! Statistics of a batch norm: `kernels/statistics.cuh` and `kernels/statistics.cu`.
//!
//! Moments of tiles of positions are formed and left in a workspace, `[tiles][K]` means, then `[tiles][K]` sums of
//! squared deviations; tile t holds the positions t T to (t + 1) T of the step's rows x P x Q, and tiles behind them are
//! not written. The last blocks to arrive merge them. A convolution does so along with its result, [`OfTensor`] for a
//! tensor that is there already.

use super::arrivals::arrivals;
use super::vectors::Threads;
use super::{of_lanes, run, stored};
use crate::shared::{self, Floats, TILE_ROUNDS, VECTOR_BYTES};
use crate::{Arguments, DeviceError, Divisor, Owner, Precision, Source, Span, StepRow, Stream};

/// Where mean and deviation of each of K channels go.
#[derive(Clone, Copy, Debug)]
pub struct Statistics<'a> {
    /// For the moments of tiles.
    pub partials: Span<'a, f32>,
    /// 2 K: receives means, then 1 / sqrt(variance + 1e-5).
    pub statistics: Span<'a, f32>,
    /// K each, running mean and variance: a tenth of the batch's is mixed into them, of the unbiased variance.
    pub running: Option<[Span<'a, f32>; 2]>,
    /// [`COUNTERS`](super::COUNTERS) zeros.
    pub counters: Span<'a, u32>,
}

/// How a launch forms moments.
pub(super) struct Tiles {
    /// Channels, K.
    pub channels: usize,
    /// Tiles of a full batch.
    pub tiles: usize,
    /// Positions of a tile, T.
    pub positions: usize,
    /// Blocks that share the channels of a tile.
    pub across: usize,
}

impl Tiles {
    /// Length of the moments.
    pub(super) fn partials_len(&self) -> usize {
        2 * self.tiles * self.channels
    }

    /// Adds what the kernel is given; nulls where no statistics are wanted.
    ///
    /// # Panics
    /// If a length is wrong.
    pub(super) fn add_to(&self, arguments: Arguments, given: Option<Statistics<'_>>) -> Arguments {
        let Some(Statistics { partials, statistics, running, counters }) = given else {
            return arguments.value(shared::Statistics::default());
        };
        let (k, tiles) = (self.channels, self.tiles);
        assert_eq!(partials.len(), self.partials_len(), "partials");
        assert_eq!(statistics.len(), 2 * k, "mean and rstd");
        assert!(running.is_none_or(|running| running.iter().all(|values| values.len() == k)), "running values");
        assert!(self.partials_len() < 1 << 31, "{tiles} tiles");
        let [mean, variance] = running.map_or([Floats(0); 2], |running| running.map(|values| Floats(values.address())));
        let argument = shared::Statistics {
            partials: Floats(partials.address()),
            statistics: Floats(statistics.address()),
            running_mean: mean,
            running_variance: variance,
            by: arrivals(counters, tiles, self.across),
            channels: k as u32,
            tiles: tiles as u32,
            per_tile: self.positions as u32,
            positions: 0,
        };
        let floats = [partials, statistics].into_iter().chain(running.into_iter().flatten());
        let arguments = arguments.leading_to(Owner::Trial, counters);
        floats.fold(arguments, |arguments, span| arguments.leading_to(Owner::Trial, span)).value(argument)
    }
}

/// Statistics of a stored tensor.
#[derive(Clone, Copy, Debug)]
pub struct OfTensor {
    /// Positions of a full batch, N·P·Q.
    pub positions: usize,
    /// Positions of an image, P·Q.
    pub per_image: usize,
    /// Channels, K.
    pub channels: usize,
    /// How values are stored.
    pub precision: Precision,
}

impl OfTensor {
    fn threads(&self) -> Threads {
        Threads::new(self.channels, self.precision)
    }

    fn tiles(&self) -> Tiles {
        let threads = self.threads();
        let positions = threads.thread_rows * TILE_ROUNDS;
        Tiles { channels: self.channels, tiles: self.positions.div_ceil(positions), positions, across: threads.across }
    }

    /// Length of the moments of tiles.
    pub fn partials_len(&self) -> usize {
        self.tiles().partials_len()
    }

    /// Forms the statistics of `x`, of the step's rows.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If a length is wrong, or `x` or the partials do not start at a multiple of 16 bytes.
    pub fn run(
        &self,
        stream: &dyn Stream,
        step: Span<'_, StepRow>,
        x: Span<'_, u8>,
        statistics: Statistics<'_>,
    ) -> Result<(), DeviceError> {
        let len = self.positions * self.channels;
        assert_eq!(step.len(), 1, "one row");
        assert_eq!(x.len(), len * self.precision.bytes(), "values");
        assert!(len < 1 << 31, "{len} values");
        let addresses = [x.address(), statistics.partials.address()];
        assert_eq!(addresses.map(|address| address % VECTOR_BYTES as u64), [0, 0], "aligned to 16 bytes");
        let (threads, tiles) = (self.threads(), self.tiles());
        let name = match threads.vector {
            1 => stored!(self.precision, "statistics_scalar"),
            _ => stored!(self.precision, "statistics"),
        };
        let arguments = of_lanes()
            .span(step)
            .value(self.per_image as u32)
            .value(threads.thread_rows as u32)
            .value(Divisor::new(threads.groups as u32))
            .span(x);
        let arguments = tiles.add_to(arguments, Some(statistics));
        // First sums of the block's channels and their means, then moments of all threads.
        let values = ((threads.thread_rows + 1) * threads.channels()).max(3 * threads.count() as usize);
        let grid = [tiles.tiles, threads.across];
        // SAFETY: the tensor and the moments are as long as the kernel assumes; vectors only where
        // each position's values start at a multiple of 16 bytes.
        unsafe {
            run(
                stream,
                Source::Statistics.kernel(name),
                grid,
                threads.count(),
                (values * size_of::<f32>()) as u32,
                arguments,
            )
        }
    }
}
