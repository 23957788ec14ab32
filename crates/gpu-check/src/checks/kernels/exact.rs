//! Every kernel of products, sums and elements on whole numbers, which leave no room for a tolerance: a result is the
//! exact one, rounded once to nearest even when it is stored, whatever the order of the sums.

use tunefork_graph::{Pool, PoolKind, Window};
use tunefork_kernels::launch::loss::{Loss, LossScale, Record};
use tunefork_kernels::{DeviceMemory, Precision, StepRow};

use super::{average, block, conv, conv_tensor, dense, dropout, group_norm, statistics};
use crate::rounding::rounded;
use crate::stored::FORMATS;
use crate::{Case, Check, Failure, Stored};

/// Products of such numbers leave f16 and bf16 something to round, and their sums below 2^24.
const WIDE: usize = 15;
/// Where results are multiplied again.
const NARROW: usize = 3;

/// The products of convolutions.
pub(super) const CONV: &[Check] = &[
    Check { name: "exact/conv_forward", run: |case| case.whole(WIDE, |case| conv::forward(case, EXACT, 5..=70)) },
    Check {
        name: "exact/conv_data_gradient",
        run: |case| case.whole(WIDE, |case| conv::data_gradient(case, EXACT, 1..=70)),
    },
    Check {
        name: "exact/conv_weight_gradient",
        run: |case| case.whole(WIDE, |case| conv::weight_gradient(case, EXACT, 5..=70)),
    },
    Check {
        name: "exact/first_layer_forward",
        run: |case| case.whole(WIDE, |case| conv::forward(case, &FORMATS, 1..=4)),
    },
    Check {
        name: "exact/first_layer_weight_gradient",
        run: |case| case.whole(WIDE, |case| conv::weight_gradient(case, &FORMATS, 1..=4)),
    },
    Check { name: "exact/tensor_forward", run: |case| case.whole(WIDE, |case| conv::forward(case, TENSOR, 5..=70)) },
    Check {
        name: "exact/tensor_data_gradient",
        run: |case| case.whole(WIDE, |case| conv::data_gradient(case, TENSOR, 1..=70)),
    },
    Check {
        name: "exact/tensor_weight_gradient",
        run: |case| case.whole(WIDE, |case| conv::weight_gradient(case, TENSOR, 5..=70)),
    },
];

const EXACT: &[Precision] = &[Precision::F32];
const TENSOR: &[Precision] = conv_tensor::PRECISIONS;

/// Everything else.
pub(super) const CHECKS: &[Check] = &[
    Check { name: "exact/dense_forward", run: |case| case.whole(WIDE, |case| dense::each(case, dense::forward)) },
    Check { name: "exact/dense_backward", run: |case| case.whole(WIDE, |case| dense::each(case, dense::backward)) },
    Check { name: "exact/dropout", run: |case| case.whole(1000, dropout::standalone) },
    Check { name: "exact/average_forward", run: |case| case.whole(1000, average::forward) },
    Check { name: "exact/average_backward", run: |case| case.whole(1000, average::backward) },
    Check { name: "exact/group_norm_backward", run: |case| case.whole(NARROW, group_norm::backward) },
    Check { name: "exact/statistics", run: |case| case.whole(NARROW, statistics::of_a_tensor) },
    Check { name: "exact/block", run: |case| case.whole(NARROW, plain) },
    Check { name: "exact/block_pooled", run: |case| case.whole(NARROW, pooled) },
    Check { name: "exact/add", run: |case| case.whole(2000, block::add) },
    Check { name: "exact/even_loss", run: even_loss },
];

/// Means over a block's positions, of which there are a power of two, are exact.
fn plain(case: &mut Case) -> Result<(), Failure> {
    for precision in FORMATS {
        let (height, width) = (case.one_of(&[1, 2, 4]), case.one_of(&[1, 2, 8]));
        let random = block::random(case, height, width, None, precision);
        block::check(case, &block::Block { batch: 2, ..random })?;
    }
    Ok(())
}

fn pooled(case: &mut Case) -> Result<(), Failure> {
    for precision in FORMATS {
        let (kind, kernel) =
            case.one_of(&[(PoolKind::Max, 2), (PoolKind::Max, 3), (PoolKind::Average, 2), (PoolKind::Average, 4)]);
        let window = Window { kernel, stride: case.between(1, 3), padding: case.between(0, kernel / 2) };
        let (height, width) = (case.one_of(&[4, 8]), case.one_of(&[4, 8]));
        let random = block::random(case, height, width, Some(Pool { kind, window }), precision);
        block::check(case, &block::Block { batch: 2, ..random })?;
    }
    Ok(())
}

/// Equal logits of a power of two of classes: all probabilities are the same, and exact.
fn even_loss(case: &mut Case) -> Result<(), Failure> {
    for precision in FORMATS {
        let (classes, rows) = (case.one_of(&[1, 2, 32, 64, 256]), case.one_of(&[1, 2, 32]));
        let (smoothing, mixing) = (case.one_of(&[0.0, 0.125, 1.0]), case.one_of(&[0.0, 0.25, 0.5]));
        let labels: Vec<u16> = (0..rows).map(|_| case.between(0, classes - 1) as u16).collect();
        let indices: Vec<u32> = (0..rows as u32).collect();
        let scale = LossScale::new(case.one_of(&[1.0, 1024.0]), 0);
        let row = StepRow {
            rows: rows as u32,
            label_smoothing: smoothing as f32,
            mixing: mixing as f32,
            ..StepRow::default()
        };
        let mut logits = vec![case.between(0, 40) as f64 - 20.0; rows * classes];
        let on_logits = Stored::new(case, precision, &mut logits)?;
        let gradient = Stored::poisoned(case, precision, rows * classes)?;
        let stream = &case.stream;
        Loss { batch: rows, classes, precision }.run(
            &**stream,
            DeviceMemory::of(stream, &[row])?.all(),
            DeviceMemory::of(stream, &[scale])?.all(),
            on_logits.span(),
            DeviceMemory::of(stream, &indices)?.all(),
            DeviceMemory::of(stream, &labels)?.all(),
            DeviceMemory::of(stream, &vec![1f32; classes])?.all(),
            Some(gradient.span()),
            DeviceMemory::of(stream, &[Record::default()])?.all(),
        )?;
        let is = |row: usize, c: usize| f64::from(u8::from(usize::from(labels[row % rows]) == c));
        let target = |row: usize, c: usize| {
            let own = (1.0 - mixing) * is(row, c) + mixing * is(row + 1, c);
            smoothing / classes as f64 + (1.0 - smoothing) * own
        };
        let value =
            |e: usize| (1.0 / classes as f64 - target(e / classes, e % classes)) * f64::from(scale.scale) / rows as f64;
        let expected: Vec<f64> = (0..rows * classes).map(|e| rounded(precision, value(e))).collect();
        let what = format!("{rows} rows, {classes} classes, {precision:?}, smoothing {smoothing}, mixing {mixing}");
        let found = gradient.read(case)?;
        case.equal(&what, &found, &expected)?;
    }
    Ok(())
}
