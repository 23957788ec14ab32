//! Step by step through a planned program, in an arena of the planned size.

mod block;

use std::ops::AddAssign;

use ndarray::{Array1, IxDyn};
use tunefork_graph::{
    Buffer, Dense, DenseBackward, DenseForward, Gradient, GroupNorm, GroupNormBackward, GroupNormForward, Image, Loss,
    ParameterId, Plan, Program, Step,
};

use crate::ops::{activation, bias_gradient, dense, dropout, group_norm, loss, norm, pool};
use crate::state::expect_len;
use crate::{Batch, Mode, ReferenceError, Running, Settings, State, Tensor};

/// What a program leaves behind.
#[derive(Clone, Debug)]
pub struct Report {
    /// Mean loss of the rows, weighted by class.
    pub loss: f64,
    /// Rows whose largest logit is at their label.
    pub correct: usize,
    /// The logits, `[N, 1, 1, classes]`.
    pub logits: Tensor,
    /// In training the gradient of each parameter; in evaluation zeros.
    pub gradients: Vec<Tensor>,
    /// The running statistics after the batch; unchanged by an evaluation.
    pub running: Vec<Running>,
}

/// Runs the training or the evaluation program of a plan once, without updating parameters.
///
/// The arena starts full of NaN, and so do all rows behind the batch's: a step that reads what no
/// step has written shows in the result.
///
/// # Errors
/// If state, batch or settings do not fit the plan, or a batch norm has a single value to train with.
pub fn run_program(
    plan: &Plan,
    mode: Mode,
    state: &State,
    batch: &Batch,
    settings: &Settings,
) -> Result<Report, ReferenceError> {
    let program = match mode {
        Mode::Training => &plan.training,
        Mode::Evaluation => &plan.evaluation,
    };
    check(plan, program, state, batch, settings)?;
    let mut machine = Machine {
        mode,
        state,
        batch,
        settings,
        names: plan.slab.norms.iter().map(|norm| norm.name.as_str()).collect(),
        arena: vec![f64::NAN; program.arena_len],
        report: Report {
            loss: f64::NAN,
            correct: 0,
            logits: Tensor::zeros(IxDyn(&[0])),
            gradients: state.parameters.iter().map(|p| Tensor::zeros(p.raw_dim())).collect(),
            running: state.running.clone(),
        },
    };
    machine.write(program.input, batch.images());
    for step in &program.steps {
        machine.step(step)?;
    }
    Ok(machine.report)
}

fn check(
    plan: &Plan,
    program: &Program,
    state: &State,
    batch: &Batch,
    settings: &Settings,
) -> Result<(), ReferenceError> {
    expect_len("the list of parameters", state.parameters.len(), plan.slab.parameters.len())?;
    for (tensor, slot) in state.parameters.iter().zip(&plan.slab.parameters) {
        expect_len(&slot.name, tensor.len(), slot.len)?;
    }
    expect_len("the list of running statistics", state.running.len(), plan.slab.norms.len())?;
    expect_len("the batch", batch.images().len(), batch.rows() * plan.image.elements())?;
    settings.check(plan.dropouts)?;
    batch.check(program.batch, plan.classes)
}

struct Machine<'a> {
    mode: Mode,
    state: &'a State,
    batch: &'a Batch,
    settings: &'a Settings,
    names: Vec<&'a str>,
    arena: Vec<f64>,
    report: Report,
}

impl Machine<'_> {
    fn step(&mut self, step: &Step) -> Result<(), ReferenceError> {
        match step {
            Step::BlockForward(s) => self.block_forward(s)?,
            Step::BlockBackward(s) => self.block_backward(s),
            Step::DenseForward(s) => self.dense_forward(s)?,
            Step::DenseBackward(s) => self.dense_backward(s),
            Step::GroupNormForward(s) => self.group_norm_forward(s),
            Step::GroupNormBackward(s) => self.group_norm_backward(s),
            Step::GlobalAverageForward(s) => {
                let y = pool::global_average(&self.read(s.input, s.image));
                self.write(s.output, &y);
            }
            Step::GlobalAverageBackward(s) => {
                let dy = self.read(s.output_gradient, features(s.image.channels));
                self.write_gradient(s.input_gradient, &pool::global_average_gradient(size(s.image), &dy));
            }
            Step::DropoutForward(s) => {
                let y = dropout::forward(self.mode, self.settings, s.layer, &self.read(s.input, s.image))?;
                self.write(s.output, &y);
            }
            Step::DropoutBackward(s) => {
                let dx = dropout::forward(self.mode, self.settings, s.layer, &self.read(s.output_gradient, s.image))?;
                self.write_gradient(s.input_gradient, &dx);
            }
            Step::Loss(s) => self.loss(s),
        }
        Ok(())
    }

    fn dense_forward(&mut self, s: &DenseForward) -> Result<(), ReferenceError> {
        let Dense { inputs, weights, bias, .. } = *s.dense;
        let x = self.read(s.input, features(inputs));
        let mut y = dense::forward(&x, self.parameter(weights), bias.map(|bias| self.parameter(bias)));
        if let Some(activation) = s.dense.activation {
            y = activation::forward(activation, &y);
        }
        if let Some(layer) = s.dense.dropout {
            y = dropout::forward(self.mode, self.settings, layer, &y)?;
        }
        self.write(s.output, &y);
        Ok(())
    }

    fn dense_backward(&mut self, s: &DenseBackward) {
        let Dense { inputs, outputs, weights, bias, .. } = *s.dense;
        let x = self.read(s.input, features(inputs));
        let mut gradient = self.read(s.output_gradient, features(outputs));
        let mut scale = 1.0;
        if let Some(layer) = s.dense.dropout {
            gradient = dropout::forward(self.mode, self.settings, layer, &gradient)
                .expect("the forward step has checked the mask");
            scale = tunefork_graph::dropout::scale(self.settings.dropout[layer]);
        }
        if let Some((activation, output)) = s.dense.activation.zip(s.output) {
            // Dropped values come back as 0, where the gradient is 0 as well.
            let before_dropout = |y: f64| if scale > 0.0 { y / scale } else { 0.0 };
            let values = self.read(output, features(outputs)).mapv(before_dropout);
            gradient = activation::gradient(activation, &values, &gradient);
        }
        self.report.gradients[weights.index()] = dense::weight_gradient(&x, &gradient);
        if let Some(bias) = bias {
            self.report.gradients[bias.index()] = bias_gradient(&gradient);
        }
        if let Some(to) = s.input_gradient {
            let dx = dense::input_gradient(self.parameter(weights), &gradient);
            self.write_gradient(to, &dx);
        }
    }

    fn group_norm_forward(&mut self, s: &GroupNormForward) {
        let GroupNorm { image, groups, scale, shift, .. } = *s.norm;
        let x = self.read(s.input, image);
        let statistics = group_norm::statistics(&x, groups);
        let y = group_norm::forward(&x, self.parameter(scale), self.parameter(shift), &statistics);
        self.write(s.output, &y);
        self.write(s.statistics, &statistics);
    }

    fn group_norm_backward(&mut self, s: &GroupNormBackward) {
        let GroupNorm { image, groups, scale, shift, .. } = *s.norm;
        let (x, gradient) = (self.read(s.input, image), self.read(s.output_gradient, image));
        let statistics = self.read(s.statistics, Image { height: 2, width: groups, channels: 1 });
        self.report.gradients[scale.index()] = group_norm::scale_gradient(&x, &gradient, &statistics);
        self.report.gradients[shift.index()] = bias_gradient(&gradient);
        if let Some(to) = s.input_gradient {
            let dx = group_norm::input_gradient(&x, self.parameter(scale), &gradient, &statistics);
            self.write_gradient(to, &dx);
        }
    }

    fn loss(&mut self, s: &Loss) {
        let (labels, settings) = (&self.batch.labels, self.settings);
        let logits = self.read(s.logits, features(s.classes));
        self.report.loss = loss::forward(&logits, labels, settings).sum();
        self.report.correct = loss::correct(&logits, labels);
        if let Some(to) = s.gradient {
            let gradient = loss::gradient(&logits, labels, settings);
            self.write(to, &gradient);
        }
        self.report.logits = logits;
    }

    fn parameter(&self, id: ParameterId) -> &Tensor {
        &self.state.parameters[id.index()]
    }

    fn read(&self, buffer: Buffer, image: Image) -> Tensor {
        let shape = [self.batch.rows(), image.height, image.width, image.channels];
        let values = self.arena[buffer.range()][..shape.iter().product()].to_vec();
        Tensor::from_shape_vec(IxDyn(&shape), values).expect("as many values as the shape has")
    }

    fn write(&mut self, buffer: Buffer, values: &Tensor) {
        let room = &mut self.arena[buffer.range()];
        room.fill(f64::NAN);
        room.iter_mut().zip(values).for_each(|(to, &value)| *to = value);
    }

    fn write_gradient(&mut self, gradient: Gradient, values: &Tensor) {
        match gradient.accumulate {
            true => self.arena[gradient.to.range()].iter_mut().zip(values).for_each(|(to, value)| to.add_assign(value)),
            false => self.write(gradient.to, values),
        }
    }

    /// Mean and 1 / sqrt(var + eps), as an engine keeps them.
    fn write_statistics(&mut self, buffer: Buffer, statistics: &Running) {
        let rstd = norm::rstd(statistics);
        let values = statistics.mean.iter().chain(&rstd).copied().collect();
        self.write(buffer, &Array1::from_vec(values).into_dyn());
    }

    fn read_statistics(&self, buffer: Buffer, channels: usize) -> Running {
        let (mean, rstd) = self.arena[buffer.range()].split_at(channels);
        let variance = |&rstd: &f64| 1.0 / (rstd * rstd) - tunefork_graph::BatchNorm::EPSILON;
        Running { mean: mean.to_vec().into(), variance: rstd.iter().map(variance).collect() }
    }
}

fn features(channels: usize) -> Image {
    Image { height: 1, width: 1, channels }
}

fn size(image: Image) -> [usize; 2] {
    [image.height, image.width]
}
