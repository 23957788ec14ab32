//! Softmax cross entropy: `kernels/loss.cu`.

use super::{of_lanes, run, stored};
use crate::shared::{LOSS_WARPS, LossCounts};
use crate::{DeviceError, Owner, Precision, Source, Span, StepRow, Stream};

pub use crate::shared::{LossScale, Record};

impl LossScale {
    /// What a run starts from: 1024 for [`Precision::F16`]; the others need none.
    pub fn initial(precision: Precision) -> Self {
        Self::new(if precision == Precision::F16 { 1024.0 } else { 1.0 }, 0)
    }

    /// A factor after so many clean steps, as a step finds it whose loss is formed and nothing has overflowed.
    pub fn new(scale: f32, clean: u32) -> Self {
        Self { scale, clean, of_step: scale, overflowed: 0 }
    }
}

/// Softmax cross entropy with label smoothing, class weights and mixed labels, the weighted mean over the
/// real images of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Loss {
    /// Images in a full batch.
    pub batch: usize,
    /// Logits of an image.
    pub classes: usize,
    /// How logits and their gradient are stored.
    pub precision: Precision,
}

impl Loss {
    /// Writes `records[step.record]` and, if asked for, the gradient of the mean loss times the loss
    /// scale, which is then that of the step; `gradient` may be `logits`. The label of row i is `labels[indices[step.first + i]]`;
    /// `class_weights` has one weight for each class, not negative.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If a length is wrong, or there are no indices, labels or records.
    pub fn run(
        &self,
        stream: &dyn Stream,
        step: Span<'_, StepRow>,
        scale: Span<'_, LossScale>,
        logits: Span<'_, u8>,
        indices: Span<'_, u32>,
        labels: Span<'_, u16>,
        class_weights: Span<'_, f32>,
        gradient: Option<Span<'_, u8>>,
        records: Span<'_, Record>,
    ) -> Result<(), DeviceError> {
        let len = self.batch * self.classes;
        let bytes = len * self.precision.bytes();
        assert_eq!((step.len(), scale.len()), (1, 1), "one row");
        assert_eq!(logits.len(), bytes, "logits");
        assert_eq!(class_weights.len(), self.classes, "a weight for each class");
        assert!(gradient.is_none_or(|gradient| gradient.len() == bytes), "gradient");
        assert!(len < 1 << 31, "{len} logits");
        let counts = [indices.len(), labels.len(), records.len()];
        assert!(counts.iter().all(|count| (1..1 << 31).contains(count)), "{counts:?}");
        let name = stored!(self.precision, "loss");
        let arguments = of_lanes()
            .lanes(Owner::Images)
            .span(step)
            .span(scale)
            .span(logits)
            .span(indices)
            .span_of(Owner::Images, labels)
            .span(class_weights)
            .optional(gradient)
            .span(records)
            .value(self.classes as u32)
            .value(LossCounts {
                indices: indices.len() as u32,
                labels: labels.len() as u32,
                records: records.len() as u32,
            });
        let warps = self.batch.clamp(1, LOSS_WARPS);
        let shared = (warps * size_of::<Record>()) as u32;
        // SAFETY: the kernel keeps within the numbers of indices, labels and records.
        unsafe { run(stream, Source::Loss.kernel(name), 1, 32 * warps as u32, shared, arguments) }
    }
}
