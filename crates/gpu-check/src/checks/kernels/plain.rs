//! The fast kernels in f32 beside the plain ones of `kernels/plain`, on the same device: the same formula, written twice.

use tunefork_graph::{Activation, Pool, PoolKind, Window};
use tunefork_kernels::launch::block::{Backward, Block, Norm, NormGradients};
use tunefork_kernels::launch::conv::{DataGradient, Forward, WeightGradient};
use tunefork_kernels::launch::dense::{self, Dense, InputGradient};
use tunefork_kernels::launch::group_norm::{GroupNorm, Parameters};
use tunefork_kernels::launch::loss::{Loss, LossScale, Record};
use tunefork_kernels::launch::plain;
use tunefork_kernels::{Conv2d, DeviceMemory, Precision, Span, StepRow};

use super::block::rounding;
use super::common::{Told, activations, counters, step_row};
use super::conv::{limit, shape};
use crate::{Case, Check, Failure, Stored};

pub(super) const CHECKS: &[Check] = &[
    Check { name: "plain/conv", run: conv },
    Check { name: "plain/dense", run: dense },
    Check { name: "plain/block", run: block },
    Check { name: "plain/loss", run: loss },
    Check { name: "plain/group_norm", run: group_norm },
];

const F32: Precision = Precision::F32;

/// Random numbers on the device.
fn random(case: &mut Case, len: usize) -> Result<Stored, Failure> {
    let mut values = case.values(len);
    Ok(Stored::new(case, F32, &mut values)?)
}

/// Room for the results of both.
fn pair(case: &Case, len: usize) -> Result<[Stored; 2], Failure> {
    Ok([Stored::poisoned(case, F32, len)?, Stored::poisoned(case, F32, len)?])
}

fn floats(stored: &Stored) -> Span<'_, f32> {
    stored.span().cast()
}

/// What the fast kernel has found beside what the plain one has.
fn same(case: &mut Case, what: &str, [fast, plain]: &[Stored; 2], limit: f64) -> Result<(), Failure> {
    let (fast, plain) = (fast.read(case)?, plain.read(case)?);
    case.compare(what, &fast, &plain, F32, limit)
}

/// Channels for the kernels of the first layer, and for those of all others.
fn conv(case: &mut Case) -> Result<(), Failure> {
    for channels in [1..=4, 5..=70] {
        let conv = shape(case, channels);
        conv_of(case, &conv).map_err(|reason| format!("{conv:?}: {reason}"))?;
    }
    Ok(())
}

fn conv_of(case: &mut Case, conv: &Conv2d) -> Result<(), Failure> {
    let (conv, images) = (*conv, conv.batch);
    let (stream, step) = (case.stream.clone(), step_row(case, images)?);
    let [x, w] = [random(case, conv.input_len())?, random(case, conv.weights_len())?];
    let [dy, b] = [random(case, conv.output_len())?, random(case, conv.filters)?];
    let bias = case.one_of(&[false, true]).then(|| floats(&b));
    let taps = conv.kernel * conv.kernel;

    let y = pair(case, conv.output_len())?;
    Forward { conv, precision: F32, bias: bias.is_some(), activation: None, statistics: false }.run(
        &*stream,
        step.all(),
        x.span(),
        w.span(),
        bias,
        y[0].span(),
        None,
    )?;
    plain::conv_forward(&*stream, &conv, images, floats(&x), floats(&w), bias, floats(&y[1]))?;
    same(case, "y", &y, limit(F32, taps * conv.channels))?;

    let dx = pair(case, conv.input_len())?;
    let gradient = DataGradient { conv, precision: F32 };
    gradient.run(&*stream, step.all(), dy.span(), w.span(), dx[0].span(), false, None)?;
    plain::conv_data_gradient(&*stream, &conv, images, floats(&dy), floats(&w), floats(&dx[1]))?;
    same(case, "dx", &dx, limit(F32, taps * conv.filters))?;

    let dw = pair(case, conv.weights_len())?;
    let gradient = WeightGradient { conv, precision: F32 };
    let (workspace, counters) = (Stored::poisoned(case, F32, gradient.workspace_len())?, counters(case)?);
    let slices = (gradient.workspace_len() > 0).then(|| floats(&workspace));
    let (told, dw0) = (Told::new(case)?, floats(&dw[0]));
    gradient.run(&*stream, step.all(), x.span(), dy.span(), dw0, told.span(), slices, counters.all())?;
    plain::conv_weight_gradient(&*stream, &conv, images, floats(&x), floats(&dy), floats(&dw[1]))?;
    same(case, "dw", &dw, limit(F32, conv.positions()))
}

fn dense(case: &mut Case) -> Result<(), Failure> {
    let (images, inputs, outputs) = (case.between(1, 70), case.between(1, 300), case.between(1, 70));
    let (stream, step, counters) = (case.stream.clone(), step_row(case, images)?, counters(case)?);
    let fast = Dense { batch: images, inputs, outputs, activation: None, dropout: None, precision: F32 };
    let slow = plain::Dense { images, inputs, outputs };
    let [x, w] = [random(case, images * inputs)?, random(case, inputs * outputs)?];
    let [dy, b] = [random(case, images * outputs)?, random(case, outputs)?];

    let y = pair(case, images * outputs)?;
    let workspace = Stored::poisoned(case, F32, fast.workspace_len())?;
    let slices = (fast.workspace_len() > 0).then(|| floats(&workspace));
    let bias = Some(floats(&b));
    fast.forward(&*stream, step.all(), None, x.span(), w.span(), bias, y[0].span(), slices, counters.all())?;
    slow.forward(&*stream, floats(&x), floats(&w), bias, floats(&y[1]))?;
    same(case, &format!("{slow:?}: y"), &y, limit(F32, inputs).max(1e-6))?;

    let [dx, dw, db] = [pair(case, images * inputs)?, pair(case, inputs * outputs)?, pair(case, outputs)?];
    let told = Told::new(case)?;
    let given = dense::Backward {
        x: x.span(),
        dz: dy.span(),
        weights: w.span(),
        dw: dense::WeightGradient::Stored(floats(&dw[0])),
        db: Some(floats(&db[0])),
        dx: Some(InputGradient { to: dx[0].span(), accumulate: false, through: None }),
        scale: told.span(),
    };
    fast.backward(&*stream, step.all(), given)?;
    slow.backward(&*stream, [&x, &w, &dy].map(floats), [&dx[1], &dw[1], &db[1]].map(floats))?;
    same(case, &format!("{slow:?}: dx"), &dx, limit(F32, outputs).max(1e-6))?;
    same(case, &format!("{slow:?}: dw"), &dw, limit(F32, images).max(1e-6))?;
    same(case, &format!("{slow:?}: db"), &db, limit(F32, images).max(1e-6))
}

/// With a norm, and any pooling or none.
fn block(case: &mut Case) -> Result<(), Failure> {
    let kernel = case.between(1, 3);
    let window = Window { kernel, stride: case.between(1, 3), padding: case.between(0, kernel / 2) };
    let any = Pool { kind: case.one_of(PoolKind::ALL), window };
    let pool = case.one_of(&[None, Some(Pool::max(2)), Some(any)]);
    let is_max = pool.is_some_and(|pool| pool.kind == PoolKind::Max);
    let activations: Vec<Option<Activation>> = activations(case, |activation| !is_max || activation.is_monotone());
    let block = Block {
        batch: case.between(1, 3),
        height: case.between(3, 8),
        width: case.between(3, 8),
        channels: case.one_of(&[1, 3, 4, 8, 10, 16]),
        norm: true,
        shortcut: case.one_of(&[true, false]),
        activation: case.one_of(&activations),
        pool,
        saved_output: false,
        precision: F32,
    };
    block_of(case, &block).map_err(|reason| format!("{block:?}: {reason}").into())
}

fn block_of(case: &mut Case, block: &Block) -> Result<(), Failure> {
    let (stream, step, k) = (case.stream.clone(), step_row(case, block.batch)?, block.channels);
    let [y, r, dout] =
        [random(case, block.input_len())?, random(case, block.input_len())?, random(case, block.output_len())?];
    // Means, and behind them the reciprocals of deviations around 1.
    let mut statistics = case.values(2 * k);
    statistics[k..].iter_mut().for_each(|rstd| *rstd = 1.0 + 0.5 * *rstd);
    let statistics = Stored::new(case, F32, &mut statistics)?;
    let [scale, shift] = [random(case, k)?, random(case, k)?];
    let (mean, rstd) = (floats(&statistics).part(0..k), floats(&statistics).part(k..2 * k));
    let (scale, shift) = (floats(&scale), floats(&shift));
    let norm = Norm { mean, deviation: rstd, running: false, scale, shift };
    let slow = plain::Norm { mean, rstd, scale, shift };
    let shortcut = block.shortcut.then_some(&r);

    let out = pair(case, block.output_len())?;
    block.forward(&*stream, step.all(), y.span(), Some(norm), shortcut.map(Stored::span), out[0].span())?;
    plain::block_forward(&*stream, block, slow, floats(&y), shortcut.map(floats), floats(&out[1]))?;
    same(case, "out", &out, rounding(F32))?;

    let [g, dy] = [pair(case, block.input_len())?, pair(case, block.input_len())?];
    let [dscale, dshift] = [pair(case, k)?, pair(case, k)?];
    let (workspace, counters) = (Stored::poisoned(case, F32, block.workspace_len())?, counters(case)?);
    let told = Told::new(case)?;
    let given = Backward {
        y: Some(y.span()),
        norm: Some(norm),
        norm_gradients: Some(NormGradients { scale: floats(&dscale[0]), shift: floats(&dshift[0]) }),
        shortcut: shortcut.filter(|_| block.reads_shortcut()).map(Stored::span),
        dout: dout.span(),
        dy: Some(dy[0].span()),
        dsum: Some(g[0].span()),
        bias_gradient: None,
        workspace: floats(&workspace),
        counters: counters.all(),
        scale: told.span(),
    };
    block.backward_sums(&*stream, step.all(), &given)?;
    block.backward(&*stream, step.all(), &given)?;
    let [g1, dy1, dscale1, dshift1] = [&g[1], &dy[1], &dscale[1], &dshift[1]].map(floats);
    let to = plain::BlockGradients { g: g1, dy: dy1, dscale: dscale1, dshift: dshift1 };
    plain::block_backward(&*stream, block, slow, floats(&y), shortcut.map(floats), floats(&dout), to)?;
    same(case, "g", &g, rounding(F32))?;
    same(case, "dscale", &dscale, 1e-5)?;
    same(case, "dshift", &dshift, 1e-5)?;
    same(case, "dy", &dy, 1e-5)
}

fn loss(case: &mut Case) -> Result<(), Failure> {
    let (images, classes, smoothing) = (case.between(1, 40), case.between(2, 70), case.one_of(&[0.0, 0.1]));
    let stream = case.stream.clone();
    let labels: Vec<u16> = (0..images).map(|_| case.between(0, classes - 1) as u16).collect();
    let weights: Vec<f32> = (0..classes).map(|_| case.one_of(&[0.5, 1.0, 3.0])).collect();
    let row = StepRow { rows: images as u32, label_smoothing: smoothing, ..StepRow::default() };
    let indices: Vec<u32> = (0..images as u32).collect();
    let (labels, weights) = (DeviceMemory::of(&stream, &labels)?, DeviceMemory::of(&stream, &weights)?);
    let records = DeviceMemory::of(&stream, &[Record::default()])?;
    let logits = random(case, images * classes)?;
    let (losses, gradient) = (Stored::poisoned(case, F32, images)?, pair(case, images * classes)?);
    Loss { batch: images, classes, precision: F32 }.run(
        &*stream,
        DeviceMemory::of(&stream, &[row])?.all(),
        DeviceMemory::of(&stream, &[LossScale::initial(F32)])?.all(),
        logits.span(),
        DeviceMemory::of(&stream, &indices)?.all(),
        labels.all(),
        weights.all(),
        Some(gradient[0].span()),
        records.all(),
    )?;
    let (by, to) = (weights.all(), floats(&gradient[1]));
    plain::loss(&*stream, smoothing, floats(&logits), labels.all(), by, floats(&losses), to)?;
    let what = format!("{images} images, {classes} classes, smoothing {smoothing}");
    same(case, &what, &gradient, 2e-6)?;
    let records: Vec<Record> = records.all().read(&*stream)?;
    let sum = losses.read(case)?.iter().sum::<f64>() * images as f64;
    // The loss of a sure image is a small difference of numbers around 1.
    match (records[0].loss_sum - sum).abs() <= 1e-6 * sum.abs().max(images as f64) {
        true => Ok(()),
        false => Err(format!("{what}: loss {}, of the plain kernel {sum}", records[0].loss_sum).into()),
    }
}

fn group_norm(case: &mut Case) -> Result<(), Failure> {
    let (pixels, channels, groups) =
        case.one_of(&[(1, 100, 4), (4, 6, 3), (4, 33, 11), (7, 32, 8), (25, 12, 2), (36, 6, 1)]);
    let norm = GroupNorm { batch: case.between(1, 3), pixels, channels, groups, precision: F32 };
    let (stream, step, len) = (case.stream.clone(), step_row(case, norm.batch)?, norm.batch * pixels * channels);
    let [x, dy] = [random(case, len)?, random(case, len)?];
    let [scale, shift] = [random(case, channels)?, random(case, channels)?];
    let [statistics, sums] =
        [Stored::poisoned(case, F32, norm.statistics_len())?, Stored::poisoned(case, F32, norm.sums_len())?];
    let parameters = Parameters { scale: floats(&scale), shift: floats(&shift) };

    let y = pair(case, len)?;
    norm.forward(&*stream, step.all(), x.span(), parameters, y[0].span(), floats(&statistics))?;
    plain::group_norm_forward(&*stream, &norm, floats(&x), parameters, floats(&y[1]))?;
    same(case, &format!("{norm:?}: y"), &y, 3e-6)?;

    let [dx, dscale, dshift] = [pair(case, len)?, pair(case, channels)?, pair(case, channels)?];
    let gradients = |of: usize| Parameters { scale: floats(&dscale[of]), shift: floats(&dshift[of]) };
    norm.backward(
        &*stream,
        step.all(),
        x.span(),
        dy.span(),
        floats(&scale),
        floats(&statistics),
        floats(&sums),
        gradients(0),
        Told::new(case)?.span(),
        Some((dx[0].span(), false)),
    )?;
    plain::group_norm_backward(&*stream, &norm, floats(&x), floats(&scale), floats(&dy), floats(&dx[1]), gradients(1))?;
    same(case, &format!("{norm:?}: dx"), &dx, 3e-6)?;
    same(case, &format!("{norm:?}: dscale"), &dscale, 3e-6)?;
    same(case, &format!("{norm:?}: dshift"), &dshift, 3e-6)
}
