//! Updates of all parameters at once: `kernels/optimizer.cu`.

use std::ops::Range;

use super::loss::{LossScale, Record};
use super::{of_lanes, run, stored};
use tunefork_graph::optimizer::UpdateRule;

use crate::shared::{OPTIMIZER_PART, OPTIMIZER_SUMS, OPTIMIZER_THREADS};
use crate::{Arguments, DeviceError, Precision, Source, Span, StepRow, Stream};

/// What an update changes.
#[derive(Clone, Copy, Debug)]
pub struct Updated<'a> {
    /// The parameters.
    pub parameters: Span<'a, f32>,
    /// The optimizer's states; those are empty for which the plan has no room.
    pub states: [Span<'a, f32>; UpdateRule::MOST_STATES],
    /// The parameters once more, in the 16 bits in which products read them: only and always where the precision has 16.
    pub weights16: Option<Span<'a, u8>>,
}

impl<'a> Updated<'a> {
    fn check(&self, len: usize, precision: Precision) {
        assert_eq!(self.parameters.len(), len, "parameters");
        assert!(self.states.iter().all(|state| [0, len].contains(&state.len())), "states");
        assert_eq!(self.weights16.map(Span::len), (precision.bytes() == 2).then_some(2 * len), "weights in 16 bits");
    }

    fn states(&self) -> [Option<Span<'a, f32>>; UpdateRule::MOST_STATES] {
        self.states.map(|state| (!state.is_empty()).then_some(state))
    }

    /// Adds what an update of `len` weights changes, or nothing where there is none.
    ///
    /// # Panics
    /// If a length is wrong.
    pub(super) fn arguments(this: Option<Self>, arguments: Arguments, len: usize, precision: Precision) -> Arguments {
        let [first, second, third] = this.map_or([None; UpdateRule::MOST_STATES], |updated| updated.states());
        if let Some(updated) = this {
            updated.check(len, precision);
        }
        let arguments = arguments.optional(this.map(|updated| updated.parameters));
        let arguments = arguments.optional(first).optional(second).optional(third);
        arguments.optional(this.and_then(|updated| updated.weights16))
    }
}

/// An update of `len` parameters by the optimizer that the step's row names, with clipping by the global
/// norm and, for [`Precision::F16`], the division by the loss scale.
///
/// Gaps between parameters take part: they must hold zeros in parameters, gradients and states, and do so
/// afterwards.
#[derive(Clone, Copy, Debug)]
pub struct Update {
    /// Values of the parameters, gaps included.
    pub len: usize,
    /// How the weights are stored that products read.
    pub precision: Precision,
    /// Whether the step's row may ask for clipping. Without, one launch is enough; the bits are the same.
    pub clips: bool,
}

impl Update {
    /// Values of f32 that [`run`](Self::run) needs for itself.
    pub fn workspace_len(&self) -> usize {
        OPTIMIZER_SUMS
    }

    /// The parts of the parameters that are left where `applied`, in order, have been updated by the layers that formed their
    /// gradients: a start and an end each, of a block.
    pub fn parts(&self, applied: &[Range<usize>]) -> Vec<u32> {
        let starts = std::iter::once(0).chain(applied.iter().map(|range| range.end));
        let ends = applied.iter().map(|range| range.start).chain([self.len]);
        // Four neighbours are read at once: the gap behind a parameter is left alone.
        let between = starts.zip(ends).map(|(start, end)| (start.next_multiple_of(16), end));
        let part = |start: usize, end: usize| [start as u32, end.min(start + OPTIMIZER_PART) as u32];
        let parts = |(start, end): (usize, usize)| (start..end).step_by(OPTIMIZER_PART).map(move |at| part(at, end));
        between.flat_map(parts).flatten().collect()
    }

    fn sums(&self) -> usize {
        self.len.div_ceil(4 * OPTIMIZER_PART).min(OPTIMIZER_SUMS)
    }

    /// Updates what there is, or those [`parts`](Self::parts) of it that layers have left. With [`Precision::F16`] a
    /// gradient that was not finite, as `scale` was told when it was stored, leaves all of it alone, halves the loss scale and
    /// marks the step's record. `norms_and_biases` are
    /// the ranges, a start and an end each, in order, of the parameters whose weight a row may spare, at multiples of 16.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If a length is wrong, or there are parts where all gradients are needed first.
    pub fn run(
        &self,
        stream: &dyn Stream,
        step: Span<'_, StepRow>,
        scale: Span<'_, LossScale>,
        gradients: Span<'_, f32>,
        updated: Updated<'_>,
        norms_and_biases: Span<'_, u32>,
        parts: Option<Span<'_, u32>>,
        workspace: Span<'_, f32>,
        records: Span<'_, Record>,
    ) -> Result<(), DeviceError> {
        assert_eq!((step.len(), scale.len()), (1, 1), "one row");
        assert_eq!(gradients.len(), self.len, "gradients");
        updated.check(self.len, self.precision);
        let [first, second, third] = updated.states();
        let ranges = norms_and_biases.len() / 2;
        assert!(workspace.len() >= self.workspace_len(), "workspace");
        assert!((1..1 << 31).contains(&self.len), "{} parameters", self.len);
        assert!((1..1 << 31).contains(&records.len()), "no records");
        let sums = if self.clips { self.sums() } else { 0 };
        assert!(sums == 0 || parts.is_none(), "all gradients");
        let squares = of_lanes().span(step).span(scale).span(gradients).span(workspace).value(self.len as u32);
        let update = of_lanes()
            .span(step)
            .span(scale)
            .span(updated.parameters)
            .span(gradients)
            .optional(first)
            .optional(second)
            .optional(third)
            .optional(updated.weights16)
            .optional((ranges > 0).then_some(norms_and_biases))
            .optional(parts)
            .span(workspace)
            .span(records)
            .value(self.len as u32)
            .value(ranges as u32)
            .value(sums as u32)
            .value(records.len() as u32);
        let name = stored!(self.precision, "optimizer_update");
        let (threads, shared) = (OPTIMIZER_THREADS as u32, (OPTIMIZER_THREADS / 32 * size_of::<f32>()) as u32);
        // SAFETY: all buffers hold `len` values, the workspace one for each block.
        unsafe {
            if sums > 0 {
                let kernel = Source::Optimizer.kernel("optimizer_squares");
                run(stream, kernel, sums, threads, shared, squares)?;
            }
            let kernel = Source::Optimizer.kernel(name);
            let blocks = parts.map_or(self.len.div_ceil(OPTIMIZER_PART), |parts| parts.len() / 2);
            run(stream, kernel, blocks, threads, shared, update)
        }
    }
}

/// Copies parameters that the host has set to the 16 bits that products read.
#[derive(Clone, Copy, Debug)]
pub struct Cast {
    /// Values of the parameters, gaps included.
    pub len: usize,
    /// [`Precision::F16`] or [`Precision::Bf16`].
    pub precision: Precision,
}

impl Cast {
    /// Writes `weights16`.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// With another precision, or if a length is wrong.
    pub fn run(
        &self,
        stream: &dyn Stream,
        parameters: Span<'_, f32>,
        weights16: Span<'_, u8>,
    ) -> Result<(), DeviceError> {
        assert_eq!(self.precision.bytes(), 2, "a precision of 16 bits");
        assert_eq!((parameters.len(), weights16.len()), (self.len, 2 * self.len), "parameters");
        assert!((1..1 << 31).contains(&self.len), "{} parameters", self.len);
        let name = stored!(self.precision, "optimizer_cast");
        let arguments = of_lanes().span(parameters).span(weights16).value(self.len as u32);
        let (kernel, blocks) = (Source::Optimizer.kernel(name), self.len.div_ceil(OPTIMIZER_PART));
        // SAFETY: both buffers hold `len` values.
        unsafe { run(stream, kernel, blocks, OPTIMIZER_THREADS as u32, 0, arguments) }
    }
}
