//! Groups of forward operations that are one pass over memory.
//!
//! A block grows along the chain convolution, norm, sum, activation, pooling, leaving out what is
//! not there, for as long as the tensor has the next operation as its only consumer. No pattern is
//! needed for the way back: the gradients of a group's operations are the group's backward step.

use std::sync::Arc;

use crate::graph::{Graph, NodeId, ParameterId};
use crate::{Block, ConvPart, Dense, Image, NormPart, Op, Pool, PoolKind, Shortcut};

/// A group: what is computed and from which tensors.
#[derive(Clone, Debug)]
pub(crate) enum Group {
    Block { block: Arc<Block>, input: NodeId, shortcut: Option<NodeId>, output: NodeId },
    Dense { dense: Arc<Dense>, input: NodeId, output: NodeId },
    GlobalAverage { image: Image, input: NodeId, output: NodeId },
    Dropout { layer: usize, image: Image, input: NodeId, output: NodeId },
    Loss { classes: usize, logits: NodeId },
}

impl Group {
    fn last(&self) -> NodeId {
        match *self {
            Self::Block { output, .. }
            | Self::Dense { output, .. }
            | Self::GlobalAverage { output, .. }
            | Self::Dropout { output, .. } => output,
            Self::Loss { .. } => NodeId(usize::MAX),
        }
    }
}

/// The groups of all nodes that reach the loss, in an order in which each comes after its inputs.
/// Flattening is no group: it renames a tensor.
pub(crate) fn fuse(graph: &Graph) -> Vec<Group> {
    let mut fusion = Fusion { graph, consumers: consumers(graph), taken: vec![false; graph.nodes().len()] };
    let mut groups: Vec<Group> = graph.ids().filter_map(|id| fusion.group(id)).collect();
    // A group's result may come after the start of a later group, which reads it.
    groups.sort_by_key(Group::last);
    groups
}

/// For each node, the nodes that read it and reach the loss.
fn consumers(graph: &Graph) -> Vec<Vec<NodeId>> {
    let mut consumers: Vec<Vec<NodeId>> = vec![Vec::new(); graph.nodes().len()];
    for id in graph.ids().rev() {
        if Some(id) == graph.loss() || !consumers[id.0].is_empty() {
            for input in &graph.node(id).inputs {
                consumers[input.0].push(id);
            }
        }
    }
    consumers
}

struct Fusion<'a> {
    graph: &'a Graph,
    consumers: Vec<Vec<NodeId>>,
    taken: Vec<bool>,
}

impl Fusion<'_> {
    /// The group that starts at a node, unless the node is part of one already.
    fn group(&mut self, id: NodeId) -> Option<Group> {
        let node = self.graph.node(id);
        let live = Some(id) == self.graph.loss() || !self.consumers[id.0].is_empty();
        if !live || self.taken[id.0] {
            return None;
        }
        match node.op {
            Op::Input | Op::Parameter(_) | Op::Flatten => None,
            Op::Dense => Some(self.dense(id)),
            Op::GlobalAveragePool => {
                Some(Group::GlobalAverage { image: self.image(node.inputs[0]), input: node.inputs[0], output: id })
            }
            Op::Dropout { layer } => {
                Some(Group::Dropout { layer, image: self.image(id), input: node.inputs[0], output: id })
            }
            Op::SoftmaxCrossEntropy => {
                Some(Group::Loss { classes: self.image(node.inputs[0]).channels, logits: node.inputs[0] })
            }
            // A projection is taken by the block that adds it, which may start later.
            Op::Conv2d(_) if self.is_taken_as_projection(id) => None,
            _ => Some(self.block(id)),
        }
    }

    fn dense(&mut self, id: NodeId) -> Group {
        let node = self.graph.node(id);
        let (weights, bias) = (self.parameter(node.inputs[1]), node.inputs.get(2).map(|&bias| self.parameter(bias)));
        let mut dense = Dense {
            name: self.graph.parameters()[weights.0].layer().into(),
            inputs: self.image(node.inputs[0]).channels,
            outputs: self.image(id).channels,
            weights,
            bias,
            activation: None,
            dropout: None,
        };
        let mut output = id;
        if let Some((next, Op::Activation(activation))) = self.only_consumer(output) {
            dense.activation = Some(activation);
            output = self.take(next);
        }
        if let Some((next, Op::Dropout { layer })) = self.only_consumer(output) {
            dense.dropout = Some(layer);
            output = self.take(next);
        }
        Group::Dense { dense: Arc::new(dense), input: node.inputs[0], output }
    }

    /// The block that starts with a node, as long as the chain goes.
    fn block(&mut self, first: NodeId) -> Group {
        let input = self.graph.node(first).inputs[0];
        let mut block = Block {
            name: self.name(first),
            input: self.image(input),
            convolved: self.image(input),
            output: self.image(input),
            conv: None,
            norm: None,
            shortcut: Shortcut::None,
            activation: None,
            pool: None,
        };
        let (mut output, mut shortcut) = (input, None);
        let mut next = Some(first);
        while let Some(id) = next {
            if let Op::Add = self.graph.node(id).op {
                let (tensor, kind) = self.shortcut(id, output);
                (shortcut, block.shortcut) = (Some(tensor), kind);
            }
            self.add_part(&mut block, id);
            output = self.take(id);
            next = self.next_in_block(id);
        }
        block.output = self.image(output);
        Group::Block { block: Arc::new(block), input, shortcut, output }
    }

    /// The operation that a block goes on with after `id`: its only consumer, if that stands later
    /// in a block's order, and a sum only if it goes on from this side.
    fn next_in_block(&self, id: NodeId) -> Option<NodeId> {
        let (next, op) = self.only_consumer(id)?;
        let from_here = op != Op::Add || self.main_of_sum(next) == Some(id);
        (self.stage(next) > self.stage(id) && from_here).then_some(next)
    }

    fn add_part(&self, block: &mut Block, id: NodeId) {
        let node = self.graph.node(id);
        let parameter = |i: usize| node.inputs.get(i).map(|&input| self.parameter(input));
        let weight = || self.parameter(node.inputs[1]);
        match node.op {
            Op::Conv2d(window) => {
                block.conv = Some(ConvPart { window, weights: weight(), bias: parameter(2) });
                block.convolved = self.image(id);
            }
            Op::BatchNorm(norm) => {
                block.norm = Some(NormPart { norm, scale: weight(), shift: self.parameter(node.inputs[2]) });
            }
            Op::Activation(activation) => block.activation = Some(activation),
            Op::MaxPool(window) => block.pool = Some(Pool { kind: PoolKind::Max, window }),
            Op::AveragePool(window) => block.pool = Some(Pool { kind: PoolKind::Average, window }),
            _ => {}
        }
    }

    /// The place of an operation in a block; 0 for what is no part of one.
    fn stage(&self, id: NodeId) -> usize {
        match self.graph.node(id).op {
            Op::Conv2d(_) => 1,
            Op::BatchNorm(_) => 2,
            Op::Add => 3,
            Op::Activation(_) => 4,
            Op::MaxPool(_) | Op::AveragePool(_) => 5,
            _ => 0,
        }
    }

    /// Which input of a sum the block goes on from: the one that ends a chain of convolution and
    /// norm, rather not the one that can be a projection; the first where there is none.
    fn main_of_sum(&self, sum: NodeId) -> Option<NodeId> {
        let inputs = &self.graph.node(sum).inputs;
        let ends_chain = |&&id: &&NodeId| matches!(self.stage(id), 1 | 2) && self.only_consumer(id).is_some();
        let chains = || inputs.iter().filter(ends_chain);
        chains().find(|&&id| !self.is_projection(id)).or_else(|| chains().next()).or(inputs.first()).copied()
    }

    /// What a sum adds to its main input: a tensor as it is, or projected.
    fn shortcut(&mut self, sum: NodeId, main: NodeId) -> (NodeId, Shortcut) {
        let inputs = &self.graph.node(sum).inputs;
        let other = inputs[usize::from(inputs[0] == main)];
        if !self.is_taken_as_projection(other) {
            return (other, Shortcut::Identity);
        }
        self.take(other);
        let node = self.graph.node(other);
        let Op::Conv2d(window) = node.op else { unreachable!("a projection is a convolution") };
        let (weights, input) = (self.parameter(node.inputs[1]), self.image(node.inputs[0]));
        (node.inputs[0], Shortcut::Projected { weights, stride: window.stride, input })
    }

    /// Whether a node is a 1x1 convolution without padding and bias with a single consumer.
    fn is_projection(&self, id: NodeId) -> bool {
        let node = self.graph.node(id);
        matches!(node.op, Op::Conv2d(window) if window.kernel == 1 && window.padding == 0)
            && node.inputs.len() == 2
            && self.only_consumer(id).is_some()
    }

    /// Whether a projection's consumer is a sum that goes on from its other input.
    fn is_taken_as_projection(&self, id: NodeId) -> bool {
        self.is_projection(id)
            && matches!(self.only_consumer(id), Some((sum, Op::Add)) if self.main_of_sum(sum) != Some(id))
    }

    fn only_consumer(&self, id: NodeId) -> Option<(NodeId, Op)> {
        match self.consumers[id.0][..] {
            [only] => Some((only, self.graph.node(only).op)),
            _ => None,
        }
    }

    fn take(&mut self, id: NodeId) -> NodeId {
        self.taken[id.0] = true;
        id
    }

    fn image(&self, id: NodeId) -> Image {
        self.graph.node(id).shape.image().expect("groups work on images and features")
    }

    fn parameter(&self, id: NodeId) -> ParameterId {
        match self.graph.node(id).op {
            Op::Parameter(parameter) => parameter,
            op => unreachable!("{op:?} stands where a parameter does"),
        }
    }

    fn name(&self, id: NodeId) -> String {
        let node = self.graph.node(id);
        match node.inputs.get(1).map(|&input| self.graph.node(input).op) {
            Some(Op::Parameter(parameter)) => self.graph.parameters()[parameter.0].layer().into(),
            _ => node.op.name().into(),
        }
    }
}
