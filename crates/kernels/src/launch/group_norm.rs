//! Group norm: `kernels/group_norm.cu`.

use super::loss::LossScale;
use super::{of_lanes, run, stored};
use crate::shared::{AVERAGE_CHANNELS, AVERAGE_SHARES, GROUP_NORM_THREADS};
use crate::{Arguments, DeviceError, Divisor, Kernel, Precision, Source, Span, StepRow, Stream};

/// Each image normalised by groups of neighbouring channels, with a scale and a shift per channel.
#[derive(Clone, Copy, Debug)]
pub struct GroupNorm {
    /// Images in a full batch.
    pub batch: usize,
    /// Pixels of an image, H·W.
    pub pixels: usize,
    /// Values of a pixel.
    pub channels: usize,
    /// Groups, which divide the channels evenly.
    pub groups: usize,
    /// How values are stored.
    pub precision: Precision,
}

/// A group norm's parameters, or their gradients: one value per channel each.
#[derive(Clone, Copy, Debug)]
pub struct Parameters<'a> {
    /// Gamma, one value for each channel.
    pub scale: Span<'a, f32>,
    /// Beta, one value for each channel.
    pub shift: Span<'a, f32>,
}

impl GroupNorm {
    /// Length of the statistics: of each image the means of its groups, then their 1 / sqrt(variance + eps).
    pub fn statistics_len(&self) -> usize {
        2 * self.batch * self.groups
    }

    /// Length of the sums of a backward pass.
    pub fn sums_len(&self) -> usize {
        2 * self.batch * self.channels
    }

    fn check(&self, step: Span<'_, StepRow>, images: &[Span<'_, u8>], statistics: Span<'_, f32>, p: Parameters<'_>) {
        let len = self.batch * self.pixels * self.channels;
        assert_eq!(step.len(), 1, "one row");
        assert!(self.channels.is_multiple_of(self.groups), "{} channels in {} groups", self.channels, self.groups);
        for image in images {
            assert_eq!(image.len(), len * self.precision.bytes(), "images");
        }
        assert_eq!(statistics.len(), self.statistics_len(), "statistics");
        assert_eq!((p.scale.len(), p.shift.len()), (self.channels, self.channels), "one value for each channel");
        assert!(len < 1 << 31 && self.sums_len() < 1 << 31, "{len} values");
    }

    /// What all kernels end with, and how many channels a group has.
    fn sizes(&self, arguments: Arguments) -> Arguments {
        arguments
            .value(self.pixels as u32)
            .value(self.channels as u32)
            .value(Divisor::new(self.groups as u32))
            .value(Divisor::new((self.channels / self.groups) as u32))
    }

    /// y and the statistics from x, `[batch, pixels, channels]`.
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
        parameters: Parameters<'_>,
        y: Span<'_, u8>,
        statistics: Span<'_, f32>,
    ) -> Result<(), DeviceError> {
        self.check(step, &[x, y], statistics, parameters);
        let arguments =
            of_lanes().span(step).span(x).span(parameters.scale).span(parameters.shift).span(y).span(statistics);
        let kernel = Source::GroupNorm.kernel(stored!(self.precision, "group_norm_forward"));
        // SAFETY: all lengths were checked; a block touches its own group only.
        unsafe { self.run_groups(stream, kernel, self.sizes(arguments)) }
    }

    /// Writes the parameters' gradients, of which `loss_scale` is told in [`Precision::F16`] if one is not finite, and writes or, with the flag, adds the gradient of x, which may lie on x or dy.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If a length is wrong: `sums` is room for [`sums_len`](Self::sums_len) values.
    pub fn backward(
        &self,
        stream: &dyn Stream,
        step: Span<'_, StepRow>,
        x: Span<'_, u8>,
        dy: Span<'_, u8>,
        scale: Span<'_, f32>,
        statistics: Span<'_, f32>,
        sums: Span<'_, f32>,
        gradients: Parameters<'_>,
        loss_scale: Span<'_, LossScale>,
        dx: Option<(Span<'_, u8>, bool)>,
    ) -> Result<(), DeviceError> {
        self.check(step, &[x, dy], statistics, gradients);
        assert_eq!((scale.len(), sums.len()), (self.channels, self.sums_len()), "scale and sums");
        assert_eq!(loss_scale.len(), 1, "one loss scale");
        let columns = self.channels.div_ceil(AVERAGE_CHANNELS);
        assert!(columns <= 65_535, "{} channels", self.channels);
        let threads = AVERAGE_CHANNELS * AVERAGE_SHARES;
        let kernel = Source::GroupNorm.kernel(stored!(self.precision, "group_norm_sums"));
        let arguments = self.sizes(of_lanes().span(step).span(x).span(dy).span(statistics).span(sums));
        let shared = (2 * threads * size_of::<f32>()) as u32;
        // SAFETY: all lengths were checked; a thread writes the sums of its own channel.
        unsafe { run(stream, kernel, [self.batch, columns], threads as u32, shared, arguments)? };
        let kernel = Source::GroupNorm.kernel(stored!(self.precision, "group_norm_parameters"));
        let arguments = of_lanes()
            .span(step)
            .span(sums)
            .span(gradients.shift)
            .span(gradients.scale)
            .span(loss_scale)
            .value(self.channels as u32);
        let blocks = self.channels.div_ceil(GROUP_NORM_THREADS);
        // SAFETY: as above.
        unsafe { run(stream, kernel, blocks, GROUP_NORM_THREADS as u32, 0, arguments)? };
        let Some((dx, accumulate)) = dx else {
            return Ok(());
        };
        assert_eq!(dx.len(), x.len(), "the gradient of x");
        let arguments = of_lanes().span(step).span(x).span(dy).span(scale).span(statistics).span(sums).span(dx);
        let arguments = self.sizes(arguments).value(u32::from(accumulate));
        let kernel = Source::GroupNorm.kernel(stored!(self.precision, "group_norm_backward"));
        // SAFETY: all lengths were checked; a block touches its own group only.
        unsafe { self.run_groups(stream, kernel, arguments) }
    }

    /// A block for each group of each image.
    ///
    /// # Safety
    /// As [`Stream::launch`].
    unsafe fn run_groups(&self, stream: &dyn Stream, kernel: Kernel, arguments: Arguments) -> Result<(), DeviceError> {
        let shared = (GROUP_NORM_THREADS / 32 * size_of::<f32>()) as u32;
        // SAFETY: the caller's.
        unsafe { run(stream, kernel, self.batch * self.groups, GROUP_NORM_THREADS as u32, shared, arguments) }
    }
}
