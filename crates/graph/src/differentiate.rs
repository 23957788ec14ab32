//! Reverse-mode differentiation: one table of rules, applied from the loss back to the parameters.

use crate::graph::{Graph, Node, NodeId, ParameterId};
use crate::{GradientOp, GraphError, Op};

/// A graph with the gradients of its loss appended as further nodes.
#[derive(Clone, Debug)]
pub struct Differentiated {
    graph: Graph,
    gradients: Vec<Option<NodeId>>,
    parameters: Vec<NodeId>,
}

impl Differentiated {
    /// The forward nodes, unchanged, followed by the gradients.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The gradient of the loss by a forward tensor, when that tensor depends on a parameter and
    /// reaches the loss.
    pub fn gradient(&self, tensor: NodeId) -> Option<NodeId> {
        self.gradients.get(tensor.0).copied().flatten()
    }

    /// The gradient of the loss by each parameter, in the order of [`Graph::parameters`].
    pub fn parameter_gradients(&self) -> &[NodeId] {
        &self.parameters
    }
}

/// A gradient that an operation passes to one of its inputs.
enum Term {
    /// The operation's own gradient, as it is.
    Same,
    /// The same under the mask of a dropout, which is its own gradient.
    Masked { layer: usize },
    /// Computed by a further node.
    Computed(GradientOp, Vec<NodeId>),
}

/// The rule of each operation: for each input that can have a gradient, its position and the term
/// that it receives. `x` are the inputs, `y` the result, `dy` the gradient of the result.
fn rule(op: Op, x: &[NodeId], y: NodeId, dy: NodeId) -> Vec<(usize, Term)> {
    use Term::{Computed, Masked, Same};
    let affine = |by_input: GradientOp, by_weight: GradientOp| {
        let mut terms = vec![(0, Computed(by_input, vec![x[1], dy])), (1, Computed(by_weight, vec![x[0], dy]))];
        if x.len() == 3 {
            terms.push((2, Computed(GradientOp::Bias, vec![dy])));
        }
        terms
    };
    match op {
        Op::Conv2d(window) => affine(GradientOp::Conv2dInput(window), GradientOp::Conv2dWeight(window)),
        Op::Dense => affine(GradientOp::DenseInput, GradientOp::DenseWeight),
        Op::BatchNorm(norm) => vec![
            (0, Computed(GradientOp::BatchNormInput(norm), vec![x[0], x[1], dy])),
            (1, Computed(GradientOp::BatchNormScale(norm), vec![x[0], dy])),
            (2, Computed(GradientOp::Bias, vec![dy])),
        ],
        Op::GroupNorm { groups } => vec![
            (0, Computed(GradientOp::GroupNormInput { groups }, vec![x[0], x[1], dy])),
            (1, Computed(GradientOp::GroupNormScale { groups }, vec![x[0], dy])),
            (2, Computed(GradientOp::Bias, vec![dy])),
        ],
        Op::Activation(activation) => {
            let given = if activation.derivative_follows_from_result() { y } else { x[0] };
            vec![(0, Computed(GradientOp::Activation(activation), vec![given, dy]))]
        }
        Op::MaxPool(window) => vec![(0, Computed(GradientOp::MaxPool(window), vec![x[0], dy]))],
        Op::AveragePool(window) => vec![(0, Computed(GradientOp::AveragePool(window), vec![dy]))],
        Op::GlobalAveragePool => vec![(0, Computed(GradientOp::GlobalAveragePool, vec![dy]))],
        Op::Add => vec![(0, Same), (1, Same)],
        Op::Flatten => vec![(0, Computed(GradientOp::Flatten, vec![dy]))],
        Op::Dropout { layer } => vec![(0, Masked { layer })],
        // The loss is the last node: its own gradient is 1.
        Op::SoftmaxCrossEntropy => vec![(0, Computed(GradientOp::SoftmaxCrossEntropy, vec![x[0]]))],
        Op::Input | Op::Parameter(_) | Op::Gradient(_) => vec![],
    }
}

/// Appends the gradients of the loss by every parameter, and by all that lies between.
///
/// A tensor with several consumers receives the sum of their terms, the last consumer's first; the
/// order is a property of the graph.
///
/// # Errors
/// If the graph has no loss or no parameters, or the loss does not depend on one of them.
pub fn differentiate(graph: &Graph) -> Result<Differentiated, GraphError> {
    let loss = graph.loss.ok_or(GraphError::NoLoss)?;
    if graph.parameters.is_empty() {
        return Err(GraphError::NothingToTrain);
    }
    let mut all = graph.clone();
    let depends = depends_on_parameters(graph);
    let mut terms: Vec<Vec<NodeId>> = vec![Vec::new(); graph.nodes.len()];
    let mut gradients = vec![None; graph.nodes.len()];
    for id in graph.ids().rev().filter(|id| depends[id.0]) {
        let dy = match (id == loss, terms[id.0].as_slice()) {
            (true, _) => id, // never read: the rule of the loss does not look at it
            (false, []) => continue,
            (false, received) => {
                let gradient = sum(&mut all, id, received);
                gradients[id.0] = Some(gradient);
                gradient
            }
        };
        let node = &graph.nodes[id.0];
        for (position, term) in rule(node.op, &node.inputs, id, dy) {
            let target = node.inputs[position];
            if depends[target.0] {
                let gradient = match term {
                    Term::Same => dy,
                    Term::Masked { layer } => append(&mut all, Op::Dropout { layer }, vec![dy], target, id),
                    Term::Computed(op, inputs) => append(&mut all, Op::Gradient(op), inputs, target, id),
                };
                terms[target.0].push(gradient);
            }
        }
    }
    let parameters = parameter_gradients(graph, &gradients)?;
    Ok(Differentiated { graph: all, gradients, parameters })
}

fn depends_on_parameters(graph: &Graph) -> Vec<bool> {
    let mut depends = vec![false; graph.nodes.len()];
    for id in graph.ids() {
        let node = &graph.nodes[id.0];
        depends[id.0] = matches!(node.op, Op::Parameter(_)) || node.inputs.iter().any(|input| depends[input.0]);
    }
    depends
}

fn sum(all: &mut Graph, of: NodeId, terms: &[NodeId]) -> NodeId {
    let add = |total, &term| append(all, Op::Add, vec![total, term], of, of);
    terms[1..].iter().fold(terms[0], add)
}

/// Appends a node with the shape of `like`.
fn append(all: &mut Graph, op: Op, inputs: Vec<NodeId>, like: NodeId, of: NodeId) -> NodeId {
    let shape = all.nodes[like.0].shape;
    all.nodes.push(Node { op, inputs, shape, of: Some(of) });
    NodeId(all.nodes.len() - 1)
}

fn parameter_gradients(graph: &Graph, gradients: &[Option<NodeId>]) -> Result<Vec<NodeId>, GraphError> {
    let mut found = vec![None; graph.parameters.len()];
    for id in graph.ids() {
        if let Op::Parameter(ParameterId(index)) = graph.nodes[id.0].op {
            found[index] = gradients[id.0];
        }
    }
    let named = found.iter().zip(&graph.parameters);
    named.map(|(found, parameter)| found.ok_or_else(|| GraphError::Unused { name: parameter.name.clone() })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, Conv};

    fn conv(channels: usize) -> Conv {
        Conv { channels, kernel: 3, stride: 1, padding: 1, bias: true }
    }

    fn finish(graph: &mut Graph, x: NodeId) {
        let x = graph.global_average_pool(x).unwrap();
        let x = graph.dense(x, "head", 3, true).unwrap();
        graph.softmax_cross_entropy(x, 3).unwrap();
    }

    #[test]
    fn a_tensor_with_two_consumers_receives_the_sum_of_their_terms() {
        let mut graph = Graph::new(2, [5, 5, 1]).unwrap();
        let x = graph.conv2d(graph.input(), "a", conv(4)).unwrap();
        let y = graph.conv2d(x, "b", conv(4)).unwrap();
        let z = graph.add(y, x).unwrap();
        finish(&mut graph, z);
        let all = differentiate(&graph).unwrap();
        let gradient = all.graph().node(all.gradient(x).unwrap());
        assert_eq!(gradient.op, Op::Add);
        assert_eq!(gradient.of, Some(x));
        // The sum's term (consumer z) comes before the convolution's (consumer y).
        assert_eq!(gradient.inputs[0], all.gradient(z).unwrap());
        let expected = Op::Gradient(GradientOp::Conv2dInput(crate::Window { kernel: 3, stride: 1, padding: 1 }));
        assert_eq!(all.graph().node(gradient.inputs[1]).op, expected);
    }

    #[test]
    fn the_images_have_no_gradient() {
        let mut graph = Graph::new(2, [5, 5, 1]).unwrap();
        let x = graph.activation(graph.input(), Activation::Tanh).unwrap();
        let y = graph.conv2d(x, "a", conv(4)).unwrap();
        finish(&mut graph, y);
        let all = differentiate(&graph).unwrap();
        assert_eq!(all.gradient(graph.input()), None);
        assert_eq!(all.gradient(x), None);
        assert!(all.gradient(y).is_some());
    }

    #[test]
    fn a_layer_that_does_not_reach_the_loss_is_named() {
        let mut graph = Graph::new(2, [5, 5, 1]).unwrap();
        let x = graph.conv2d(graph.input(), "used", conv(4)).unwrap();
        graph.conv2d(x, "lost", conv(4)).unwrap();
        finish(&mut graph, x);
        let error = differentiate(&graph).unwrap_err();
        assert_eq!(error, GraphError::Unused { name: "lost.weight".into() });
    }
}
