//! The group that carries convolutional networks, forward and backward.

use tunefork_graph::{Block, BlockBackward, BlockForward, Image, NormPart, Pool, PoolKind, Shortcut, Window};

use super::{Machine, size};
use crate::ops::{activation, bias_gradient, conv, norm, pool};
use crate::{Mode, ReferenceError, Running, Tensor};

impl Machine<'_> {
    pub(super) fn block_forward(&mut self, s: &BlockForward) -> Result<(), ReferenceError> {
        let block = &*s.block;
        let x = self.read(s.input, block.input);
        let r = s.shortcut_input.map(|r| self.read(r, shortcut_image(block)));
        let y = match block.conv {
            Some(part) => {
                let bias = part.bias.map(|bias| self.parameter(bias));
                conv::forward(part.window, &x, self.parameter(part.weights), bias)
            }
            None => x,
        };
        let statistics = match block.norm {
            Some(part) => Some(self.statistics(part, &y)?),
            None => None,
        };
        let values = activated(block, self.before_activation(block, &y, statistics.as_ref(), r.as_ref()));
        if let Some(saved) = s.saved.filter(|_| !block.saves_output()) {
            self.write(saved, &y);
        }
        if let Some((buffer, statistics)) = s.statistics.zip(statistics) {
            self.write_statistics(buffer, &statistics);
        }
        let output = match block.pool {
            Some(Pool { kind: PoolKind::Max, window }) => pool::max(window, &values),
            Some(Pool { kind: PoolKind::Average, window }) => pool::average(window, &values),
            None => values,
        };
        self.write(s.output, &output);
        Ok(())
    }

    /// norm(y) + shortcut(r).
    fn before_activation(&self, block: &Block, y: &Tensor, statistics: Option<&Running>, r: Option<&Tensor>) -> Tensor {
        let mut values = match (block.norm, statistics) {
            (Some(part), Some(statistics)) => {
                norm::forward(y, self.parameter(part.scale), self.parameter(part.shift), statistics)
            }
            _ => y.clone(),
        };
        match (block.shortcut, r) {
            (Shortcut::Identity, Some(r)) => values += r,
            (Shortcut::Projected { weights, stride, .. }, Some(r)) => {
                values += &conv::forward(projection(stride), r, self.parameter(weights), None);
            }
            (Shortcut::None | Shortcut::Identity | Shortcut::Projected { .. }, _) => {}
        }
        values
    }

    fn statistics(&mut self, part: NormPart, y: &Tensor) -> Result<Running, ReferenceError> {
        let id = part.norm.index();
        let running = &self.state.running[id];
        if self.mode == Mode::Evaluation {
            return Ok(running.clone());
        }
        let values = y.len() / running.mean.len();
        if values == 1 {
            return Err(ReferenceError::SingleValue { name: self.names[id].to_owned() });
        }
        let statistics = norm::statistics(y);
        self.report.running[id] = norm::update(running, &statistics, values);
        Ok(statistics)
    }

    pub(super) fn block_backward(&mut self, s: &BlockBackward) {
        let block = &*s.block;
        let mut gradient = self.read(s.output_gradient, block.output);
        let x = s.input.map(|x| self.read(x, block.input));
        let r = s.shortcut_input.map(|r| self.read(r, shortcut_image(block)));
        let saved = s.saved.map(|saved| self.read(saved, block.convolved));
        let statistics = s.statistics.map(|buffer| self.read_statistics(buffer, block.convolved.channels));

        let before = saved.as_ref().filter(|_| !block.saves_output());
        let before = before.map(|y| self.before_activation(block, y, statistics.as_ref(), r.as_ref()));
        let values = before.clone().map(|before| activated(block, before)).or_else(|| saved.clone());
        let values = || values.as_ref().expect("the plan keeps what the gradients need");
        gradient = match block.pool {
            Some(Pool { kind: PoolKind::Max, window }) => pool::max_gradient(window, values(), &gradient),
            Some(Pool { kind: PoolKind::Average, window }) => {
                pool::average_gradient(window, size(block.convolved), &gradient)
            }
            None => gradient,
        };
        if let Some(activation) = block.activation {
            let given = match activation.derivative_follows_from_result() {
                true => values(),
                false => before.as_ref().expect("such a block keeps what stands before its activation"),
            };
            gradient = activation::gradient(activation, given, &gradient);
        }
        let shortcut_gradient = self.shortcut_gradient(block, r.as_ref(), &gradient);
        if let (Some(part), Some(y), Some(statistics)) = (block.norm, &saved, &statistics) {
            self.report.gradients[part.shift.index()] = bias_gradient(&gradient);
            self.report.gradients[part.scale.index()] = norm::scale_gradient(y, &gradient, statistics);
            gradient = norm::input_gradient(y, self.parameter(part.scale), &gradient, statistics);
        }
        if let (Some(part), Some(x)) = (block.conv, &x) {
            self.report.gradients[part.weights.index()] = conv::weight_gradient(part.window, x, &gradient);
            if let Some(bias) = part.bias {
                self.report.gradients[bias.index()] = bias_gradient(&gradient);
            }
            gradient = conv::input_gradient(part.window, size(block.input), self.parameter(part.weights), &gradient);
        }
        s.input_gradient.inspect(|&to| self.write_gradient(to, &gradient));
        s.shortcut_gradient.inspect(|&to| self.write_gradient(to, &shortcut_gradient));
    }

    /// The gradient of r, and of a projection's weights.
    fn shortcut_gradient(&mut self, block: &Block, r: Option<&Tensor>, gradient: &Tensor) -> Tensor {
        match (block.shortcut, r) {
            (Shortcut::Projected { weights, stride, input }, Some(r)) => {
                let window = projection(stride);
                self.report.gradients[weights.index()] = conv::weight_gradient(window, r, gradient);
                conv::input_gradient(window, size(input), self.parameter(weights), gradient)
            }
            (Shortcut::None | Shortcut::Identity | Shortcut::Projected { .. }, _) => gradient.clone(),
        }
    }
}

/// activation(values).
fn activated(block: &Block, values: Tensor) -> Tensor {
    match block.activation {
        Some(activation) => activation::forward(activation, &values),
        None => values,
    }
}

fn projection(stride: usize) -> Window {
    Window { kernel: 1, stride, padding: 0 }
}

/// The size of the tensor r of a block.
fn shortcut_image(block: &Block) -> Image {
    match block.shortcut {
        Shortcut::Projected { input, .. } => input,
        Shortcut::None | Shortcut::Identity => block.convolved,
    }
}
