//! What follows a convolution, forward and backward: `kernels/block.cu`, `kernels/block_backward.cu`.

mod add;
mod check;
mod work;

pub use add::Add;

use tunefork_graph::{Activation, Pool};

use self::work::{Owned, Work, kernel};
use super::arrivals::with_arrivals;
use super::loss::LossScale;
use super::{of_lanes, stored};
use crate::{Arguments, DeviceError, Precision, Source, Span, StepRow, Stream};

/// out = pool(activation(norm(y) + r)), every part optional.
///
/// `y` and the shortcut r have `batch * height * width * channels` values, `out` as many as the pooling
/// leaves. Only the images of the step's rows are read and written.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    /// Images in a full batch.
    pub batch: usize,
    /// Rows of an image before the pooling.
    pub height: usize,
    /// Columns of an image before the pooling.
    pub width: usize,
    /// Values of a pixel, K.
    pub channels: usize,
    /// Whether values are normalised.
    pub norm: bool,
    /// Whether something is added before the activation.
    pub shortcut: bool,
    /// Applied to the sum with the shortcut.
    pub activation: Option<Activation>,
    /// Applied last; its windows may overlap.
    pub pool: Option<Pool>,
    /// Whether what was kept for the gradients, `y` of [`backward`](Self::backward), is the block's
    /// result: only without norm and pooling, and where the derivative follows from it. Then r is not needed.
    pub saved_output: bool,
    /// How values are stored.
    pub precision: Precision,
}

/// A batch norm's values: scale (y - mean) rstd + shift.
#[derive(Clone, Copy, Debug)]
pub struct Norm<'a> {
    /// K means.
    pub mean: Span<'a, f32>,
    /// K of 1 / sqrt(variance + 1e-5), or of the variance; behind the means.
    pub deviation: Span<'a, f32>,
    /// Whether these are running values, with variances: in evaluation.
    pub running: bool,
    /// K, gamma.
    pub scale: Span<'a, f32>,
    /// K, beta.
    pub shift: Span<'a, f32>,
}

/// Gradients of a batch norm's parameters.
#[derive(Clone, Copy, Debug)]
pub struct NormGradients<'a> {
    /// K: sum of g (y - mean) rstd.
    pub scale: Span<'a, f32>,
    /// K: sum of g.
    pub shift: Span<'a, f32>,
}

/// What the backward pass reads and writes. g is the gradient at the sum norm(y) + r.
#[derive(Clone, Copy, Debug)]
pub struct Backward<'a> {
    /// What was kept: needed with a norm, an activation or max pooling ([`Block::reads_saved`]).
    pub y: Option<Span<'a, u8>>,
    /// The values of the forward pass, where the block has a norm.
    pub norm: Option<Norm<'a>>,
    /// Gradients of the norm's parameters: written by [`Block::backward_sums`], read by
    /// [`Block::backward`].
    pub norm_gradients: Option<NormGradients<'a>>,
    /// r: needed if [`Block::reads_shortcut`].
    pub shortcut: Option<Span<'a, u8>>,
    /// Gradient of the result.
    pub dout: Span<'a, u8>,
    /// Receives the gradient of y. It may be `y` itself.
    pub dy: Option<Span<'a, u8>>,
    /// Receives the gradient of r, g. It may be `shortcut` itself.
    pub dsum: Option<Span<'a, u8>>,
    /// K: receives the sum of the gradient of y over all positions.
    pub bias_gradient: Option<Span<'a, f32>>,
    /// [`Block::workspace_len`] values, at a multiple of 16 bytes. [`Block::backward`] reads what
    /// [`Block::backward_sums`] has left there.
    pub workspace: Span<'a, f32>,
    /// [`COUNTERS`](super::COUNTERS) zeros.
    pub counters: Span<'a, u32>,
    /// Told in [`Precision::F16`] if a gradient of a parameter is not finite.
    pub scale: Span<'a, LossScale>,
}

impl Block {
    /// Values of `y`, the shortcut and their gradients for a full batch.
    pub fn input_len(&self) -> usize {
        self.batch * self.height * self.width * self.channels
    }

    /// Values of the result for a full batch.
    pub fn output_len(&self) -> usize {
        let [height, width] = self.output();
        self.batch * height * width * self.channels
    }

    /// Length of the workspace of the backward pass.
    pub fn workspace_len(&self) -> usize {
        let sums = if self.norm { 2 } else { 1 };
        self.choices_len() + self.backward_work(false).chunks * sums * self.channels
    }

    /// Whether the backward pass needs `y`.
    pub fn reads_saved(&self) -> bool {
        self.norm || self.needs_values()
    }

    /// Whether the backward pass needs the shortcut.
    pub fn reads_shortcut(&self) -> bool {
        self.shortcut && !self.saved_output && self.needs_values()
    }

    /// Writes the result. `out` may be `y` or the shortcut where there is no pooling.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If a part is there that the block does not have or the other way round, or if lengths or
    /// alignments are wrong.
    pub fn forward(
        &self,
        stream: &dyn Stream,
        step: Span<'_, StepRow>,
        y: Span<'_, u8>,
        norm: Option<Norm<'_>>,
        shortcut: Option<Span<'_, u8>>,
        out: Span<'_, u8>,
    ) -> Result<(), DeviceError> {
        assert_eq!(self.shortcut, shortcut.is_some(), "shortcut");
        self.check_output(out);
        self.values(stream, step, y, norm, shortcut, Some(out), None)
    }

    /// Sums over the batch that the norm's gradients are made of: writes `norm_gradients`.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// Without a norm; otherwise as [`backward`](Self::backward).
    pub fn backward_sums(
        &self,
        stream: &dyn Stream,
        step: Span<'_, StepRow>,
        given: &Backward<'_>,
    ) -> Result<(), DeviceError> {
        self.check_backward(given);
        let gradients = given.norm_gradients.expect("a norm");
        self.choose(stream, step, given)?;
        let work = self.backward_work(false).with_norm(given.norm);
        let partials = self.partials(given, work.chunks * 2 * self.channels);
        let arguments = self.gradient_arguments(&work, step, given).span(partials);
        let arguments = with_arrivals(arguments, given.counters, work.chunks, work.across())
            .span(gradients.shift)
            .span(gradients.scale)
            .span(given.scale);
        let kernel = Source::BlockBackward.kernel(kernel!(work, "block_sums"));
        // SAFETY: all lengths and alignments were checked.
        unsafe { work.run(stream, kernel, 3, true, arguments) }
    }

    /// Writes the gradients of y and r, and the bias gradient. With a norm
    /// [`backward_sums`](Self::backward_sums) was called before with the same values.
    ///
    /// Without pooling, `dy` or `dsum` may also be `dout`.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If a part is missing that is needed, or if lengths or alignments are wrong.
    pub fn backward(
        &self,
        stream: &dyn Stream,
        step: Span<'_, StepRow>,
        given: &Backward<'_>,
    ) -> Result<(), DeviceError> {
        self.check_backward(given);
        if !self.norm {
            self.choose(stream, step, given)?;
        }
        let flat = !self.norm && self.pool.is_none() && given.bias_gradient.is_none();
        let work = self.backward_work(flat).with_norm(given.norm);
        let partials = given.bias_gradient.map(|_| self.partials(given, work.chunks * self.channels));
        let arguments = self
            .gradient_arguments(&work, step, given)
            .optional(given.norm_gradients.map(|sums| sums.scale))
            .optional(given.norm_gradients.map(|sums| sums.shift))
            .optional(given.dy)
            .optional(given.dsum)
            .optional(partials);
        let arguments = with_arrivals(arguments, given.counters, work.chunks, work.across())
            .optional(given.bias_gradient)
            .span(given.scale);
        let kernel = Source::BlockBackward.kernel(kernel!(work, "block_backward"));
        let sums = given.bias_gradient.is_some();
        // SAFETY: all lengths and alignments were checked.
        unsafe { work.run(stream, kernel, 5, sums, arguments) }
    }

    /// The forward kernel: the result, or which value each window of a max pooling chooses.
    fn values(
        &self,
        stream: &dyn Stream,
        step: Span<'_, StepRow>,
        y: Span<'_, u8>,
        norm: Option<Norm<'_>>,
        shortcut: Option<Span<'_, u8>>,
        out: Option<Span<'_, u8>>,
        choices: Option<Span<'_, f32>>,
    ) -> Result<(), DeviceError> {
        assert_eq!(step.len(), 1, "one row");
        self.check_pool();
        self.check_norm(norm);
        self.check_input(y);
        shortcut.inspect(|&shortcut| self.check_input(shortcut));
        let work = self.forward_work().with_norm(norm);
        let arguments = of_lanes()
            .value(work.shape)
            .span(step)
            .span(y)
            .optional(norm.map(|norm| norm.mean))
            .optional(norm.map(|norm| norm.scale))
            .optional(norm.map(|norm| norm.shift))
            .optional(shortcut)
            .optional(out)
            .optional(choices);
        let kernel = Source::Block.kernel(kernel!(work, "block_forward"));
        // SAFETY: all lengths and alignments were checked.
        unsafe { work.run(stream, kernel, 3, false, arguments) }
    }

    /// For max pooling where a thread does not own a window: finds what each window chooses.
    fn choose(&self, stream: &dyn Stream, step: Span<'_, StepRow>, given: &Backward<'_>) -> Result<(), DeviceError> {
        match self.choices_len() {
            0 => Ok(()),
            len => {
                let y = given.y.expect("checked: max pooling needs y");
                let choices = given.workspace.part(0..len);
                self.values(stream, step, y, given.norm, given.shortcut, None, Some(choices))
            }
        }
    }

    fn gradient_arguments(&self, work: &Work, step: Span<'_, StepRow>, given: &Backward<'_>) -> Arguments {
        let choices = self.choices_len();
        of_lanes()
            .value(work.shape)
            .span(step)
            .optional(given.y)
            .optional(given.norm.map(|norm| norm.mean))
            .optional(given.norm.map(|norm| norm.scale))
            .optional(given.norm.map(|norm| norm.shift))
            .optional(given.shortcut.filter(|_| self.reads_shortcut()))
            .span(given.dout)
            .optional((choices > 0).then(|| given.workspace.part(0..choices)))
    }

    fn partials<'a>(&self, given: &Backward<'a>, len: usize) -> Span<'a, f32> {
        let start = self.choices_len();
        given.workspace.part(start..start + len)
    }
}
