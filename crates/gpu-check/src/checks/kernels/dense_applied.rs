//! Dense layers whose weights the backward pass updates: `kernels/dense.cuh`.

use tunefork_graph::UpdateRule;
use tunefork_kernels::launch::dense::{Backward, Dense, InputGradient, WeightGradient};
use tunefork_kernels::launch::loss::LossScale;
use tunefork_kernels::launch::optimizer::Update;
use tunefork_kernels::{DeviceMemory, Precision, StepRow};

use super::common::{Told, as_multiplied};
use super::dense;
use super::optimizer::{Buffers, row};
use crate::{Case, Check, Failure, Stored};

pub(super) const CHECKS: &[Check] =
    &[Check { name: "dense/applied", run: applied }, Check { name: "dense/strips", run: strips }];

/// So many inputs that there are strips enough for a card: of tiles that are high, and of those that are wide.
const INPUTS: [usize; 4] = [3048, 3072, 6150, 6200];

/// A layer in a precision, with the gradient of x or without.
fn layer(case: &mut Case, precision: Precision, dx: bool) -> Dense {
    let inputs = if dx { case.one_of(&INPUTS) } else { case.one_of(&[1, 7, 31, 100, 129]) };
    let outputs = case.one_of(&[4, 12, 40, 68]);
    let batch = case.one_of(&[1, 3, 32, 33, 70]);
    Dense { batch, inputs, outputs, activation: None, dropout: None, precision }
}

/// The gradients of layers with many inputs, in both forms of tiles.
fn strips(case: &mut Case) -> Result<(), Failure> {
    for precision in Precision::of_architecture(case.stream.architecture()) {
        let layer = layer(case, precision, true);
        dense::backward(case, layer)?;
    }
    Ok(())
}

/// Two steps in which the weights are updated at once leave the bits that they leave where their gradient is stored and the
/// optimizer reads it: weights, states, copies in 16 bits, the gradients of bias and x.
fn applied(case: &mut Case) -> Result<(), Failure> {
    for precision in Precision::of_architecture(case.stream.architecture()) {
        if precision == Precision::F16 {
            continue;
        }
        let dx = case.one_of(&[false, true, true]);
        let layer = layer(case, precision, dx);
        assert!(layer.updates(dx), "{layer:?}");
        let rule = case.one_of(UpdateRule::EXAMPLES);
        let rows = case.between(1, layer.batch);
        let given = Given {
            x: case.values(layer.batch * layer.inputs),
            dz: case.values(layer.batch * layer.outputs),
            weights: case.values(layer.inputs * layer.outputs),
            rows,
            rule,
        };
        if two_steps(case, layer, dx, &given, true)? != two_steps(case, layer, dx, &given, false)? {
            return Err(format!("{layer:?}, {rows} rows, {rule:?}, dx {dx}: other bits").into());
        }
    }
    Ok(())
}

struct Given {
    x: Vec<f64>,
    dz: Vec<f64>,
    weights: Vec<f64>,
    rows: usize,
    rule: UpdateRule,
}

/// Everything that two steps leave.
fn two_steps(case: &mut Case, layer: Dense, dx: bool, given: &Given, at_once: bool) -> Result<Vec<Vec<u64>>, Failure> {
    let Dense { batch, inputs, outputs, precision, .. } = layer;
    let update = Update { len: inputs * outputs, precision, clips: false };
    let mut weights = given.weights.clone();
    as_multiplied(precision, &mut weights);
    let mut buffers = Buffers::new(case, update, LossScale::initial(precision), &mut weights)?;
    if buffers.weights16.is_some() {
        buffers.weights16 = Some(Stored::new(case, precision, &mut weights)?);
    }
    let (mut x, mut dz) = (given.x.clone(), given.dz.clone());
    x[given.rows * inputs..].fill(f64::NAN);
    dz[given.rows * outputs..].fill(f64::NAN);
    let (on_x, on_dz) = (Stored::new(case, precision, &mut x)?, Stored::new(case, precision, &mut dz)?);
    let on_dx = Stored::new(case, precision, &mut vec![0.0; batch * inputs])?;
    let on_db = Stored::poisoned(case, Precision::F32, outputs)?;
    let on_dw = Stored::poisoned(case, Precision::F32, inputs * outputs)?;
    let (told, mut left) = (Told::new(case)?, Vec::new());
    for step in 1..=2 {
        let row = StepRow { rows: given.rows as u32, ..row(given.rule, step, [0.125, 0.25, 0.0]) };
        let on_step = DeviceMemory::of(&case.stream, &[row])?;
        let updated = buffers.updated();
        let backward = Backward {
            x: on_x.span(),
            dz: on_dz.span(),
            weights: updated.weights16.unwrap_or(updated.parameters.cast()),
            dw: if at_once { WeightGradient::Applied(updated) } else { WeightGradient::Stored(on_dw.span().cast()) },
            db: Some(on_db.span().cast()),
            dx: dx.then(|| InputGradient { to: on_dx.span(), accumulate: false, through: None }),
            scale: told.span(),
        };
        layer.backward(&*case.stream, on_step.all(), backward)?;
        if !at_once {
            let gradients: Vec<f32> = on_dw.span().cast().read(&*case.stream)?;
            buffers.run(case, row, &gradients)?;
        }
        left.extend(buffers.held(case)?);
        left.extend(buffers.weights16.as_ref().map(|copy| copy.read(case)).transpose()?);
        left.extend([on_db.read(case)?, on_dx.read(case)?]);
    }
    Ok(left.into_iter().map(|values| values.into_iter().map(f64::to_bits).collect()).collect())
}
