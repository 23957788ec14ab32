//! `kernels/dense.cu`.

use ndarray::IxDyn;
use tunefork_graph::Activation;
use tunefork_kernels::launch::dense::{Backward, Dense, InputGradient, WeightGradient};
use tunefork_kernels::{DeviceMemory, DropoutRow, Precision, StepRow};
use tunefork_reference::{Tensor, ops};

use super::common::{Told, activate, activations, as_multiplied, check_counters, counters, mask, tensor, through};
use crate::{Case, Check, Failure, Stored};

pub(super) const CHECKS: &[Check] = &[
    Check { name: "dense/forward", run: |case| each(case, forward) },
    Check { name: "dense/backward", run: |case| each(case, backward) },
    Check { name: "dense/through", run: |case| each(case, back_through) },
];

const STEP: u64 = 3 << 32 | 9;
const KEY: [u32; 2] = [11, 77];

/// A layer with what it is given. The rows behind the real ones hold NaN.
struct Layer {
    dense: Dense,
    rows: usize,
    /// The probability of dropout, where the layer has one and it is training.
    p: Option<f64>,
    step: DeviceMemory,
    dropout: DeviceMemory,
    x: Vec<f64>,
    weights: Vec<f64>,
    bias: Option<Vec<f64>>,
    workspace: DeviceMemory,
    counters: DeviceMemory,
}

pub(super) fn each(case: &mut Case, check: fn(&mut Case, Dense) -> Result<(), Failure>) -> Result<(), Failure> {
    for precision in Precision::of_architecture(case.stream.architecture()) {
        let activations = activations(case, Activation::derivative_follows_from_result);
        let dense = Dense {
            batch: case.one_of(&[1, 2, 3, 5, 64, 70]),
            inputs: case.one_of(&[1, 3, 16, 31, 64, 68, 97, 300, 601]),
            outputs: case.one_of(&[1, 2, 5, 10, 32, 37, 72, 131, 200]),
            activation: case.one_of(&activations),
            dropout: case.one_of(&[None, Some(2)]),
            precision,
        };
        check(case, dense)?;
    }
    Ok(())
}

impl Layer {
    fn new(case: &mut Case, dense: Dense, training: bool) -> Result<Self, Failure> {
        let rows = case.between(1, dense.batch);
        let p = if case.is_whole() { case.one_of(&[0.0, 0.5, 1.0]) } else { case.one_of(&[0.0, 0.3, 0.5, 1.0]) };
        let row = StepRow {
            rows: rows as u32,
            dropout_key: KEY,
            step: [STEP as u32, (STEP >> 32) as u32],
            ..bytemuck::Zeroable::zeroed()
        };
        let mut x = case.values(dense.batch * dense.inputs);
        x[rows * dense.inputs..].fill(f64::NAN);
        // As a network starts: results of about the size of the inputs.
        let mut weights = case.values(dense.inputs * dense.outputs);
        let size = if case.is_whole() { 1.0 } else { (3.0 / dense.inputs as f64).sqrt() };
        weights.iter_mut().for_each(|w| *w *= size);
        let bias = case.values(dense.outputs);
        Ok(Self {
            dense,
            rows,
            p: dense.dropout.filter(|_| training).map(|_| p),
            step: DeviceMemory::of(&case.stream, &[row])?,
            dropout: DeviceMemory::of(&case.stream, &[DropoutRow::new(p)])?,
            x,
            weights,
            bias: case.one_of(&[None, Some(())]).map(|()| bias),
            workspace: DeviceMemory::new(&case.stream, 4 * dense.workspace_len())?,
            counters: counters(case)?,
        })
    }

    /// What dropout multiplies the results by.
    fn mask(&self) -> Result<Tensor, Failure> {
        let shape = [self.rows, self.dense.outputs];
        match (self.p, self.dense.dropout) {
            (Some(p), Some(layer)) => mask(p, layer, KEY, STEP, &shape),
            _ => Ok(Tensor::ones(IxDyn(&shape))),
        }
    }

    fn x(&self) -> Tensor {
        tensor(&[self.rows, self.dense.inputs], &self.x)
    }

    fn weights(&self) -> Tensor {
        tensor(&[self.dense.inputs, self.dense.outputs], &self.weights)
    }

    /// Results of the real rows.
    fn results(&self) -> Result<Tensor, Failure> {
        let bias = self.bias.as_ref().map(|bias| tensor(&[bias.len()], bias));
        let sums = ops::dense::forward(&self.x(), &self.weights(), bias.as_ref());
        Ok(activate(self.dense.activation, sums) * self.mask()?)
    }

    /// Of sums that are stored as the layer's values are.
    fn limit(&self, depth: usize) -> f64 {
        self.dense.precision.pick(self.limit_of_sums(depth), 5e-4, 4e-3)
    }

    /// Of sums in f32: products of stored 16-bit numbers are exact there.
    fn limit_of_sums(&self, depth: usize) -> f64 {
        match self.dense.precision {
            Precision::Tf32 => 1e-5,
            _ => (1e-6 * (depth as f64 / 64.0).sqrt()).clamp(1e-6, 1e-5),
        }
    }

    fn what(&self) -> String {
        format!("{:?}, {} rows, dropout {:?}, bias {}", self.dense, self.rows, self.p, self.bias.is_some())
    }
}

pub(super) fn forward(case: &mut Case, dense: Dense) -> Result<(), Failure> {
    let training = case.one_of(&[false, true]);
    let mut layer = Layer::new(case, dense, training)?;
    let precision = dense.precision;
    let on_x = Stored::new(case, precision, &mut layer.x)?;
    let on_weights = Stored::new(case, precision, &mut layer.weights)?;
    as_multiplied(precision, &mut layer.x);
    as_multiplied(precision, &mut layer.weights);
    let on_bias = match &mut layer.bias {
        Some(bias) => Some(Stored::new(case, Precision::F32, bias)?),
        None => None,
    };
    let on_y = Stored::poisoned(case, precision, dense.batch * dense.outputs)?;
    dense.forward(
        &*case.stream,
        layer.step.all(),
        layer.p.map(|_| layer.dropout.all()),
        on_x.span(),
        on_weights.span(),
        on_bias.as_ref().map(|bias| bias.span().cast()),
        on_y.span(),
        Some(layer.workspace.all()),
        layer.counters.all(),
    )?;
    check_counters(case, &layer.counters)?;
    let expected = layer.results()?.into_iter().collect::<Vec<f64>>();
    let found = on_y.read(case)?;
    let (found, beyond) = found.split_at(layer.rows * dense.outputs);
    if beyond.iter().any(|v| !v.is_nan()) {
        return Err(format!("{}: a row behind the real ones was written", layer.what()).into());
    }
    case.compare(&layer.what(), found, &expected, precision, layer.limit(dense.inputs))
}

pub(super) fn backward(case: &mut Case, dense: Dense) -> Result<(), Failure> {
    let mut layer = Layer::new(case, dense, true)?;
    let (Dense { precision, inputs, outputs, batch, .. }, rows) = (dense, layer.rows);
    let on_x = Stored::new(case, precision, &mut layer.x)?;
    let on_weights = Stored::new(case, precision, &mut layer.weights)?;
    as_multiplied(precision, &mut layer.x);
    as_multiplied(precision, &mut layer.weights);
    let mut y = layer.results()?.into_iter().collect::<Vec<f64>>();
    y.resize(batch * outputs, f64::NAN);
    let mut dy = case.values(batch * outputs);
    dy[rows * outputs..].fill(f64::NAN);
    let accumulate = case.one_of(&[None, Some(false), Some(true)]);
    let mut dx = match accumulate {
        Some(true) => case.values(batch * inputs),
        _ => vec![f64::NAN; batch * inputs],
    };
    let (on_y, on_dy) = (Stored::new(case, precision, &mut y)?, Stored::new(case, precision, &mut dy)?);
    let on_dx = Stored::new(case, precision, &mut dx)?;
    let on_dw = Stored::poisoned(case, Precision::F32, inputs * outputs)?;
    let on_db = Stored::poisoned(case, Precision::F32, outputs)?;
    let (step, dropout) = (layer.step.all(), layer.p.map(|_| layer.dropout.all()));
    let result = dense.activation.map(|_| on_y.span());
    dense.derivative(&*case.stream, step, dropout, result, on_dy.span())?;
    let told = Told::new(case)?;
    let given = Backward {
        x: on_x.span(),
        dz: on_dy.span(),
        weights: on_weights.span(),
        dw: WeightGradient::Stored(on_dw.span().cast()),
        db: layer.bias.as_ref().map(|_| on_db.span().cast()),
        dx: accumulate.map(|accumulate| InputGradient { to: on_dx.span(), accumulate, through: None }),
        scale: told.span(),
    };
    dense.backward(&*case.stream, step, given)?;

    // What was dropped passes nothing on; what was not is looked at as it was before.
    let mask = layer.mask()?;
    let undone = tensor(&[rows, outputs], &y) * mask.mapv(|mask| if mask > 0.0 { 1.0 / mask } else { 0.0 });
    let expected =
        through(dense.activation, &undone, tensor(&[rows, outputs], &dy) * mask).into_iter().collect::<Vec<f64>>();
    let what = layer.what();
    // The products start from it as it is stored.
    let mut dz = on_dy.read(case)?;
    dz.truncate(rows * outputs);
    let limit = precision.pick(1e-6, 5e-4, 4e-3);
    case.compare(&format!("{what}: dz"), &dz, &expected, precision, limit)?;
    let found = on_db.read(case)?;
    if layer.bias.is_some() {
        let db = ops::bias_gradient(&tensor(&[rows, outputs], &dz)).into_iter().collect::<Vec<f64>>();
        case.compare(&format!("{what}: db"), &found, &db, Precision::F32, layer.limit_of_sums(rows))?;
    }
    as_multiplied(precision, &mut dz);
    let dz = tensor(&[rows, outputs], &dz);
    let dw = ops::dense::weight_gradient(&layer.x(), &dz).into_iter().collect::<Vec<f64>>();
    let found = on_dw.read(case)?;
    told.check(case, precision, &[&found])?;
    case.compare(&format!("{what}: dw"), &found, &dw, Precision::F32, layer.limit_of_sums(rows))?;
    let Some(accumulate) = accumulate else {
        return Ok(());
    };
    let mut expected = ops::dense::input_gradient(&layer.weights(), &dz).into_iter().collect::<Vec<f64>>();
    if accumulate {
        expected.iter_mut().zip(&dx).for_each(|(expected, dx)| *expected += dx);
    }
    let found = &on_dx.read(case)?[..rows * inputs];
    case.compare(&format!("{what}: dx, added: {accumulate}"), found, &expected, precision, layer.limit(outputs))
}

/// A gradient that is at once taken through the layer before is what the derivative makes of it, but for the rounding
/// between the two.
fn back_through(case: &mut Case, before: Dense) -> Result<(), Failure> {
    let layer = Layer::new(case, before, true)?;
    let (Dense { precision, batch, .. }, rows) = (before, layer.rows);
    let next =
        Dense { inputs: before.outputs, outputs: case.one_of(&[1, 10, 40]), activation: None, dropout: None, ..before };
    let mut y = layer.results()?.into_iter().collect::<Vec<f64>>();
    y.resize(batch * next.inputs, f64::NAN);
    let on_y = Stored::new(case, precision, &mut y)?;
    let (mut dz, mut weights) = (case.values(batch * next.outputs), case.values(next.inputs * next.outputs));
    let on_dz = Stored::new(case, precision, &mut dz)?;
    let on_weights = Stored::new(case, precision, &mut weights)?;
    let on_dw = Stored::poisoned(case, Precision::F32, next.inputs * next.outputs)?;
    let (step, dropout) = (layer.step.all(), layer.p.map(|_| layer.dropout.all()));
    let told = Told::new(case)?;
    let gradient = |through| -> Result<Stored, Failure> {
        let to = Stored::poisoned(case, precision, batch * next.inputs)?;
        let given = Backward {
            x: on_y.span(),
            dz: on_dz.span(),
            weights: on_weights.span(),
            dw: WeightGradient::Stored(on_dw.span().cast()),
            db: None,
            dx: Some(InputGradient { to: to.span(), accumulate: false, through }),
            scale: told.span(),
        };
        next.backward(&*case.stream, step, given)?;
        Ok(to)
    };
    let (at_once, apart) = (gradient(Some((before, dropout)))?, gradient(None)?);
    before.derivative(&*case.stream, step, dropout, before.activation.map(|_| on_y.span()), apart.span())?;
    let (found, expected) = (at_once.read(case)?, apart.read(case)?);
    let (found, beyond) = found.split_at(rows * next.inputs);
    if beyond.iter().any(|v| !v.is_nan()) {
        return Err(format!("{}: a row behind the real ones was written", layer.what()).into());
    }
    let limit = precision.pick(1e-6, 1e-3, 8e-3);
    case.close(&format!("{}: through", layer.what()), found, &expected[..found.len()], limit)
}
