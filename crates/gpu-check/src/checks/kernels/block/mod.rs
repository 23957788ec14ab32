//! `kernels/block.cu` and `kernels/block_backward.cu`.

mod add;
mod model;
mod running;
mod setting;
mod ties;

use tunefork_graph::{Pool, PoolKind, Window};
use tunefork_kernels::Precision;
pub(super) use tunefork_kernels::launch::block::Block;
use tunefork_kernels::launch::block::{Backward, NormGradients};

pub(super) use self::add::add;
use self::model::Gradients;
use self::setting::Setting;
pub(super) use self::setting::StoredNorm;
pub(super) use self::ties::{far, special};
use super::common::{Told, activations, check_counters, counters};
use crate::stored::FORMATS;
use crate::{Case, Check, Failure, Stored};

pub(super) const CHECKS: &[Check] = &[
    Check { name: "block/plain", run: plain },
    Check { name: "block/max2", run: max2 },
    Check { name: "block/window", run: window },
    Check { name: "block/saved_output", run: saved_output },
    Check { name: "block/running", run: running::running },
    Check { name: "block/wide", run: wide },
    Check { name: "block/ties_and_nan", run: ties::ties_and_nan },
    Check { name: "block/add", run: add },
];

const F32: Precision = Precision::F32;
/// Multiples of 16 bytes in all formats, in some, in none.
const CHANNELS: [usize; 10] = [1, 3, 4, 8, 10, 16, 20, 40, 64, 67];

/// The error of a value that is rounded once when it is stored.
pub(super) fn rounding(precision: Precision) -> f64 {
    match precision {
        Precision::F32 | Precision::Tf32 => 1e-6,
        Precision::F16 => 5e-4,
        Precision::Bf16 => 4e-3,
    }
}

fn plain(case: &mut Case) -> Result<(), Failure> {
    for precision in FORMATS {
        let (height, width) = (case.between(1, 7), case.between(1, 7));
        let block = random(case, height, width, None, precision);
        check(case, &block)?;
    }
    Ok(())
}

fn max2(case: &mut Case) -> Result<(), Failure> {
    for precision in FORMATS {
        let (height, width) = (case.between(2, 7), case.between(2, 7));
        let pool = Pool::max(2);
        let mut block = random(case, height, width, Some(pool), precision);
        block.channels = case.one_of(&[8, 16, 40]);
        check(case, &block)?;
    }
    Ok(())
}

/// Any pooling: windows that overlap, leave gaps, reach into the padding.
fn window(case: &mut Case) -> Result<(), Failure> {
    for precision in FORMATS {
        let (height, width) = (case.between(1, 9), case.between(1, 9));
        let kernel = case.between(1, 4);
        let padding = case.between(0, kernel / 2);
        let kernel = kernel.min(height + 2 * padding).min(width + 2 * padding);
        let kind = case.one_of(PoolKind::ALL);
        let window = Window { kernel, stride: case.between(1, 4), padding: padding.min(kernel / 2) };
        if window.positions(height.min(width)).is_none() {
            continue;
        }
        let block = random(case, height, width, Some(Pool { kind, window }), precision);
        check(case, &block)?;
    }
    Ok(())
}

/// More channels than one block of threads covers.
fn wide(case: &mut Case) -> Result<(), Failure> {
    let precision = case.one_of(&FORMATS);
    let mut block = random(case, 1, 2, None, precision);
    block.channels = case.one_of(&[131, 520, 1032]);
    check(case, &block)
}

fn saved_output(case: &mut Case) -> Result<(), Failure> {
    for precision in FORMATS {
        let (height, width) = (case.between(1, 6), case.between(1, 6));
        let mut block = random(case, height, width, None, precision);
        (block.norm, block.saved_output) = (false, true);
        block.activation = block.activation.filter(|activation| activation.derivative_follows_from_result());
        check(case, &block)?;
    }
    Ok(())
}

pub(super) fn random(case: &mut Case, height: usize, width: usize, pool: Option<Pool>, precision: Precision) -> Block {
    let is_max = pool.is_some_and(|pool| pool.kind == PoolKind::Max);
    let activations = activations(case, |activation| !is_max || activation.is_monotone());
    Block {
        batch: case.between(1, 5),
        height,
        width,
        channels: case.one_of(&CHANNELS),
        norm: case.one_of(&[true, false]),
        shortcut: case.one_of(&[true, false]),
        activation: case.one_of(&activations),
        pool,
        saved_output: false,
        precision,
    }
}

pub(super) fn check(case: &mut Case, block: &Block) -> Result<(), Failure> {
    let explain = |reason: Failure| format!("{block:?}: {reason}").into();
    let setting = Setting::new(case, block)?;
    if !block.saved_output {
        check_forward(case, block, &setting).map_err(explain)?;
    }
    check_backward(case, block, &setting).map_err(explain)
}

fn check_forward(case: &mut Case, block: &Block, setting: &Setting) -> Result<(), Failure> {
    let poisoned = Stored::poisoned(case, block.precision, block.output_len())?;
    // In place where that is allowed; the values go through a copy, since backward needs them.
    let copied = Stored::new(case, block.precision, &mut setting.y.clone())?;
    let in_place = block.pool.is_none() && case.one_of(&[true, false]);
    let out = if in_place { copied.span() } else { poisoned.span() };
    block.forward(
        &*case.stream,
        setting.step.all(),
        copied.span(),
        setting.norm.as_ref().map(StoredNorm::on_device),
        setting.on_shortcut.as_ref().map(Stored::span),
        out,
    )?;
    let found = if in_place { &copied } else { &poisoned }.read(case)?;
    let found = setting.real(block, &found);
    case.compare("out", found, &setting.model(block).forward(), block.precision, rounding(block.precision))
}

/// With the gradients of y and r in memory of their own, or on y and r, or on the result's gradient.
fn check_backward(case: &mut Case, block: &Block, setting: &Setting) -> Result<(), Failure> {
    let (precision, k) = (block.precision, block.channels);
    let expected = setting.model(block).backward(setting.real(block, &setting.dout));
    let [dy, dsum] = [(); 2].map(|()| Stored::poisoned(case, precision, block.input_len()));
    let (dy, dsum) = (dy?, dsum?);
    let [dscale, dshift, bias] = [(); 3].map(|()| Stored::poisoned(case, F32, k));
    let (dscale, dshift, bias) = (dscale?, dshift?, bias?);
    let workspace = Stored::poisoned(case, F32, block.workspace_len())?;
    let [on_shortcut, wants_bias, wants_sum] = [(); 3].map(|()| case.one_of(&[true, false]));
    let y = block.reads_saved().then(|| setting.on_y.span());
    let shortcut = setting.on_shortcut.as_ref().filter(|_| block.reads_shortcut());
    let on_r = shortcut.filter(|_| on_shortcut);
    let (wants_dy, to_y) = match case.between(0, 4) {
        0 => (false, &dy),
        1 | 2 => (true, &setting.on_y),
        3 if block.pool.is_none() => (true, &setting.on_dout),
        _ => (true, &dy),
    };
    let to_r = on_r.unwrap_or(&dsum);
    let (counters, told) = (counters(case)?, Told::new(case)?);
    let given = Backward {
        y,
        norm: setting.norm.as_ref().map(StoredNorm::on_device),
        norm_gradients: setting
            .norm
            .as_ref()
            .map(|_| NormGradients { scale: dscale.span().cast(), shift: dshift.span().cast() }),
        shortcut: shortcut.map(Stored::span),
        dout: setting.on_dout.span(),
        dy: wants_dy.then(|| to_y.span()),
        dsum: wants_sum.then(|| to_r.span()),
        bias_gradient: wants_bias.then(|| bias.span().cast()),
        workspace: workspace.span().cast(),
        counters: counters.all(),
        scale: told.span(),
    };
    if block.norm {
        block.backward_sums(&*case.stream, setting.step.all(), &given)?;
    }
    block.backward(&*case.stream, setting.step.all(), &given)?;
    check_counters(case, &counters)?;
    told.check(case, precision, &[])?;

    if wants_dy {
        let found = to_y.read(case)?;
        compare_dy(case, block, setting, setting.real(block, &found), &expected)?;
    }
    if wants_sum {
        let found = to_r.read(case)?;
        case.compare("dsum", setting.real(block, &found), &expected.g, precision, rounding(precision))?;
    }
    if block.norm {
        let (dscale, dshift) = (dscale.read(case)?, dshift.read(case)?);
        case.compare("dscale", &dscale, &expected.dscale, F32, 1e-5)?;
        case.compare("dshift", &dshift, &expected.dshift, F32, 1e-5)?;
    }
    if wants_bias {
        let (mut found, mut sums) = (bias.read(case)?, vec![0.0; k]);
        // Behind a norm the sum is zero: what counts is the error beside what is added up.
        for (e, (dy, g)) in expected.dy.iter().zip(&expected.g).enumerate() {
            let beside = (g * setting.factor(block, e)).abs();
            sums[e % k] += dy + beside;
            found[e % k] += beside;
        }
        case.compare("bias gradient", &found, &sums, F32, 1e-5)?;
    }
    Ok(())
}

/// dy, beside the size of g through the norm: where few values are normalised, little of it is left.
fn compare_dy(
    case: &mut Case,
    block: &Block,
    setting: &Setting,
    found: &[f64],
    expected: &Gradients,
) -> Result<(), Failure> {
    if case.is_whole() {
        return case.compare("dy", found, &expected.dy, block.precision, 0.0);
    }
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let through = norm(&mut expected.g.iter().enumerate().map(|(e, g)| g * setting.factor(block, e)));
    let size = norm(&mut expected.dy.iter().copied()).max(through);
    let difference = norm(&mut found.iter().zip(&expected.dy).map(|(f, e)| f - e));
    let error = if size > 0.0 { difference / size } else { difference };
    let limit = rounding(block.precision);
    // A NaN is not below any limit.
    if error <= limit {
        return Ok(());
    }
    Err(format!("dy: relative error {error:.1e}, limit {limit:.1e}").into())
}
