//! `kernels/optimizer.cu`, several updates in a row.

use ndarray::Array1;
use tunefork_graph::UpdateRule;
use tunefork_kernels::launch::loss::{LossScale, Record};
use tunefork_kernels::launch::optimizer::{Cast, Update, Updated};
use tunefork_kernels::{DeviceMemory, Precision, StepRow};
use tunefork_reference::optimizer::{Optimizer, clip};

use crate::stored::FORMATS;
use crate::{Case, Check, Failure, Stored};

pub(super) const CHECKS: &[Check] = &[
    Check { name: "optimizer/updates", run: updates },
    Check { name: "optimizer/spared", run: spared },
    Check { name: "optimizer/one_launch", run: one_launch },
    Check { name: "optimizer/parts", run: parts },
    Check { name: "optimizer/no_images", run: no_images },
    Check { name: "optimizer/loss_scale", run: loss_scale },
    Check { name: "optimizer/nan_without_scale", run: nan_without_scale },
    Check { name: "optimizer/cast", run: cast },
];

/// The buffers of an update, and what it is given.
pub(super) struct Buffers {
    update: Update,
    pub(super) parameters: Stored,
    gradients: Stored,
    states: [Stored; UpdateRule::MOST_STATES],
    norms_and_biases: DeviceMemory,
    parts: Option<DeviceMemory>,
    pub(super) weights16: Option<Stored>,
    workspace: DeviceMemory,
    scale: DeviceMemory,
    records: DeviceMemory,
}

impl Buffers {
    /// Some parameters and, to begin with, states of zeros.
    pub(super) fn new(case: &Case, update: Update, scale: LossScale, parameters: &mut [f64]) -> Result<Self, Failure> {
        let zeros = || Stored::new(case, Precision::F32, &mut vec![0.0; update.len]);
        let weights16 = match update.precision.bytes() {
            2 => Some(Stored::poisoned(case, update.precision, update.len)?),
            _ => None,
        };
        Ok(Self {
            update,
            parameters: Stored::new(case, Precision::F32, parameters)?,
            gradients: zeros()?,
            states: [zeros()?, zeros()?, zeros()?],
            norms_and_biases: DeviceMemory::of(&case.stream, &[0u32; 2])?,
            parts: None,
            weights16,
            workspace: DeviceMemory::new(&case.stream, 4 * update.workspace_len())?,
            scale: DeviceMemory::of(&case.stream, &[scale])?,
            records: DeviceMemory::of(&case.stream, &[Record::default(); 2])?,
        })
    }

    pub(super) fn run(&self, case: &Case, row: StepRow, gradients: &[f32]) -> Result<(), Failure> {
        let stream = &*case.stream;
        self.gradients.span().cast().write(stream, gradients)?;
        let step = DeviceMemory::of(&case.stream, &[row])?;
        // As the loss and who stores gradients leave it.
        let overflowed = u32::from(gradients.iter().any(|gradient| !gradient.is_finite()));
        let before: LossScale = self.scale.all().read(stream)?[0];
        self.scale.all().write(stream, &[LossScale { of_step: before.scale, overflowed, ..before }])?;
        self.update.run(
            stream,
            step.all(),
            self.scale.all(),
            self.gradients.span().cast(),
            self.updated(),
            self.norms_and_biases.all(),
            self.parts.as_ref().map(DeviceMemory::all),
            self.workspace.all(),
            self.records.all(),
        )?;
        Ok(())
    }

    /// What the update changes.
    pub(super) fn updated(&self) -> Updated<'_> {
        Updated {
            parameters: self.parameters.span().cast(),
            states: self.states.each_ref().map(|state| state.span().cast()),
            weights16: self.weights16.as_ref().map(Stored::span),
        }
    }

    /// Parameters and states.
    pub(super) fn held(&self, case: &mut Case) -> Result<Vec<Vec<f64>>, Failure> {
        std::iter::once(&self.parameters).chain(&self.states).map(|stored| stored.read(case)).collect()
    }

    /// The loss scale of the next step, and the clean steps.
    pub(super) fn scale(&self, case: &Case) -> Result<(f32, u32), Failure> {
        let LossScale { scale, clean, .. } = self.scale.all().read(&*case.stream)?[0];
        Ok((scale, clean))
    }
}

/// The row of update number `step`, from 1.
pub(super) fn row(rule: UpdateRule, step: u64, [rate, decay, clip_norm]: [f64; 3]) -> StepRow {
    StepRow { rows: 1, record: 1, clip_norm: clip_norm as f32, ..StepRow::update(rule, rate, decay, step) }
}

/// Every rule against the reference, in a precision that changes with the seed.
fn updates(case: &mut Case) -> Result<(), Failure> {
    for (number, &rule) in UpdateRule::EXAMPLES.iter().enumerate() {
        let precision = FORMATS[(number + case.seed() as usize) % FORMATS.len()];
        let len = case.one_of(&[1, 2, 3, 4, 5, 63, 1023, 1024, 1025, 5003, 9001]);
        three_updates(case, Update { len, precision, clips: true }, rule)?;
    }
    Ok(())
}

/// The change of the parameters, and their copy in 16 bits.
fn three_updates(case: &mut Case, update: Update, rule: UpdateRule) -> Result<(), Failure> {
    let precision = update.precision;
    let scalars = [case.one_of(&[0.125, 0.01]), case.one_of(&[0.0, 0.25]), case.one_of(&[0.0, 0.5, 1e6])];
    let scale = if precision == Precision::F16 { 64.0 } else { 1.0 };
    let mut start = case.values(update.len);
    let buffers = Buffers::new(case, update, LossScale::new(scale, 5), &mut start)?;
    let mut parameters = [Array1::from(start.clone()).into_dyn()];
    let mut reference = Optimizer::new(rule, &parameters);
    for step in 1..=3 {
        let gradients = case.values(update.len);
        let scaled: Vec<f32> = gradients.iter().map(|g| *g as f32 * scale).collect();
        buffers.run(case, row(rule, step, scalars), &scaled)?;
        let mut gradients = [Array1::from(gradients).into_dyn()];
        if scalars[2] > 0.0 {
            clip(&mut gradients, scalars[2]);
        }
        reference.update(&mut parameters, &gradients, scalars[0], scalars[1]);
    }
    let what = format!("{update:?}, {rule:?}, {scalars:?}");
    let found = buffers.parameters.read(case)?;
    // What the updates added, to 1e-5, but that each update rounds the parameters.
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let moved = norm(&mut parameters[0].iter().zip(&start).map(|(p, s)| p - s));
    let error = norm(&mut parameters[0].iter().zip(&found).map(|(p, f)| p - f));
    let rounding = 3.0 * f64::from(f32::EPSILON) * norm(&mut start.iter().copied());
    if error.is_nan() || error > 1e-5 * moved + rounding {
        return Err(format!("{what}: off by {error}, moved by {moved}").into());
    }
    if let Some(weights16) = &buffers.weights16 {
        let stored = weights16.read(case)?;
        let mut expected = found;
        Stored::new(case, precision, &mut expected)?;
        if stored != expected {
            return Err(format!("{what}: the copy is not the parameters rounded").into());
        }
    }
    for state in &buffers.states {
        state.read(case)?;
    }
    let after = buffers.scale(case)?;
    let clean = if precision == Precision::F16 { 8 } else { 5 };
    if after != (scale, clean) {
        return Err(format!("{what}: {after:?}").into());
    }
    Ok(())
}

/// Where nothing clips, the sums of squares change no bit.
fn one_launch(case: &mut Case) -> Result<(), Failure> {
    for precision in FORMATS {
        let update = Update { len: case.between(1, 3000), precision, clips: false };
        let rule = case.one_of(UpdateRule::EXAMPLES);
        let (start, gradients) = (case.values(update.len), case.values(update.len));
        let gradients: Vec<f32> = gradients.iter().map(|g| *g as f32).collect();
        let mut updated = |clips: bool| -> Result<Vec<Vec<f64>>, Failure> {
            let update = Update { clips, ..update };
            let buffers = Buffers::new(case, update, LossScale::initial(precision), &mut start.clone())?;
            buffers.run(case, row(rule, 1, [0.125, 0.5, 0.0]), &gradients)?;
            buffers.held(case)
        };
        if updated(false)? != updated(true)? {
            return Err(format!("{update:?}, {rule:?}: other bits with the sums of squares").into());
        }
    }
    Ok(())
}

/// What layers have updated is left alone, and all else is what it is without them.
fn parts(case: &mut Case) -> Result<(), Failure> {
    for precision in [Precision::F32, Precision::Bf16] {
        let update = Update { len: case.between(16, 6000), precision, clips: false };
        let rule = case.one_of(UpdateRule::EXAMPLES);
        let (start, gradients) = (case.values(update.len), case.values(update.len));
        let gradients: Vec<f32> = gradients.iter().map(|g| *g as f32).collect();
        let mut bounds: Vec<usize> = (0..4).map(|_| 16 * case.between(0, update.len / 16)).collect();
        bounds.sort_unstable();
        // The gap behind a parameter is nobody's.
        let applied = [bounds[0]..bounds[1], bounds[2]..bounds[3].saturating_sub(case.between(0, 3)).max(bounds[2])];
        let parts = update.parts(&applied);
        let mut held = |parts: &[u32]| -> Result<Vec<Vec<f64>>, Failure> {
            let mut buffers = Buffers::new(case, update, LossScale::initial(precision), &mut start.clone())?;
            let before = buffers.held(case)?;
            buffers.parts = if parts.is_empty() { None } else { Some(DeviceMemory::of(&case.stream, parts)?) };
            buffers.run(case, row(rule, 1, [0.125, 0.5, 0.0]), &gradients)?;
            Ok([before, buffers.held(case)?].concat())
        };
        let (all, left) = (held(&[])?, held(&parts)?);
        let (before, after) = all.split_at(all.len() / 2);
        let is_applied =
            |at: usize| applied.iter().any(|range| (range.start..range.end.next_multiple_of(16)).contains(&at));
        for (number, found) in left[before.len()..].iter().enumerate() {
            for (at, found) in found.iter().enumerate() {
                let expected = if is_applied(at) { before[number][at] } else { after[number][at] };
                if *found != expected && !parts.is_empty() {
                    return Err(format!("{update:?}, {applied:?}: {found} at {at}, expected {expected}").into());
                }
            }
        }
    }
    Ok(())
}

/// A step without images changes nothing, whatever lies in the gradients.
fn no_images(case: &mut Case) -> Result<(), Failure> {
    for precision in FORMATS {
        let update = Update { len: case.between(1, 3000), precision, clips: case.one_of(&[false, true]) };
        let rule = case.one_of(UpdateRule::EXAMPLES);
        let before = LossScale::new(64.0, 1999);
        let mut start = case.values(update.len);
        let buffers = Buffers::new(case, update, before, &mut start)?;
        let held = buffers.held(case)?;
        let row = StepRow { rows: 0, ..row(rule, 1, [0.125, 0.5, 1.0]) };
        buffers.run(case, row, &vec![f32::NAN; update.len])?;
        if buffers.held(case)? != held || buffers.scale(case)? != (before.scale, before.clean) {
            return Err(format!("{update:?}, {rule:?}: a step without images changed something").into());
        }
    }
    Ok(())
}

/// Weight decay leaves out the parameters of one axis, wherever they lie, and only where the row says so.
fn spared(case: &mut Case) -> Result<(), Failure> {
    let update = Update { len: case.between(1, 3000), precision: Precision::F32, clips: false };
    let rule = case.one_of(UpdateRule::EXAMPLES);
    let (start, gradients) = (case.values(update.len), case.values(update.len));
    let gradients: Vec<f32> = gradients.iter().map(|g| *g as f32).collect();
    let mut bounds: Vec<u32> = (0..case.between(2, 12)).map(|_| 16 * case.between(0, update.len / 16) as u32).collect();
    bounds.sort_unstable();
    bounds.truncate(bounds.len() / 2 * 2);
    let mut updated = |decay: f64, spares: bool| -> Result<Vec<f64>, Failure> {
        let mut buffers = Buffers::new(case, update, LossScale::initial(update.precision), &mut start.clone())?;
        buffers.norms_and_biases = DeviceMemory::of(&case.stream, &bounds)?;
        let row = StepRow { spares_norms_and_biases: u32::from(spares), ..row(rule, 1, [0.125, decay, 0.0]) };
        buffers.run(case, row, &gradients)?;
        buffers.parameters.read(case)
    };
    let (plain, decayed, spared) = (updated(0.0, false)?, updated(0.5, false)?, updated(0.5, true)?);
    let is_spared = |at: usize| bounds.chunks(2).any(|range| (range[0]..range[1]).contains(&(at as u32)));
    for (at, found) in spared.iter().enumerate() {
        let expected = if is_spared(at) { plain[at] } else { decayed[at] };
        if *found != expected {
            return Err(format!("{update:?}, {rule:?}, {bounds:?}: {found} at {at}, expected {expected}").into());
        }
    }
    Ok(())
}

/// In f16 a gradient that is not finite changes nothing but the scale, which halves down to a limit; 2000
/// clean steps double it, up to another.
fn loss_scale(case: &mut Case) -> Result<(), Failure> {
    let update =
        Update { len: case.one_of(&[1, 7, 1030, 4100]), precision: Precision::F16, clips: case.one_of(&[false, true]) };
    let rule = case.one_of(UpdateRule::EXAMPLES);
    let clip_norm = if update.clips { case.one_of(&[0.0, 1.0]) } else { 0.0 };
    let before = LossScale::new(1024.0, 1998);
    let mut start = case.values(update.len);
    let buffers = Buffers::new(case, update, before, &mut start)?;
    let mut gradients: Vec<f32> = case.values(update.len).iter().map(|g| *g as f32).collect();
    let row = |step| row(rule, step, [0.125, 0.0, clip_norm]);
    let place = case.between(0, update.len - 1);
    let good = gradients[place];

    let expect = |case: &Case, scale: f32, clean: u32, skipped: u32| -> Result<(), Failure> {
        let after = buffers.scale(case)?;
        let records: Vec<Record> = buffers.records.all().read(&*case.stream)?;
        if after != (scale, clean) || records[1].skipped != skipped || records[0] != Record::default() {
            return Err(format!("{update:?}: {after:?}, expected {scale}, {clean}; {records:?}").into());
        }
        Ok(())
    };
    buffers.run(case, row(1), &gradients)?;
    expect(case, 1024.0, 1999, 0)?;
    let held = buffers.held(case)?;
    let copy = buffers.weights16.as_ref().expect("16 bits").read(case)?;
    let bad = case.one_of(&[f32::INFINITY, f32::NEG_INFINITY, f32::NAN]);
    gradients[place] = bad;
    buffers.run(case, row(2), &gradients)?;
    expect(case, 512.0, 0, 1)?;
    let after = buffers.held(case)?;
    if held != after || copy != buffers.weights16.as_ref().expect("16 bits").read(case)? {
        return Err(format!("{update:?}: a skipped step changed something").into());
    }

    buffers.records.all().write(&*case.stream, &[Record::default(); 2])?;
    gradients[place] = good;
    for (scale, doubled) in [(512.0, 1024.0), (65536.0, 65536.0)] {
        buffers.scale.all().write(&*case.stream, &[LossScale::new(scale, 1999)])?;
        buffers.run(case, row(3), &gradients)?;
        expect(case, doubled, 0, 0)?;
    }
    gradients[place] = bad;
    let least = LossScale::new(f32::exp2(-14.0), 3);
    buffers.scale.all().write(&*case.stream, &[least])?;
    buffers.run(case, row(4), &gradients)?;
    expect(case, least.scale, 0, 1)
}

/// Without a loss scale NaN reaches the parameters: with clipping all of them, without only its own.
fn nan_without_scale(case: &mut Case) -> Result<(), Failure> {
    for precision in [Precision::F32, Precision::Bf16] {
        let clip_norm = case.one_of(&[0.0, 1.0]);
        let update = Update { len: case.between(1, 1100), precision, clips: clip_norm > 0.0 };
        let rule = case.one_of(UpdateRule::EXAMPLES);
        let scale = LossScale::initial(precision);
        let mut start = case.values(update.len);
        let buffers = Buffers::new(case, update, scale, &mut start)?;
        let place = case.between(0, update.len - 1);
        let mut gradients: Vec<f32> = case.values(update.len).iter().map(|g| *g as f32).collect();
        gradients[place] = f32::NAN;
        buffers.run(case, row(rule, 1, [0.125, 0.0, clip_norm]), &gradients)?;
        let found = buffers.parameters.read(case)?;
        let right = (0..).zip(&found).all(|(at, p)| p.is_nan() == (at == place || clip_norm > 0.0));
        if !right || buffers.scale(case)? != (scale.scale, scale.clean) {
            return Err(format!("{update:?}, {rule:?}, clip {clip_norm}, NaN at {place}: {found:?}").into());
        }
    }
    Ok(())
}

fn cast(case: &mut Case) -> Result<(), Failure> {
    for precision in [Precision::F16, Precision::Bf16] {
        let len = case.between(1, 3000);
        let mut values = case.values(len);
        let from = Stored::new(case, Precision::F32, &mut values)?;
        let to = Stored::poisoned(case, precision, len)?;
        Cast { len, precision }.run(&*case.stream, from.span().cast(), to.span())?;
        Stored::new(case, precision, &mut values)?;
        if to.read(case)? != values {
            return Err(format!("{len} values to {precision:?}").into());
        }
    }
    Ok(())
}
