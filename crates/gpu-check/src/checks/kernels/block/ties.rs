//! Whole numbers, of which many are equal, and some NaN: which value does max pooling choose?

use tunefork_graph::{Activation, Pool, PoolKind, Window};
use tunefork_kernels::launch::block::{Backward, Block};

use super::F32;
use super::model::BlockModel;
use crate::checks::kernels::common::{Told, counters, step_row};
use crate::stored::FORMATS;
use crate::{Case, Failure, Stored};

pub(super) fn ties_and_nan(case: &mut Case) -> Result<(), Failure> {
    for precision in FORMATS {
        let (kernel, stride) = case.one_of(&[(2, 2), (2, 2), (3, 2), (2, 1), (3, 3)]);
        let window = Window { kernel, stride, padding: if kernel == 3 { 1 } else { 0 } };
        let block = Block {
            batch: 2,
            height: case.between(3, 6),
            width: case.between(3, 6),
            channels: case.one_of(&[3, 8]),
            norm: false,
            shortcut: false,
            activation: case.one_of(&[None, Some(Activation::Relu)]),
            pool: Some(Pool { kind: PoolKind::Max, window }),
            saved_output: false,
            precision,
        };
        let whole =
            |case: &mut Case, len: usize| -> Vec<f64> { (0..len).map(|_| case.between(0, 3) as f64 - 1.0).collect() };
        let (mut y, mut dout) = (whole(case, block.input_len()), whole(case, block.output_len()));
        if case.one_of(&[true, false]) {
            for _ in 0..y.len().div_ceil(9) {
                let place = case.between(0, y.len() - 1);
                y[place] = f64::NAN;
            }
        }
        special(case, &block, &mut y, &mut dout).map_err(|reason| format!("{block:?}: {reason}"))?;
    }
    Ok(())
}

/// A block without norm and shortcut, on values for which it is exact.
pub(in crate::checks::kernels) fn special(
    case: &mut Case,
    block: &Block,
    y: &mut [f64],
    dout: &mut [f64],
) -> Result<(), Failure> {
    let [out, dy] = both(case, block, y, dout)?;
    case.equal("out", &out.found, &out.expected)?;
    case.equal("dy", &dy.found, &dy.expected)
}

/// The same on values for which it is not.
pub(in crate::checks::kernels) fn far(
    case: &mut Case,
    block: &Block,
    y: &mut [f64],
    dout: &mut [f64],
) -> Result<(), Failure> {
    let [out, dy] = both(case, block, y, dout)?;
    // Beside 1, since some are nothing but small.
    let beside = |values: &[f64]| values.iter().map(|value| value + 1.0).collect::<Vec<f64>>();
    case.close("out", &beside(&out.found), &beside(&out.expected), 1e-6)?;
    case.close("dy", &beside(&dy.found), &beside(&dy.expected), 1e-6)
}

struct Values {
    found: Vec<f64>,
    expected: Vec<f64>,
}

/// Results and gradients.
fn both(case: &mut Case, block: &Block, y: &mut [f64], dout: &mut [f64]) -> Result<[Values; 2], Failure> {
    let step = step_row(case, block.batch)?;
    let on_y = Stored::new(case, block.precision, y)?;
    let on_dout = Stored::new(case, block.precision, dout)?;
    let out = Stored::poisoned(case, block.precision, block.output_len())?;
    let workspace = Stored::poisoned(case, F32, block.workspace_len())?;
    let (counters, told) = (counters(case)?, Told::new(case)?);
    let stream = &*case.stream;
    block.forward(stream, step.all(), on_y.span(), None, None, out.span())?;
    let given = Backward {
        y: Some(on_y.span()),
        norm: None,
        norm_gradients: None,
        shortcut: None,
        dout: on_dout.span(),
        dy: Some(on_y.span()),
        dsum: None,
        bias_gradient: None,
        workspace: workspace.span().cast(),
        counters: counters.all(),
        scale: told.span(),
    };
    block.backward(stream, step.all(), &given)?;
    let model = BlockModel { block, rows: block.batch, y, norm: None, shortcut: None };
    let out = Values { found: out.read(case)?, expected: model.forward() };
    Ok([out, Values { found: on_y.read(case)?, expected: model.backward(dout).dy }])
}
