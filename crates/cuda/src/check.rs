//! What no engine is made for.

use tunefork_graph::{Plan, Step};
use tunefork_kernels::{Precision, Stream};

use crate::{CudaError, StepInput};

/// Most values of a tensor: kernels count them in 31 bits.
const MOST_VALUES: usize = (1 << 31) - 1;

/// Whether a plan was made for this precision, and the device can run it.
pub(crate) fn check(stream: &dyn Stream, plan: &Plan, precision: Precision) -> Result<(), CudaError> {
    if plan.precision != precision {
        return Err(CudaError::WrongPlan { planned: plan.precision, precision });
    }
    let architecture = stream.architecture();
    if !precision.runs_on(architecture) {
        return Err(CudaError::WrongPrecision { precision, architecture });
    }
    // A plan's buffers are in elements of 4 bytes.
    let per_element = 4 / precision.bytes();
    let buffers = [&plan.training, &plan.evaluation]
        .into_iter()
        .flat_map(|program| &program.steps)
        .flat_map(Step::uses)
        .map(|used| used.tensor.len * per_element);
    let largest = buffers.max().unwrap_or(0).max(plan.slab.len);
    match largest {
        0..=MOST_VALUES => Ok(()),
        values => Err(CudaError::TooLarge { values }),
    }
}

/// Whether steps that are taken together can be: as many transforms as images or none, a weight for each
/// class or none, the same for all.
pub(crate) fn check_settings(steps: &[StepInput<'_>], classes: usize) -> Result<(), CudaError> {
    let wrong = |text: String| Err(CudaError::WrongStep(text));
    for StepInput { indices, transforms, settings } in steps {
        let (images, weights) = (indices.len(), settings.class_weights);
        if !transforms.is_empty() && transforms.len() != images {
            return wrong(format!("{} transforms for {images} images", transforms.len()));
        }
        if !weights.is_empty() && weights.len() != classes {
            return wrong(format!("{} weights for {classes} classes", weights.len()));
        }
        if weights != steps[0].settings.class_weights {
            return wrong("its class weights are not those of the steps before it".into());
        }
    }
    Ok(())
}
