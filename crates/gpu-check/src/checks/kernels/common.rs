//! What checks of several files need: values as tensors, for the reference.

use ndarray::IxDyn;
use tunefork_graph::Activation;
use tunefork_kernels::launch::COUNTERS;
use tunefork_kernels::launch::loss::LossScale;
use tunefork_kernels::{DeviceMemory, Precision, Span, StepRow};
use tunefork_reference::{Masks, Mode, Settings, Tensor, ops};

use crate::rounding::as_tf32;
use crate::{Case, Failure};

/// Nothing, and the activations that may follow where only some may; of whole numbers those that are exact.
pub(super) fn activations(case: &Case, may: impl Fn(Activation) -> bool) -> Vec<Option<Activation>> {
    let exact = |activation| !case.is_whole() || activation == Activation::Relu;
    let some = Activation::ALL.iter().copied().filter(|&activation| may(activation) && exact(activation));
    std::iter::once(None).chain(some.map(Some)).collect()
}

/// What counts the blocks of launches that arrive.
pub(super) fn counters(case: &Case) -> Result<DeviceMemory, Failure> {
    Ok(DeviceMemory::of(&case.stream, &vec![0u32; COUNTERS])?)
}

/// An error unless the counters are as launches must find and leave them.
pub(super) fn check_counters(case: &Case, counters: &DeviceMemory) -> Result<(), Failure> {
    let counts: Vec<u32> = counters.all().read(&*case.stream)?;
    match counts.iter().position(|&count| count != 0) {
        Some(at) => Err(format!("counter {at} is {} after a launch", counts[at]).into()),
        None => Ok(()),
    }
}

/// The loss scale of a step that is about to store gradients: whoever stores one that is not finite has to tell it.
pub(super) struct Told(DeviceMemory);

impl Told {
    const BEFORE: LossScale = LossScale { scale: 64.0, clean: 3, of_step: 32.0, overflowed: 0 };

    pub(super) fn new(case: &Case) -> Result<Self, Failure> {
        Ok(Self(DeviceMemory::of(&case.stream, &[Self::BEFORE])?))
    }

    pub(super) fn span(&self) -> Span<'_, LossScale> {
        self.0.all()
    }

    /// An error unless it was told what there is to tell of the gradients that were stored, and only where a loss is scaled.
    pub(super) fn check(&self, case: &Case, precision: Precision, stored: &[&[f64]]) -> Result<(), Failure> {
        let is_finite = stored.iter().all(|gradients| gradients.iter().all(|gradient| gradient.is_finite()));
        let overflowed = u32::from(precision == Precision::F16 && !is_finite);
        let found = self.span().read(&*case.stream)?[0];
        match found == (LossScale { overflowed, ..Self::BEFORE }) {
            true => Ok(()),
            false => Err(format!("told {found:?} of gradients that are finite: {is_finite}, in {precision}").into()),
        }
    }
}

/// A step with so many real images.
pub(super) fn step_row(case: &Case, rows: usize) -> Result<DeviceMemory, Failure> {
    let row = StepRow { rows: rows as u32, ..StepRow::default() };
    Ok(DeviceMemory::of(&case.stream, &[row])?)
}

/// The first values as a tensor of this shape.
pub(super) fn tensor(shape: &[usize], values: &[f64]) -> Tensor {
    let len = shape.iter().product();
    Tensor::from_shape_vec(IxDyn(shape), values[..len].to_vec()).expect("as many values as the shape has")
}

/// Values as a product in this precision takes them, which may be less exactly than they are stored.
pub(super) fn as_multiplied(precision: Precision, values: &mut [f64]) {
    if precision == Precision::Tf32 {
        values.iter_mut().for_each(|value| *value = as_tf32(*value));
    }
}

pub(super) fn activate(activation: Option<Activation>, x: Tensor) -> Tensor {
    match activation {
        Some(activation) => ops::activation::forward(activation, &x),
        None => x,
    }
}

/// `dy` times the derivative, from the result where it follows from it, else from x.
pub(super) fn through(activation: Option<Activation>, given: &Tensor, dy: Tensor) -> Tensor {
    match activation {
        Some(activation) => ops::activation::gradient(activation, given, &dy),
        None => dy,
    }
}

/// What dropout multiplies values by in a step.
pub(super) fn mask(p: f64, layer: u32, key: [u32; 2], step: u64, shape: &[usize]) -> Result<Tensor, Failure> {
    let dropout = vec![p; layer as usize + 1];
    let settings = Settings { dropout, masks: Masks::Drawn { key, step }, ..Settings::default() };
    Ok(ops::dropout::forward(Mode::Training, &settings, layer as usize, &Tensor::ones(IxDyn(shape)))?)
}
