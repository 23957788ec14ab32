//! In evaluation a norm has its running values.

use tunefork_kernels::launch::block::{Block, Norm};

use super::F32;
use crate::checks::kernels::common::step_row;
use crate::{Case, Failure, Stored};

/// Running variances, which need not lie just behind the means, give the bits of what is made of them.
pub(super) fn running(case: &mut Case) -> Result<(), Failure> {
    let (channels, gap) = (case.one_of(&[1, 3, 8, 40, 64]), case.one_of(&[0, 16]));
    let block = Block {
        batch: 2,
        height: 5,
        width: 3,
        channels,
        norm: true,
        shortcut: false,
        activation: None,
        pool: None,
        saved_output: false,
        precision: F32,
    };
    let step = step_row(case, block.batch)?;
    let [mut y, mut scale, mut shift] = [block.input_len(), channels, channels].map(|count| case.values(count));
    let on_y = Stored::new(case, F32, &mut y)?;
    let (on_scale, on_shift) = (Stored::new(case, F32, &mut scale)?, Stored::new(case, F32, &mut shift)?);
    let mean = case.values(channels);
    let variance: Vec<f64> = case.values(channels).iter().map(|v| f64::from(v.abs() as f32)).collect();
    let rstd: Vec<f64> = variance.iter().map(|&v| f64::from(1.0 / (v as f32 + 1e-5).sqrt())).collect();
    let start = channels.next_multiple_of(16) + gap;
    let mut forward = |deviations: &[f64], running: bool| -> Result<Vec<f64>, Failure> {
        let mut values = mean.clone();
        values.resize(start, f64::NAN);
        values.extend(deviations);
        let on_values = Stored::new(case, F32, &mut values)?;
        let out = Stored::poisoned(case, F32, block.output_len())?;
        let norm = Norm {
            mean: on_values.span().cast().part(0..channels),
            deviation: on_values.span().cast().part(start..start + channels),
            running,
            scale: on_scale.span().cast(),
            shift: on_shift.span().cast(),
        };
        block.forward(&*case.stream, step.all(), on_y.span(), Some(norm), None, out.span())?;
        out.read(case)
    };
    match forward(&variance, true)? == forward(&rstd, false)? {
        true => Ok(()),
        false => Err(format!("{channels} channels, {gap} values between").into()),
    }
}
