//! The graph: nodes, parameters, running statistics.

use std::fmt::Write as _;

use crate::{Image, Op, Shape};

/// A node of a graph and the tensor it computes: every node has exactly one result.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeId(pub(crate) usize);

impl NodeId {
    /// The position in [`Graph::nodes`].
    pub fn index(self) -> usize {
        self.0
    }
}

/// A parameter's position in [`Graph::parameters`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ParameterId(pub(crate) usize);

impl ParameterId {
    /// The position in [`Graph::parameters`] and in [`crate::SlabLayout::parameters`].
    pub fn index(self) -> usize {
        self.0
    }
}

/// A batch norm's position in [`Graph::norms`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NormId(pub(crate) usize);

impl NormId {
    /// The position in [`Graph::norms`] and in [`crate::SlabLayout::norms`].
    pub fn index(self) -> usize {
        self.0
    }
}

/// An operation, what it reads, and the shape of its result.
#[derive(Clone, Debug)]
pub struct Node {
    /// What is computed, with its settings.
    pub op: Op,
    /// The tensors it reads, in the order that [`Op`] gives.
    pub inputs: Vec<NodeId>,
    /// The shape of the result.
    pub shape: Shape,
    /// For a gradient: the forward node whose rule made it. A sum of gradients belongs to the node
    /// whose gradient it is. `None` for forward nodes.
    pub of: Option<NodeId>,
}

/// What a parameter starts from; a graph does not draw it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Init {
    /// Random numbers: weights and biases of convolutions and dense layers. PyTorch's layers draw them uniformly
    /// between -1/sqrt(fan_in) and 1/sqrt(fan_in).
    Weights {
        /// Inputs of one output: R*S*C of a convolution, the features of a dense layer.
        fan_in: usize,
    },
    /// All 0: a batch norm's shift.
    Zeros,
    /// All 1: a batch norm's scale.
    Ones,
}

/// A tensor that training changes.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Layer and part as PyTorch names them: `conv1.weight`, `norm1.bias`.
    pub name: String,
    /// `[R, S, C, K]`, `[in, out]` or `[K]`.
    pub shape: Shape,
    /// The rule for its first values; an engine does not apply it.
    pub init: Init,
}

impl Parameter {
    /// The name of the layer that it belongs to.
    pub fn layer(&self) -> &str {
        self.name.rsplit_once('.').map_or(self.name.as_str(), |(layer, _)| layer)
    }
}

/// A batch norm with running statistics: their mean starts at 0, their variance at 1.
#[derive(Clone, Debug)]
pub struct BatchNorm {
    /// Name of the layer.
    pub name: String,
    /// Values of the running mean, and as many of the running variance.
    pub channels: usize,
}

impl BatchNorm {
    /// Added to the variance under the square root, by group norms too.
    pub const EPSILON: f64 = 1e-5;
    /// Weight of the new batch in the running statistics. The running variance takes the unbiased
    /// variance of the batch.
    pub const MOMENTUM: f64 = 0.1;
}

/// A network with its loss, as nodes in an order in which each comes after its inputs.
///
/// Built by the methods that add operations (`conv2d`, `dense`, ...), each of which checks its
/// arguments and returns the tensor it makes. Learning rate, dropout probability, label smoothing
/// and the like are no part of a graph: they are given anew for every step.
#[derive(Clone, Debug)]
pub struct Graph {
    pub(crate) nodes: Vec<Node>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) norms: Vec<BatchNorm>,
    pub(crate) dropouts: usize,
    pub(crate) loss: Option<NodeId>,
}

impl Graph {
    /// The most elements a tensor may have: the element counter of dropout has 34 bits.
    pub const MAX_ELEMENTS: usize = 1 << 34;

    /// All nodes; each stands behind its inputs.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// One node.
    ///
    /// # Panics
    /// If the node is of a larger graph.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// The ids of all nodes, in order.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + ExactSizeIterator + use<> {
        (0..self.nodes.len()).map(NodeId)
    }

    /// The parameters, in the order in which their layers were added.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The batch norms, in the order in which they were added.
    pub fn norms(&self) -> &[BatchNorm] {
        &self.norms
    }

    /// How many dropout layers there are, and so how many probabilities a step is given.
    pub fn dropouts(&self) -> usize {
        self.dropouts
    }

    /// The batch of images.
    pub fn input(&self) -> NodeId {
        NodeId(0)
    }

    /// Images in a batch.
    pub fn batch(&self) -> usize {
        self.nodes[0].shape.sizes()[0]
    }

    /// The sizes of one input image.
    pub fn image(&self) -> Image {
        self.nodes[0].shape.image().expect("the input was built as [N, H, W, C]")
    }

    /// The mean loss, once it has been added.
    pub fn loss(&self) -> Option<NodeId> {
        self.loss
    }

    /// The tensor that the loss is computed from, `[N, classes]`.
    pub fn logits(&self) -> Option<NodeId> {
        self.loss.map(|loss| self.nodes[loss.0].inputs[0])
    }

    /// The number of classes, once there is a loss.
    pub fn classes(&self) -> Option<usize> {
        self.logits().map(|logits| self.nodes[logits.0].shape.sizes()[1])
    }

    /// A text that is equal for two graphs exactly when they compute the same with the same
    /// shapes, whatever their layers are called.
    pub fn signature(&self) -> String {
        let mut text = String::new();
        for node in &self.nodes {
            let _ = write!(text, "{:?}{}", node.op, node.shape);
            for input in &node.inputs {
                let _ = write!(text, " {}", input.0);
            }
            text.push('\n');
        }
        text
    }
}
