//! What is no ordinary number, through every kernel that compares: NaN, infinities, zeros of both signs, equals; and
//! numbers beyond which functions overflow.

use tunefork_graph::{Activation, Pool, PoolKind, Window};
use tunefork_kernels::launch::block::Block;
use tunefork_kernels::launch::conv::Forward;
use tunefork_kernels::launch::loss::{Loss, LossScale, Record};
use tunefork_kernels::{Conv2d, DeviceMemory, Precision};

use super::block;
use super::common::step_row;
use crate::stored::FORMATS;
use crate::{Case, Check, Failure, Stored};

pub(super) const CHECKS: &[Check] = &[
    Check { name: "special/largest_logit", run: largest_logit },
    Check { name: "special/pooling", run: pooling },
    Check { name: "special/relu", run: relu },
    Check { name: "special/far_from_zero", run: far_from_zero },
    Check { name: "special/corners", run: corners },
    Check { name: "special/unseen_pixels", run: unseen_pixels },
];

const NUMBERS: [f64; 8] = [f64::NAN, f64::INFINITY, -f64::INFINITY, 0.0, -0.0, 1.0, -1.0, 1.0];

/// In a row of logits, two of which stand out, the largest is a NaN, then infinity, then the largest number, and the
/// first of equals; it may stand in any lane, and in any of its classes.
fn largest_logit(case: &mut Case) -> Result<(), Failure> {
    const NAN: f64 = f64::NAN;
    const INF: f64 = f64::INFINITY;
    // Everywhere else, at one place, at another; whether the first place wins even where it is the later one.
    let kinds = [
        (0.0, NAN, 1.0, true),
        (0.0, NAN, INF, true),
        (-1.0, NAN, -INF, true),
        (0.0, NAN, NAN, false),
        (0.0, INF, 9.0, true),
        (0.0, INF, INF, false),
        (-1.0, 0.0, -0.0, false),
        (-1.0, -0.0, 0.0, false),
        (-INF, -9.0, -INF, true),
        (-2.0, -1.0, -1.0, false),
    ];
    for precision in FORMATS {
        let classes = case.one_of(&[2, 31, 32, 33, 70]);
        for (rest, one, other, wins) in kinds {
            let (mut logits, mut labels) = (vec![rest; classes * classes], Vec::new());
            for (at, row) in logits.chunks_mut(classes).enumerate() {
                let next = (at + case.between(1, classes - 1)) % classes;
                (row[at], row[next]) = (one, other);
                labels.push(if wins { at } else { at.min(next) } as u16);
            }
            right(case, precision, &mut logits, &labels)
                .map_err(|reason| format!("{classes} classes of {rest} with {one} and {other}: {reason}"))?;
        }
        let mut lowest = vec![-INF; classes];
        right(case, precision, &mut lowest, &[0]).map_err(|reason| format!("{classes} lowest: {reason}"))?;
    }
    Ok(())
}

/// An error unless the largest logit of each row is at its label.
fn right(case: &mut Case, precision: Precision, logits: &mut [f64], labels: &[u16]) -> Result<(), Failure> {
    let (rows, classes) = (labels.len(), logits.len() / labels.len());
    let indices: Vec<u32> = (0..rows as u32).collect();
    let stream = &case.stream;
    let records = DeviceMemory::of(stream, &[Record::default()])?;
    Loss { batch: rows, classes, precision }.run(
        &**stream,
        step_row(case, rows)?.all(),
        DeviceMemory::of(stream, &[LossScale::initial(precision)])?.all(),
        Stored::new(case, precision, logits)?.span(),
        DeviceMemory::of(stream, &indices)?.all(),
        DeviceMemory::of(stream, labels)?.all(),
        DeviceMemory::of(stream, &vec![1f32; classes])?.all(),
        None,
        records.all(),
    )?;
    let found: Vec<Record> = records.all().read(&**stream)?;
    match found[0].correct as usize == rows {
        true => Ok(()),
        false => Err(format!("{precision:?}: {} of {rows} are at their labels", found[0].correct).into()),
    }
}

/// A result depends on no pixel that its filter does not see, not even as infinity times nothing: where rows of a tile
/// are filled up, and the numbers there lie beside the filter.
fn unseen_pixels(case: &mut Case) -> Result<(), Failure> {
    let architecture = case.stream.architecture();
    let precisions = [Precision::F32, Precision::Tf32, Precision::F16, Precision::Bf16];
    for precision in precisions.into_iter().filter(|precision| precision.runs_on(architecture)) {
        for (channels, kernel) in [(1, 1), (1, 3), (3, 1), (3, 3), (8, 3), (16, 1)] {
            let filters = case.one_of(&[5, 8]);
            let (batch, height, width, padding) = (2, 7, 9, kernel / 2);
            let conv = Conv2d { batch, height, width, channels, filters, kernel, stride: 1, padding };
            let pixel = case.between(0, batch * height * width - 1);
            let mut x = vec![0.0; conv.input_len()];
            x[pixel * channels + case.between(0, channels - 1)] = f64::INFINITY;
            let mut weights = vec![1.0; conv.weights_len()];
            let y = Stored::poisoned(case, precision, conv.output_len())?;
            Forward { conv, precision, bias: false, activation: None, statistics: false }.run(
                &*case.stream,
                step_row(case, batch)?.all(),
                Stored::new(case, precision, &mut x)?.span(),
                Stored::new(case, precision, &mut weights)?.span(),
                None,
                y.span(),
                None,
            )?;
            let place = |pixel: usize| [pixel / (height * width), pixel / width % height, pixel % width];
            let [image, row, column] = place(pixel);
            for (at, value) in y.read(case)?.into_iter().enumerate() {
                let [n, p, q] = place(at / filters);
                let sees = n == image && p.abs_diff(row) <= padding && q.abs_diff(column) <= padding;
                if value.is_finite() == sees {
                    return Err(
                        format!("{conv:?} in {precision}: {value} at {at} with infinity at pixel {pixel}").into()
                    );
                }
            }
        }
    }
    Ok(())
}

/// What a window chooses, and where its gradient goes.
fn pooling(case: &mut Case) -> Result<(), Failure> {
    for precision in FORMATS {
        for (kernel, stride, padding, channels) in [(2, 2, 0, 8), (2, 2, 0, 3), (3, 2, 1, 8), (3, 1, 1, 3)] {
            let window = Window { kernel, stride, padding };
            let pool = Some(Pool { kind: PoolKind::Max, window });
            let activation = case.one_of(&[None, Some(Activation::Relu)]);
            of_special(case, &plain(channels, pool, activation, precision))?;
        }
    }
    Ok(())
}

fn relu(case: &mut Case) -> Result<(), Failure> {
    for precision in FORMATS {
        for channels in [8, 3] {
            of_special(case, &plain(channels, None, Some(Activation::Relu), precision))?;
        }
    }
    // Behind the products of convolutions: single pixels, so that nothing else becomes NaN.
    for precision in Precision::of_architecture(case.stream.architecture()) {
        for channels in [1, 8] {
            let conv = Conv2d { batch: 1, height: 4, width: 5, channels, filters: 8, kernel: 1, stride: 1, padding: 0 };
            let forward =
                Forward { conv, precision, bias: false, activation: Some(Activation::Relu), statistics: false };
            let mut x: Vec<f64> = (0..conv.input_len()).map(|e| NUMBERS[e / channels % NUMBERS.len()]).collect();
            let mut w: Vec<f64> = (0..conv.weights_len()).map(|e| [1.0, -1.0][e % 2]).collect();
            let (on_x, on_w) = (Stored::new(case, precision, &mut x)?, Stored::new(case, precision, &mut w)?);
            let on_y = Stored::poisoned(case, precision, conv.output_len())?;
            let step = step_row(case, 1)?;
            forward.run(&*case.stream, step.all(), on_x.span(), on_w.span(), None, on_y.span(), None)?;
            let expected: Vec<f64> = (0..conv.output_len())
                .map(|e| x[e / 8 * channels] * channels as f64 * [1.0, -1.0][e % 2])
                .map(|x| if x <= 0.0 { 0.0 } else { x })
                .collect();
            let found = on_y.read(case)?;
            case.equal(&format!("{forward:?}"), &found, &expected)?;
        }
    }
    Ok(())
}

fn plain(channels: usize, pool: Option<Pool>, activation: Option<Activation>, precision: Precision) -> Block {
    Block {
        batch: 2,
        height: 6,
        width: 5,
        channels,
        norm: false,
        shortcut: false,
        activation,
        pool,
        saved_output: false,
        precision,
    }
}

/// A block whose values are drawn from the table.
fn of_special(case: &mut Case, block: &Block) -> Result<(), Failure> {
    let mut y: Vec<f64> = (0..block.input_len()).map(|_| case.one_of(&NUMBERS)).collect();
    let mut dout: Vec<f64> = (0..block.output_len()).map(|_| case.between(1, 4) as f64).collect();
    block::special(case, block, &mut y, &mut dout).map_err(|reason| format!("{block:?}: {reason}").into())
}

/// Where the pieces of an activation meet, the derivative is that of one of them.
fn corners(case: &mut Case) -> Result<(), Failure> {
    for activation in Activation::ALL {
        for channels in [8, 3] {
            let block = plain(channels, None, Some(*activation), Precision::F32);
            let mut y: Vec<f64> =
                (0..block.input_len()).map(|_| case.one_of(&[0.0, -0.0, 3.0, -3.0, 20.0, 2.0, -2.0])).collect();
            let mut dout = vec![1.0; block.output_len()];
            block::far(case, &block, &mut y, &mut dout).map_err(|reason| format!("{block:?}: {reason}"))?;
        }
    }
    Ok(())
}

/// Of numbers that are large, no activation makes something that is none.
fn far_from_zero(case: &mut Case) -> Result<(), Failure> {
    for activation in Activation::ALL {
        let block = plain(8, None, Some(*activation), Precision::F32);
        let mut y: Vec<f64> = (0..block.input_len())
            .map(|_| case.one_of(&[19.0, 21.0, 45.0, 90.0, 1000.0]) * case.one_of(&[1.0, -1.0]))
            .collect();
        let mut dout = vec![1.0; block.output_len()];
        block::far(case, &block, &mut y, &mut dout).map_err(|reason| format!("{block:?}: {reason}"))?;
    }
    Ok(())
}
