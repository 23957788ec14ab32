//! `kernels/dropout.cu`.

use tunefork_kernels::launch::dropout::Dropout;
use tunefork_kernels::{DeviceMemory, DropoutRow, StepRow};

use super::common::mask;
use crate::stored::FORMATS;
use crate::{Case, Check, Failure, Stored};

pub(super) const CHECKS: &[Check] = &[Check { name: "dropout/standalone", run: standalone }];

pub(super) fn standalone(case: &mut Case) -> Result<(), Failure> {
    for precision in FORMATS {
        let (batch, elements) = (case.between(1, 5), case.between(1, 400));
        let rows = case.between(1, batch);
        let p = if case.is_whole() { case.one_of(&[0.0, 0.5, 1.0]) } else { case.one_of(&[0.0, 0.3, 0.5, 1.0]) };
        let accumulate = case.one_of(&[false, true]);
        let (key, step, layer) = ([3, case.between(0, 99) as u32], 1u64 << 33 | 5, case.between(0, 3) as u32);

        let mut x = case.values(batch * elements);
        let mut y = case.values(batch * elements);
        let (on_x, on_y) = (Stored::new(case, precision, &mut x)?, Stored::new(case, precision, &mut y)?);
        let row = StepRow { rows: rows as u32, dropout_key: key, step: [5, 2], ..bytemuck::Zeroable::zeroed() };
        let row = DeviceMemory::of(&case.stream, &[row])?;
        let dropout = DeviceMemory::of(&case.stream, &[DropoutRow::new(p)])?;
        Dropout { layer, batch, elements, precision }.run(
            &*case.stream,
            row.all(),
            dropout.all(),
            on_x.span(),
            on_y.span(),
            accumulate,
        )?;

        for ((y, x), mask) in y.iter_mut().zip(&x).zip(&mask(p, layer, key, step, &[rows, elements])?) {
            *y = x * mask + if accumulate { *y } else { 0.0 };
        }
        let limit = precision.pick(1e-6, 5e-4, 4e-3);
        let found = on_y.read(case)?;
        case.compare("values", &found, &y, precision, limit)?;
    }
    Ok(())
}
