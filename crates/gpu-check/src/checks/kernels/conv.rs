//! `kernels/conv.cu`, `kernels/winograd.cu` and `kernels/first_layer*.cu`; the products are checked in the same way whoever
//! does them.

use tunefork_graph::Window;
use tunefork_kernels::launch::conv::{DataGradient, Forward, Projection, WeightGradient};
use tunefork_kernels::{Conv2d, Precision};
use tunefork_reference::{Tensor, ops};

use super::common::{Told, activate, activations, as_multiplied, check_counters, counters, step_row, tensor};
use super::statistics::OnDevice;
use crate::stored::FORMATS;
use crate::{Case, Check, Failure, Stored};

const EXACT: &[Precision] = &[Precision::F32];
pub(super) const CHECKS: &[Check] = &[
    Check { name: "conv/forward", run: |case| forward(case, EXACT, 5..=70) },
    Check { name: "conv/data_gradient", run: |case| data_gradient(case, EXACT, 1..=70) },
    Check { name: "conv/weight_gradient", run: |case| weight_gradient(case, EXACT, 5..=70) },
    Check { name: "conv/first_layer_forward", run: |case| forward(case, &FORMATS, 1..=4) },
    Check { name: "conv/first_layer_weight_gradient", run: |case| weight_gradient(case, &FORMATS, 1..=4) },
];

/// Channels of the input to draw from.
type Channels = std::ops::RangeInclusive<usize>;

/// y = act(x * w + b) and the statistics of its tiles.
pub(super) fn forward(case: &mut Case, precisions: &[Precision], channels: Channels) -> Result<(), Failure> {
    each(case, precisions, channels, |case, conv, precision, rows| {
        let activations = activations(case, |_| true);
        let forward = Forward {
            conv,
            precision,
            bias: case.one_of(&[false, true]),
            activation: case.one_of(&activations),
            statistics: case.one_of(&[false, true]),
        };
        forward_of(case, &forward, rows)
    })
}

/// dx from dy, also added to what is there, and with a projection of the same input where there may be one.
pub(super) fn data_gradient(case: &mut Case, precisions: &[Precision], channels: Channels) -> Result<(), Failure> {
    each(case, precisions, channels, |case, conv, precision, rows| {
        data_gradient_of(case, &DataGradient { conv, precision }, rows)
    })
}

/// dw from x and dy.
pub(super) fn weight_gradient(case: &mut Case, precisions: &[Precision], channels: Channels) -> Result<(), Failure> {
    each(case, precisions, channels, |case, conv, precision, rows| {
        weight_gradient_of(case, &WeightGradient { conv, precision }, rows)
    })
}

/// A random convolution, and a number of real images, for each precision that the device has.
fn each(
    case: &mut Case,
    precisions: &[Precision],
    channels: Channels,
    check: impl Fn(&mut Case, Conv2d, Precision, usize) -> Result<(), Failure>,
) -> Result<(), Failure> {
    for &precision in precisions {
        if exists(case, precision) {
            let conv = shape(case, channels.clone());
            let rows = case.between(1, conv.batch);
            check(case, conv, precision, rows)?;
        }
    }
    Ok(())
}

pub(super) fn forward_of(case: &mut Case, forward: &Forward, rows: usize) -> Result<(), Failure> {
    let (conv, precision) = (forward.conv, forward.precision);
    let step = step_row(case, rows)?;
    let (on_x, x) = input(case, precision, conv.input_len(), conv.batch, rows)?;
    let (on_w, w) = input(case, precision, conv.weights_len(), 1, 1)?;
    let (on_b, b) = input(case, Precision::F32, conv.filters, 1, 1)?;
    let on_y = Stored::poisoned(case, precision, conv.output_len())?;
    let statistics = OnDevice::new(case, forward.partials_len(), conv.filters)?;
    forward.run(
        &*case.stream,
        step.all(),
        on_x.span(),
        on_w.span(),
        forward.bias.then(|| on_b.span().cast()),
        on_y.span(),
        forward.statistics.then(|| statistics.spans()),
    )?;

    let len = conv.output_len() / conv.batch * rows;
    let b = forward.bias.then(|| tensor(&[conv.filters], &b));
    let y = ops::conv::forward(window(&conv), &images(&conv, rows, &x), &filters(&conv, &w), b.as_ref());
    let y = activate(forward.activation, y).into_iter().collect::<Vec<f64>>();
    let limit = limit(precision, depth(&conv) * conv.channels);
    let found = &on_y.read(case)?[..len];
    let what = format!("{forward:?}, {rows} rows");
    case.compare(&format!("{what}: y"), found, &y, precision, limit)?;
    // Sums of whole numbers are exact, and not yet rounded.
    let limit = if case.is_whole() { self::limit(Precision::F32, 1) } else { limit };
    match forward.statistics {
        true => statistics.check(case, &what, &y, conv.filters, limit),
        false => Ok(()),
    }
}

pub(super) fn data_gradient_of(case: &mut Case, gradient: &DataGradient, rows: usize) -> Result<(), Failure> {
    let (conv, precision) = (gradient.conv, gradient.precision);
    let step = step_row(case, rows)?;
    let accumulate = case.one_of(&[false, true]);
    let (on_dy, dy) = input(case, precision, conv.output_len(), conv.batch, rows)?;
    let (on_w, w) = input(case, precision, conv.weights_len(), 1, 1)?;
    let (on_dx, mut dx) = match accumulate {
        true => stored(case, precision, conv.input_len(), conv.batch, rows)?,
        false => (Stored::poisoned(case, precision, conv.input_len())?, vec![0.0; conv.input_len()]),
    };
    let pixels = Conv2d { kernel: 1, padding: 0, ..conv };
    let projection = match gradient.takes(&pixels) && case.one_of(&[false, true]) {
        true => {
            let dy = input(case, precision, conv.output_len(), conv.batch, rows)?;
            Some((dy, input(case, precision, pixels.weights_len(), 1, 1)?))
        }
        false => None,
    };
    let beside = projection.as_ref().map(|((dy, _), (w, _))| Projection { dy: dy.span(), weights: w.span() });
    gradient.run(&*case.stream, step.all(), on_dy.span(), on_w.span(), on_dx.span(), accumulate, beside)?;

    let len = conv.input_len() / conv.batch * rows;
    let mut add = |conv: &Conv2d, dy: &[f64], w: &[f64]| {
        let (size, dy) = ([conv.height, conv.width], results(conv, rows, dy));
        let added = ops::conv::input_gradient(window(conv), size, &filters(conv, w), &dy);
        dx.iter_mut().zip(&added).for_each(|(dx, added)| *dx += added);
    };
    add(&conv, &dy, &w);
    if let Some(((_, dy), (_, w))) = &projection {
        add(&pixels, dy, w);
    }
    let taps = depth(&conv) + usize::from(projection.is_some());
    let limit = limit(precision, taps * conv.filters);
    let found = &on_dx.read(case)?[..len];
    let projects = projection.is_some();
    let what = format!("{gradient:?}, {rows} rows, accumulate {accumulate}, projection {projects}: dx");
    case.compare(&what, found, &dx[..len], precision, limit)
}

pub(super) fn weight_gradient_of(case: &mut Case, gradient: &WeightGradient, rows: usize) -> Result<(), Failure> {
    let (conv, precision) = (gradient.conv, gradient.precision);
    let step = step_row(case, rows)?;
    let (on_x, x) = input(case, precision, conv.input_len(), conv.batch, rows)?;
    let (on_dy, dy) = input(case, precision, conv.output_len(), conv.batch, rows)?;
    let on_dw = Stored::poisoned(case, Precision::F32, conv.weights_len())?;
    let workspace = Stored::poisoned(case, Precision::F32, gradient.workspace_len())?;
    let (counters, told) = (counters(case)?, Told::new(case)?);
    gradient.run(
        &*case.stream,
        step.all(),
        on_x.span(),
        on_dy.span(),
        on_dw.span().cast(),
        told.span(),
        (gradient.workspace_len() > 0).then(|| workspace.span().cast()),
        counters.all(),
    )?;
    check_counters(case, &counters)?;

    let dw = ops::conv::weight_gradient(window(&conv), &images(&conv, rows, &x), &results(&conv, rows, &dy));
    let dw = dw.into_iter().collect::<Vec<f64>>();
    // The result is f32 and products of stored 16-bit numbers are exact in f32: only sums round.
    let positions = conv.positions() / conv.batch * rows;
    let limit = match precision {
        Precision::Tf32 => limit(precision, positions),
        Precision::F32 | Precision::F16 | Precision::Bf16 => limit(Precision::F32, positions),
    };
    let found = on_dw.read(case)?;
    told.check(case, precision, &[&found])?;
    case.compare(&format!("{gradient:?}, {rows} rows: dw"), &found, &dw, Precision::F32, limit)
}

/// Whether the device has instructions for a precision.
fn exists(case: &Case, precision: Precision) -> bool {
    // Storage as bf16 alone needs none, but a whole network in it is refused before sm_80.
    precision.runs_on(case.stream.architecture())
}

/// A random convolution with at least 16 values in each tensor, so that sums that cancel do not
/// decide the error, and not too much work for the reference.
pub(super) fn shape(case: &mut Case, channels: Channels) -> Conv2d {
    loop {
        let kernel = case.one_of(&[1, 1, 2, 3, 3, 3, 4, 5, 6, 7]);
        // Whole pieces of 4 or 8 channels on both sides have paths of their own.
        let multiple = case.one_of(&[1, 4, 8]);
        let conv = Conv2d {
            batch: case.between(1, 5),
            height: case.one_of(&[1, 2, 3, 5, 7, 8, 11, 13, 17]),
            width: case.one_of(&[1, 2, 3, 5, 7, 8, 11, 13, 17]),
            channels: several(case, &channels, multiple),
            filters: several(case, &(1..=70), multiple),
            kernel,
            stride: case.one_of(&[1, 1, 2, 3]),
            padding: case.between(0, kernel),
        };
        if conv.height.min(conv.width) + 2 * conv.padding < kernel {
            continue;
        }
        let work = conv.positions() * conv.weights_len();
        let smallest = (conv.input_len() / conv.batch).min(conv.output_len() / conv.batch).min(conv.weights_len());
        if smallest >= 16 && work <= 1_500_000 {
            return conv;
        }
    }
}

/// A number of channels from a range, often few, a multiple of `multiple` if the range has one.
fn several(case: &mut Case, range: &Channels, multiple: usize) -> usize {
    let (low, high) = (*range.start(), *range.end());
    let most = case.one_of(&[high.min(9), high]);
    let number = case.between(low, most).next_multiple_of(multiple);
    match number <= high {
        true => number,
        false => (high / multiple * multiple).max(low),
    }
}

/// What is multiplied, of `images` of which only `rows` are real: stored values, and what products take of them.
fn input(
    case: &mut Case,
    precision: Precision,
    len: usize,
    images: usize,
    rows: usize,
) -> Result<(Stored, Vec<f64>), Failure> {
    let (stored, mut values) = stored(case, precision, len, images, rows)?;
    as_multiplied(precision, &mut values);
    Ok((stored, values))
}

/// Random values of `images`, of which only `rows` are real: the others are NaN and must not matter.
fn stored(
    case: &mut Case,
    precision: Precision,
    len: usize,
    images: usize,
    rows: usize,
) -> Result<(Stored, Vec<f64>), Failure> {
    let mut values = case.values(len);
    values[len / images * rows..].fill(f64::NAN);
    Ok((Stored::new(case, precision, &mut values)?, values))
}

fn window(conv: &Conv2d) -> Window {
    Window { kernel: conv.kernel, stride: conv.stride, padding: conv.padding }
}

/// The real images of the input, of the result, and the filters, for the reference.
fn images(conv: &Conv2d, rows: usize, x: &[f64]) -> Tensor {
    tensor(&[rows, conv.height, conv.width, conv.channels], x)
}

fn results(conv: &Conv2d, rows: usize, y: &[f64]) -> Tensor {
    tensor(&[rows, conv.output_height(), conv.output_width(), conv.filters], y)
}

fn filters(conv: &Conv2d, w: &[f64]) -> Tensor {
    tensor(&[conv.kernel, conv.kernel, conv.channels, conv.filters], w)
}

/// Taps of the filters.
fn depth(conv: &Conv2d) -> usize {
    conv.kernel * conv.kernel
}

/// The largest relative error of sums of `depth` products.
pub(super) fn limit(precision: Precision, depth: usize) -> f64 {
    match precision {
        Precision::F32 => (1e-6 * (depth as f64 / 64.0).sqrt()).min(1e-5),
        // Numbers are rounded before they are multiplied, sums as in f32, in an order that is the card's.
        Precision::Tf32 => 1e-5,
        Precision::F16 => 5e-4,
        Precision::Bf16 => 4e-3,
    }
}
