//! Sums of stored tensors.

use tunefork_kernels::launch::block::Add;

use super::rounding;
use crate::checks::kernels::common::step_row;
use crate::stored::FORMATS;
use crate::{Case, Failure, Stored};

pub(in crate::checks::kernels) fn add(case: &mut Case) -> Result<(), Failure> {
    for precision in FORMATS {
        let (batch, elements) = (case.between(1, 5), case.between(1, 500));
        let rows = case.between(1, batch);
        let accumulate = case.one_of(&[true, false]);
        let [mut x, mut y] = [(); 2].map(|()| case.values(batch * elements));
        let on_x = Stored::new(case, precision, &mut x)?;
        let on_y = Stored::new(case, precision, &mut y)?;
        let step = step_row(case, rows)?;
        let add = Add { batch, elements, precision };
        add.run(&*case.stream, step.all(), on_x.span(), on_y.span(), accumulate)?;
        for (y, x) in y.iter_mut().zip(&x).take(rows * elements) {
            *y = x + if accumulate { *y } else { 0.0 };
        }
        // Values behind the real images stay as they are.
        let found = on_y.read(case)?;
        case.compare("sum", &found, &y, precision, rounding(precision))?;
    }
    Ok(())
}
