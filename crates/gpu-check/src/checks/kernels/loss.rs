//! `kernels/loss.cu`.

use tunefork_graph::{Graph, differentiate};
use tunefork_kernels::launch::loss::{Loss, LossScale, Record};
use tunefork_kernels::{DeviceMemory, Precision, StepRow};
use tunefork_reference::{Batch, Mode, Settings, State, run};

use crate::stored::FORMATS;
use crate::{Case, Check, Failure, Stored};

pub(super) const CHECKS: &[Check] = &[
    Check { name: "loss/value_and_gradient", run: value_and_gradient },
    Check { name: "loss/ties", run: ties },
    Check { name: "loss/nan", run: nan },
];

/// What a launch is given beside the logits: the batch is images `indices[first..]`.
struct Input {
    loss: Loss,
    rows: usize,
    /// Labels of the real rows.
    labels: Vec<u16>,
    smoothing: f64,
    mixing: f64,
    class_weights: Vec<f64>,
    scale: f32,
    /// The gradient's place: none, its own, or the logits'.
    gradient: Option<bool>,
}

impl Input {
    fn draw(case: &mut Case, precision: Precision) -> Self {
        let batch = case.one_of(&[1, 2, 3, 5, 31, 40]);
        let classes = case.one_of(&[1, 2, 5, 10, 31, 32, 33, 67, 200]);
        let rows = case.between(1, batch);
        Self {
            loss: Loss { batch, classes, precision },
            rows,
            labels: (0..rows).map(|_| case.between(0, classes - 1) as u16).collect(),
            smoothing: case.one_of(&[0.0, 0.125, 1.0]),
            mixing: case.one_of(&[0.0, 0.0, 0.25, 0.5]),
            class_weights: match case.one_of(&[false, true]) {
                false => vec![1.0; classes],
                true => (0..classes).map(|_| case.between(1, 9) as f64 / 4.0).collect(),
            },
            scale: if precision == Precision::F16 { 256.0 } else { 1.0 },
            gradient: case.one_of(&[None, Some(false), Some(true)]),
        }
    }

    /// The record, and the values of the gradient's rows.
    fn run(&self, case: &mut Case, logits: &mut [f64]) -> Result<(Record, Option<Vec<f64>>), Failure> {
        let len = self.loss.batch * self.loss.classes;
        // The images of the batch lie backwards in the data set, behind one that is not in it.
        let (first, images) = (3, self.loss.batch + 1);
        let indices: Vec<u32> = (0..first + self.rows)
            .map(|place| (images - 1).saturating_sub(place.saturating_sub(first)) as u32)
            .collect();
        let mut labels = vec![u16::MAX; images];
        for (row, label) in self.labels.iter().enumerate() {
            labels[indices[first + row] as usize] = *label;
        }
        let row = StepRow {
            rows: self.rows as u32,
            first: first as u32,
            record: 1,
            label_smoothing: self.smoothing as f32,
            mixing: self.mixing as f32,
            ..bytemuck::Zeroable::zeroed()
        };
        let before = LossScale { scale: self.scale, clean: 5, of_step: 3.0, overflowed: 1 };
        let row = DeviceMemory::of(&case.stream, &[row])?;
        let scale = DeviceMemory::of(&case.stream, &[before])?;
        let on_indices = DeviceMemory::of(&case.stream, &indices)?;
        let on_labels = DeviceMemory::of(&case.stream, &labels)?;
        let weights: Vec<f32> = self.class_weights.iter().map(|&w| w as f32).collect();
        let weights = DeviceMemory::of(&case.stream, &weights)?;
        let untouched = Record { loss_sum: 1.0, correct: 2, skipped: 3 };
        let records = DeviceMemory::of(&case.stream, &[untouched; 3])?;
        let on_logits = Stored::new(case, self.loss.precision, logits)?;
        let other = Stored::poisoned(case, self.loss.precision, len)?;
        let gradient = match self.gradient {
            Some(true) => Some(&on_logits),
            Some(false) => Some(&other),
            None => None,
        };
        self.loss.run(
            &*case.stream,
            row.all(),
            scale.all(),
            on_logits.span(),
            on_indices.all(),
            on_labels.all(),
            weights.all(),
            gradient.map(Stored::span),
            records.all(),
        )?;
        let records: Vec<Record> = records.all().read(&*case.stream)?;
        case.digest(bytemuck::cast_slice(&records));
        if records[0] != untouched || records[2] != untouched || records[1].skipped != 0 {
            return Err(format!("records: {records:?}").into());
        }
        let after = match gradient {
            Some(_) => LossScale { of_step: self.scale, overflowed: 0, ..before },
            None => before,
        };
        let found: Vec<LossScale> = scale.all().read(&*case.stream)?;
        if found != [after] {
            return Err(format!("loss scale: {found:?}, expected {after:?}").into());
        }
        let values = match gradient {
            Some(gradient) => Some(gradient.read(case)?[..self.rows * self.loss.classes].to_vec()),
            None => None,
        };
        Ok((records[1], values))
    }
}

/// Against the reference: the logits pass through a dense layer whose weights are the identity.
fn value_and_gradient(case: &mut Case) -> Result<(), Failure> {
    for precision in FORMATS {
        let input = Input::draw(case, precision);
        let Loss { batch, classes, .. } = input.loss;
        let wide = precision.pick(case.one_of(&[1.0, 30.0]), 1.0, 1.0);
        let mut logits = case.values(batch * classes);
        logits.iter_mut().for_each(|logit| *logit *= wide);
        logits[input.rows * classes..].fill(f64::NAN);
        let (record, gradient) = input.run(case, &mut logits)?;

        let mut graph = Graph::new(batch, [1, 1, classes])?;
        let x = graph.flatten(graph.input())?;
        let x = graph.dense(x, "logits", classes, false)?;
        graph.softmax_cross_entropy(x, classes)?;
        let all = differentiate(&graph)?;
        let mut state = State::new(all.graph());
        for c in 0..classes {
            state.parameters[0][[c, c]] = 1.0;
        }
        logits.truncate(input.rows * classes);
        let batch = Batch::new(all.graph(), logits, input.labels.clone())?;
        let settings = Settings {
            smoothing: input.smoothing,
            mixing: input.mixing,
            class_weights: input.class_weights.clone(),
            ..Settings::default()
        };
        let expected = run(all.graph(), &state, &batch, Mode::Training, &settings)?;

        let what = format!(
            "{:?}, {} rows, width {wide}, mixing {}, weights {:?}",
            input.loss, input.rows, input.mixing, input.class_weights
        );
        if record.correct as usize != expected.correct {
            return Err(format!("{what}: {} correct, not {}", record.correct, expected.correct).into());
        }
        let sum = expected.loss * input.rows as f64;
        // The loss of a sure image is a small difference of numbers around 1.
        let limit = 1e-6 * sum.abs().max(input.rows as f64);
        if (record.loss_sum - sum).abs() > limit {
            return Err(format!("{what}: loss {}, expected {sum}", record.loss_sum).into());
        }
        let Some(gradient) = gradient else { continue };
        let node = all.gradient(x).expect("the loss depends on it");
        // Of sure images the probabilities are compared, times what they are times: their gradients are
        // small differences too.
        let weight = |c: usize| input.class_weights[c];
        let is = |row: usize, c: usize| f64::from(u8::from(usize::from(input.labels[row % input.rows]) == c));
        let target = |e: usize| {
            let (row, c) = (e / classes, e % classes);
            let own = (1.0 - input.mixing) * is(row, c) + input.mixing * is(row + 1, c);
            weight(c) * (input.smoothing / classes as f64 + (1.0 - input.smoothing) * own)
        };
        let all: f64 = input.labels.iter().map(|label| weight(usize::from(*label))).sum();
        let factor = all / f64::from(input.scale);
        let probability = |e: usize, g: f64| {
            if wide == 1.0 { g } else { g * factor + target(e) }
        };
        let gradient: Vec<f64> = (0..).zip(gradient).map(|(e, g)| probability(e, g)).collect();
        let expected: Vec<f64> =
            (0..).zip(expected.value(node)).map(|(e, g)| probability(e, g * f64::from(input.scale))).collect();
        let limit = match precision {
            Precision::F32 | Precision::Tf32 => 2e-6,
            Precision::F16 => 5e-4,
            Precision::Bf16 => 4e-3,
        };
        case.compare(&format!("{what}: gradient"), &gradient, &expected, precision, limit)?;
    }
    Ok(())
}

/// Of several largest logits the first is the answer, wherever in the warp they lie.
fn ties(case: &mut Case) -> Result<(), Failure> {
    let input = Input {
        labels: vec![0; 5],
        rows: 5,
        class_weights: vec![1.0; 77],
        gradient: None,
        loss: Loss { batch: 5, classes: 77, precision: Precision::F32 },
        ..Input::draw(case, Precision::F32)
    };
    let classes = input.loss.classes;
    let mut logits = case.values(input.rows * classes);
    let (mut labels, mut right) = (Vec::new(), 0);
    for logits in logits.chunks_mut(classes) {
        let places = [(); 3].map(|()| case.between(0, classes - 1));
        places.iter().for_each(|place| logits[*place] = 1.0);
        let label = case.one_of(&places);
        right += u32::from(Some(&label) == places.iter().min());
        labels.push(label as u16);
    }
    let input = Input { labels, ..input };
    let (record, _) = input.run(case, &mut logits)?;
    match record.correct == right {
        true => Ok(()),
        false => Err(format!("{} correct, not {right}", record.correct).into()),
    }
}

/// A logit that is no number makes the loss none, and the gradient of its row, but of no other row.
fn nan(case: &mut Case) -> Result<(), Failure> {
    for wrong in [f64::NAN, f64::INFINITY] {
        let input = Input { gradient: Some(true), ..Input::draw(case, Precision::F32) };
        let classes = input.loss.classes;
        let mut logits = case.values(input.loss.batch * classes);
        let place = case.between(0, input.rows * classes - 1);
        logits[place] = wrong;
        let (record, gradient) = input.run(case, &mut logits)?;
        if !record.loss_sum.is_nan() {
            return Err(format!("{wrong} among the logits, loss {}", record.loss_sum).into());
        }
        for (row, gradient) in gradient.expect("asked for").chunks(classes).enumerate() {
            let nan = gradient.iter().any(|g| g.is_nan());
            if nan != (row == place / classes) {
                return Err(format!("{wrong} in row {}: row {row} is {gradient:?}", place / classes).into());
            }
        }
    }
    Ok(())
}
