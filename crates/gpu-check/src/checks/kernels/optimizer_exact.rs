//! `kernels/optimizer.cu` with constants for which nothing is rounded: right to the bit. And what blocks of one launch
//! must not hear of each other.

use ndarray::Array1;
use tunefork_graph::UpdateRule;
use tunefork_kernels::Precision;
use tunefork_kernels::launch::loss::LossScale;
use tunefork_kernels::launch::optimizer::{Cast, Update};
use tunefork_reference::optimizer::Optimizer;

use super::optimizer::{Buffers, row};
use crate::rounding::rounded;
use crate::stored::FORMATS;
use crate::{Case, Check, Failure, Stored};

pub(super) const CHECKS: &[Check] = &[
    Check { name: "optimizer_exact/updates", run: updates },
    Check { name: "optimizer_exact/change_of_scale", run: change_of_scale },
    Check { name: "optimizer_exact/small_norm", run: small_norm },
    Check { name: "optimizer_exact/rounding", run: rounding },
];

/// A rule, after how many updates numbers have become too long, and whether weights may decay meanwhile.
const RULES: &[(UpdateRule, u64, bool)] = &[
    (UpdateRule::SGD, 3, true),
    (UpdateRule::momentum(0.5, false), 3, true),
    (UpdateRule::momentum(0.5, true), 3, true),
    (UpdateRule::Sgd { momentum: 0.75, dampening: 0.25, nesterov: false }, 3, true),
    (UpdateRule::Lion { beta1: 0.5, beta2: 0.75 }, 3, true),
    // With gradients of 1, 3 and 7 the roots are whole, and the numbers they are added to powers of two.
    (UpdateRule::Adam { beta1: 0.5, beta2: 0.75, epsilon: 1.0 }, 1, false),
    (UpdateRule::AdamW { beta1: 0.5, beta2: 0.75, epsilon: 1.0 }, 1, true),
    (UpdateRule::RmsProp { alpha: 0.75, epsilon: 0.5, rmsprop_momentum: 0.5, centered: false }, 1, false),
    (UpdateRule::RmsProp { alpha: 0.5, epsilon: 0.5, rmsprop_momentum: 0.0, centered: true }, 1, false),
    (UpdateRule::Adagrad { epsilon: 1.0, lr_decay: 1.0 }, 1, false),
];

fn updates(case: &mut Case) -> Result<(), Failure> {
    for (number, &(rule, steps, decays)) in RULES.iter().enumerate() {
        let precision = FORMATS[(number + case.seed() as usize) % FORMATS.len()];
        let update = Update { len: case.one_of(&[1, 2, 3, 7, 1025, 3001]), precision, clips: true };
        let decay = if decays { case.one_of(&[0.0, 0.5]) } else { 0.0 };
        let scale = if precision == Precision::F16 { 64.0 } else { 1.0 };
        let mut start = whole(case, update.len, &[0.0, 1.0, -2.0, 5.0, -9.0]);
        let buffers = Buffers::new(case, update, LossScale::new(scale, 0), &mut start)?;
        let mut parameters = [Array1::from(start).into_dyn()];
        let mut reference = Optimizer::new(rule, &parameters);
        for step in 1..=steps {
            let gradients = whole(case, update.len, &[0.0, -0.0, 1.0, -1.0, 3.0, -3.0, 7.0, -7.0]);
            let scaled: Vec<f32> = gradients.iter().map(|g| *g as f32 * scale).collect();
            buffers.run(case, row(rule, step, [0.125, decay, 0.0]), &scaled)?;
            reference.update(&mut parameters, &[Array1::from(gradients).into_dyn()], 0.125, decay);
        }
        let expected: Vec<f64> = parameters[0].iter().copied().collect();
        let what = format!("{update:?}, {rule:?}, decay {decay}");
        let found = buffers.parameters.read(case)?;
        case.equal(&what, &found, &expected)?;
        // States stand in the order of the rules: those that a rule has none of stay zero.
        let held = buffers.held(case)?;
        if held[1 + rule.states()..].iter().flatten().any(|state| *state != 0.0) {
            return Err(format!("{what}: a state that it does not have was written").into());
        }
    }
    Ok(())
}

fn whole(case: &mut Case, len: usize, of: &[f64]) -> Vec<f64> {
    (0..len).map(|_| case.one_of(of)).collect()
}

/// The first block changes the loss scale for the next step while others still need that of this one: the step is the
/// same as one that leaves the scale alone.
fn change_of_scale(case: &mut Case) -> Result<(), Failure> {
    let update = Update { len: case.between(4000, 6000), precision: Precision::F16, clips: true };
    let rule = case.one_of(UpdateRule::EXAMPLES);
    let clip_norm = case.one_of(&[0.0, 1.0]);
    let start = case.values(update.len);
    let gradients: Vec<f32> = case.values(update.len).iter().map(|g| *g as f32).collect();
    let mut after = |clean: u32, scale: f32| -> Result<Vec<Vec<f64>>, Failure> {
        let buffers = Buffers::new(case, update, LossScale::new(1024.0, clean), &mut start.clone())?;
        buffers.run(case, row(rule, 1, [0.125, 0.0, clip_norm]), &gradients)?;
        let found = buffers.scale(case)?.0;
        match found == scale {
            true => buffers.held(case),
            false => Err(format!("{update:?}: the scale is {found}, not {scale}").into()),
        }
    };
    match after(0, 1024.0)? == after(1999, 2048.0)? {
        true => Ok(()),
        false => Err(format!("{update:?}, {rule:?}: a step that doubles the scale is another one").into()),
    }
}

/// What is added to a norm before the largest one is divided by it shows where the norm is as small.
fn small_norm(case: &mut Case) -> Result<(), Failure> {
    let update = Update { len: case.between(1, 40), precision: Precision::F32, clips: true };
    let place = case.between(0, update.len - 1);
    let mut start = vec![0.0; update.len];
    let buffers = Buffers::new(case, update, LossScale::initial(update.precision), &mut start)?;
    let mut gradients = vec![0f32; update.len];
    gradients[place] = 1e-6;
    buffers.run(case, row(UpdateRule::SGD, 1, [1.0, 0.0, 1e-6]), &gradients)?;
    let mut expected = vec![0.0; update.len];
    expected[place] = -0.5e-6;
    let found = buffers.parameters.read(case)?;
    case.close(&format!("{update:?}, at {place}"), &found, &expected, 1e-6)
}

/// The copy of the weights, of numbers in the middle between two of 16 bits and beside it, and of special ones.
fn rounding(case: &mut Case) -> Result<(), Failure> {
    for precision in [Precision::F16, Precision::Bf16] {
        let kept: i32 = precision.pick(0, 10, 7);
        let mut start = Vec::new();
        for whole in 0..case.between(3, 9) {
            for off in [-0.25, 0.0, 0.25] {
                let number =
                    (1.0 + (f64::from(whole as i32) + 0.5) * f64::exp2(-f64::from(kept))) + off * f64::exp2(-20.0);
                start.extend([number, -number, number * f64::exp2(-12.0), number * f64::exp2(-16.0)]);
            }
        }
        start.extend([0.0, -0.0, 65504.0, 65519.0, 65520.0, 3.3e38, 1e-7, 2e-8, 1e-45]);
        let update = Update { len: start.len(), precision, clips: false };
        let buffers = Buffers::new(case, update, LossScale::initial(precision), &mut start)?;
        buffers.run(case, row(UpdateRule::SGD, 1, [0.0, 0.0, 0.0]), &vec![0f32; update.len])?;
        let stored: &Stored = buffers.weights16.as_ref().expect("16 bits");
        let expected: Vec<f64> = start.iter().map(|&value| rounded(precision, value)).collect();
        let found = stored.read(case)?;
        case.equal(&format!("{precision:?}, updated"), &found, &expected)?;

        start.extend([f64::INFINITY, -f64::INFINITY, f64::NAN]);
        let from = Stored::new(case, Precision::F32, &mut start)?;
        let to = Stored::poisoned(case, precision, start.len())?;
        Cast { len: start.len(), precision }.run(&*case.stream, from.span().cast(), to.span())?;
        let expected: Vec<f64> = start.iter().map(|&value| rounded(precision, value)).collect();
        let found = to.read(case)?;
        case.equal(&format!("{precision:?}, copied"), &found, &expected)?;
    }
    Ok(())
}
