//! Node by node through a graph.

use ndarray::IxDyn;
use tunefork_graph::{GradientOp, Graph, Node, NodeId, NormId, Op};

use crate::ops::{self, activation, conv, dense, dropout, group_norm, loss, norm, pool};
use crate::{Batch, ReferenceError, Running, Settings, State, Tensor};

/// Whether a graph learns or answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Batch norm by the batch's statistics, with dropout, gradients where the graph has them.
    Training,
    /// Batch norm by the running statistics, no dropout, no gradients.
    Evaluation,
}

/// The result of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    values: Vec<Tensor>,
    /// Mean loss of the rows, weighted by class.
    pub loss: f64,
    /// Rows whose largest logit is at their label.
    pub correct: usize,
    /// The running statistics after the batch; unchanged by an evaluation.
    pub running: Vec<Running>,
}

impl Outcome {
    /// The value of a node, with as many rows as the batch.
    ///
    /// # Panics
    /// If the node was not computed: of another graph, or a gradient in evaluation.
    pub fn value(&self, id: NodeId) -> &Tensor {
        &self.values[id.index()]
    }
}

/// Computes all nodes of a graph, in evaluation up to the first gradient.
///
/// # Errors
/// If state, batch or settings do not fit the graph, or a batch norm has a single value to train
/// with.
pub fn run(
    graph: &Graph,
    state: &State,
    batch: &Batch,
    mode: Mode,
    settings: &Settings,
) -> Result<Outcome, ReferenceError> {
    let (loss, logits) = graph.loss().zip(graph.logits()).ok_or(ReferenceError::NoLoss)?;
    state.check(graph)?;
    batch.check(graph.batch(), graph.classes().unwrap_or(0))?;
    settings.check(graph.dropouts())?;
    let mut runner = Runner { graph, state, batch, mode, settings, values: Vec::new(), running: state.running.clone() };
    for node in graph.nodes() {
        if mode == Mode::Evaluation && node.of.is_some() {
            break;
        }
        let value = runner.compute(node)?;
        runner.values.push(value);
    }
    let Runner { values, running, .. } = runner;
    let correct = loss::correct(&values[logits.index()], &batch.labels);
    Ok(Outcome { loss: values[loss.index()].sum(), correct, running, values })
}

struct Runner<'a> {
    graph: &'a Graph,
    state: &'a State,
    batch: &'a Batch,
    mode: Mode,
    settings: &'a Settings,
    values: Vec<Tensor>,
    running: Vec<Running>,
}

impl Runner<'_> {
    fn compute(&mut self, node: &Node) -> Result<Tensor, ReferenceError> {
        let x = |i: usize| &self.values[node.inputs[i].index()];
        let bias = node.inputs.get(2).map(|id| &self.values[id.index()]);
        let (labels, settings) = (&self.batch.labels, self.settings);
        Ok(match node.op {
            Op::Input => self.batch.images.clone(),
            Op::Parameter(id) => self.state.parameters[id.index()].clone(),
            Op::Conv2d(window) => conv::forward(window, x(0), x(1), bias),
            Op::BatchNorm(id) => return self.batch_norm(node, id),
            Op::GroupNorm { groups } => group_norm::forward(x(0), x(1), x(2), &group_norm::statistics(x(0), groups)),
            Op::Activation(activation) => activation::forward(activation, x(0)),
            Op::MaxPool(window) => pool::max(window, x(0)),
            Op::AveragePool(window) => pool::average(window, x(0)),
            Op::GlobalAveragePool => pool::global_average(x(0)),
            Op::Add => x(0) + x(1),
            Op::Flatten => self.reshaped(node),
            Op::Dense => dense::forward(x(0), x(1), bias),
            Op::Dropout { layer } => dropout::forward(self.mode, self.settings, layer, x(0))?,
            Op::SoftmaxCrossEntropy => loss::forward(x(0), labels, settings),
            Op::Gradient(gradient) => self.gradient(node, gradient),
        })
    }

    fn gradient(&self, node: &Node, gradient: GradientOp) -> Tensor {
        let x = |i: usize| &self.values[node.inputs[i].index()];
        // The size of an image of the result, for gradients that cannot know it from their inputs.
        let size = || [node.shape.sizes()[1], node.shape.sizes()[2]];
        match gradient {
            GradientOp::Conv2dInput(window) => conv::input_gradient(window, size(), x(0), x(1)),
            GradientOp::Conv2dWeight(window) => conv::weight_gradient(window, x(0), x(1)),
            GradientOp::Bias => ops::bias_gradient(x(0)),
            GradientOp::BatchNormInput(_) => norm::input_gradient(x(0), x(1), x(2), &norm::statistics(x(0))),
            GradientOp::BatchNormScale(_) => norm::scale_gradient(x(0), x(1), &norm::statistics(x(0))),
            GradientOp::GroupNormInput { groups } => {
                group_norm::input_gradient(x(0), x(1), x(2), &group_norm::statistics(x(0), groups))
            }
            GradientOp::GroupNormScale { groups } => {
                group_norm::scale_gradient(x(0), x(1), &group_norm::statistics(x(0), groups))
            }
            GradientOp::Activation(activation) => activation::gradient(activation, x(0), x(1)),
            GradientOp::MaxPool(window) => pool::max_gradient(window, x(0), x(1)),
            GradientOp::AveragePool(window) => pool::average_gradient(window, size(), x(0)),
            GradientOp::GlobalAveragePool => pool::global_average_gradient(size(), x(0)),
            GradientOp::DenseInput => dense::input_gradient(x(0), x(1)),
            GradientOp::DenseWeight => dense::weight_gradient(x(0), x(1)),
            GradientOp::SoftmaxCrossEntropy => loss::gradient(x(0), &self.batch.labels, self.settings),
            GradientOp::Flatten => self.reshaped(node),
        }
    }

    fn batch_norm(&mut self, node: &Node, id: NormId) -> Result<Tensor, ReferenceError> {
        let [x, scale, shift] = [0, 1, 2].map(|i| &self.values[node.inputs[i].index()]);
        if self.mode == Mode::Evaluation {
            return Ok(norm::forward(x, scale, shift, &self.state.running[id.index()]));
        }
        let values = x.len() / scale.len();
        if values == 1 {
            return Err(ReferenceError::SingleValue { name: self.graph.norms()[id.index()].name.clone() });
        }
        let statistics = norm::statistics(x);
        self.running[id.index()] = norm::update(&self.state.running[id.index()], &statistics, values);
        Ok(norm::forward(x, scale, shift, &statistics))
    }

    /// The same values in the node's shape, with the batch's number of rows.
    fn reshaped(&self, node: &Node) -> Tensor {
        let mut sizes = node.shape.sizes().to_vec();
        sizes[0] = self.batch.rows();
        let x = self.values[node.inputs[0].index()].as_standard_layout().into_owned();
        x.into_shape_with_order(IxDyn(&sizes)).expect("flattening keeps the number of values")
    }
}
