//! `kernels/overflow.cuh`: whoever stores the gradient of a parameter tells the loss scale if it is not finite, wherever in
//! it that is, and only then.
//!
//! One number of what a gradient is made of is none: of the gradient of a result, which spoils a column of the weights'
//! gradient, or of the input, which spoils rows of it, or nothing is spoilt. Behind the real images all is NaN, and must
//! not be told of.

use tunefork_kernels::launch::block::{Backward, Block, NormGradients};
use tunefork_kernels::launch::conv::WeightGradient;
use tunefork_kernels::launch::dense::{self, Dense};
use tunefork_kernels::launch::group_norm::{GroupNorm, Parameters};
use tunefork_kernels::{Conv2d, Precision};

use super::block::StoredNorm;
use super::common::{Told, counters, step_row};
use super::conv::shape;
use super::overflow_lanes;
use crate::{Case, Check, Failure, Stored};

pub(super) const CHECKS: &[Check] = &[
    Check { name: "overflow/conv", run: conv },
    Check { name: "overflow/dense", run: dense },
    Check { name: "overflow/block", run: block },
    Check { name: "overflow/group_norm", run: group_norm },
    Check { name: "overflow/lanes", run: overflow_lanes::check },
];

const F32: Precision = Precision::F32;

/// What has kernels that look, and kernels of the same source that do not.
fn precisions(case: &Case) -> Vec<Precision> {
    let architecture = case.stream.architecture();
    [Precision::F16, Precision::Bf16].into_iter().filter(|precision| precision.runs_on(architecture)).collect()
}

/// What a gradient is made of: an input and the gradient of a result, of `images` of which `rows` are real.
struct Given {
    x: Stored,
    dy: Stored,
}

impl Given {
    fn new(
        case: &mut Case,
        precision: Precision,
        lens: [usize; 2],
        images: usize,
        rows: usize,
    ) -> Result<Self, Failure> {
        let spoilt = case.one_of(&[None, Some(0), Some(1), Some(1)]);
        let [x, dy] = [0, 1].map(|number| -> Result<Stored, Failure> {
            let (mut values, real) = (case.values(lens[number]), lens[number] / images * rows);
            if spoilt == Some(number) {
                values[case.between(0, real - 1)] = case.one_of(&[f64::INFINITY, f64::NEG_INFINITY, f64::NAN]);
            }
            values[real..].fill(f64::NAN);
            Ok(Stored::new(case, precision, &mut values)?)
        });
        Ok(Self { x: x?, dy: dy? })
    }
}

/// Convolutions of thin images and others, in one slice and in many.
fn conv(case: &mut Case) -> Result<(), Failure> {
    let large = |channels, filters| Conv2d {
        batch: 4,
        height: 16,
        width: 16,
        channels,
        filters,
        kernel: 3,
        stride: 1,
        padding: 1,
    };
    // One slice of the largest tile.
    let wide = Conv2d { batch: 2, height: 4, width: 3, channels: 152, filters: 136, kernel: 1, stride: 1, padding: 0 };
    let drawn = [shape(case, 1..=4), shape(case, 5..=70), large(3, 40), large(16, 72), wide];
    for precision in precisions(case) {
        for conv in drawn {
            let rows = case.between(1, conv.batch);
            let gradient = WeightGradient { conv, precision };
            let given = Given::new(case, precision, [conv.input_len(), conv.output_len()], conv.batch, rows)?;
            let dw = Stored::poisoned(case, F32, conv.weights_len())?;
            let workspace = Stored::poisoned(case, F32, gradient.workspace_len())?;
            let told = Told::new(case)?;
            gradient.run(
                &*case.stream,
                step_row(case, rows)?.all(),
                given.x.span(),
                given.dy.span(),
                dw.span().cast(),
                told.span(),
                (gradient.workspace_len() > 0).then(|| workspace.span().cast()),
                counters(case)?.all(),
            )?;
            let dw = dw.read(case)?;
            told.check(case, precision, &[&dw]).map_err(|reason| format!("{gradient:?}: {reason}"))?;
        }
    }
    Ok(())
}

fn dense(case: &mut Case) -> Result<(), Failure> {
    for precision in precisions(case) {
        for bias in [false, true] {
            let (batch, inputs, outputs) = (case.between(1, 70), case.between(1, 200), case.between(1, 80));
            let layer = Dense { batch, inputs, outputs, activation: None, dropout: None, precision };
            let rows = case.between(1, batch);
            let given = Given::new(case, precision, [batch * inputs, batch * outputs], batch, rows)?;
            let mut weights = case.values(inputs * outputs);
            let weights = Stored::new(case, precision, &mut weights)?;
            let [dw, db] = [inputs * outputs, outputs].map(|len| Stored::poisoned(case, F32, len));
            let (dw, db, told) = (dw?, db?, Told::new(case)?);
            let backward = dense::Backward {
                x: given.x.span(),
                dz: given.dy.span(),
                weights: weights.span(),
                dw: dense::WeightGradient::Stored(dw.span().cast()),
                db: bias.then(|| db.span().cast()),
                dx: None,
                scale: told.span(),
            };
            layer.backward(&*case.stream, step_row(case, rows)?.all(), backward)?;
            let (dw, db) = (dw.read(case)?, db.read(case)?);
            let stored = [&dw[..], if bias { &db } else { &[] }];
            told.check(case, precision, &stored).map_err(|reason| format!("{layer:?}: {reason}"))?;
        }
    }
    Ok(())
}

/// The gradients of a norm, or those of a bias: of both, one would be told of anyway.
fn block(case: &mut Case) -> Result<(), Failure> {
    for (precision, norm) in precisions(case).into_iter().flat_map(|precision| [(precision, false), (precision, true)])
    {
        let block = Block {
            batch: case.between(1, 5),
            height: case.one_of(&[1, 7, 16]),
            width: case.one_of(&[1, 9, 16]),
            channels: case.one_of(&[1, 3, 8, 40, 72]),
            norm,
            shortcut: false,
            activation: None,
            pool: None,
            saved_output: false,
            precision,
        };
        let (rows, k) = (case.between(1, block.batch), block.channels);
        let given = Given::new(case, precision, [block.input_len(), block.output_len()], block.batch, rows)?;
        let some = case.values(2 * k);
        let values = StoredNorm::new(case, &some, k)?;
        let [dscale, dshift, dbias] = [(); 3].map(|()| Stored::poisoned(case, F32, k));
        let (dscale, dshift, dbias) = (dscale?, dshift?, dbias?);
        let dy = Stored::poisoned(case, precision, block.input_len())?;
        let workspace = Stored::poisoned(case, F32, block.workspace_len())?;
        let (counters, step, told) = (counters(case)?, step_row(case, rows)?, Told::new(case)?);
        let backward = Backward {
            y: Some(given.x.span()),
            norm: norm.then(|| values.on_device()),
            norm_gradients: norm.then(|| NormGradients { scale: dscale.span().cast(), shift: dshift.span().cast() }),
            shortcut: None,
            dout: given.dy.span(),
            dy: Some(dy.span()),
            dsum: None,
            bias_gradient: (!norm).then(|| dbias.span().cast()),
            workspace: workspace.span().cast(),
            counters: counters.all(),
            scale: told.span(),
        };
        match norm {
            true => block.backward_sums(&*case.stream, step.all(), &backward)?,
            false => block.backward(&*case.stream, step.all(), &backward)?,
        }
        let stored = if norm { vec![dscale.read(case)?, dshift.read(case)?] } else { vec![dbias.read(case)?] };
        let stored: Vec<&[f64]> = stored.iter().map(Vec::as_slice).collect();
        told.check(case, precision, &stored).map_err(|reason| format!("{block:?}: {reason}"))?;
    }
    Ok(())
}

fn group_norm(case: &mut Case) -> Result<(), Failure> {
    for precision in precisions(case) {
        let (pixels, channels, groups) = case.one_of(&[(4, 6, 3), (7, 32, 8), (49, 66, 2), (9, 300, 1)]);
        let norm = GroupNorm { batch: case.between(1, 4), pixels, channels, groups, precision };
        let (rows, len) = (case.between(1, norm.batch), norm.batch * pixels * channels);
        let given = Given::new(case, precision, [len, len], norm.batch, rows)?;
        let mut statistics = vec![1.0; norm.statistics_len()];
        let statistics = Stored::new(case, F32, &mut statistics)?;
        let sums = Stored::poisoned(case, F32, norm.sums_len())?;
        let [scale, shift] = [(); 2].map(|()| Stored::poisoned(case, F32, channels));
        let (scale, shift, told) = (scale?, shift?, Told::new(case)?);
        norm.backward(
            &*case.stream,
            step_row(case, rows)?.all(),
            given.x.span(),
            given.dy.span(),
            scale.span().cast(),
            statistics.span().cast(),
            sums.span().cast(),
            Parameters { scale: scale.span().cast(), shift: shift.span().cast() },
            told.span(),
            None,
        )?;
        let stored = [scale.read(case)?, shift.read(case)?];
        told.check(case, precision, &[&stored[0], &stored[1]]).map_err(|reason| format!("{norm:?}: {reason}"))?;
    }
    Ok(())
}
