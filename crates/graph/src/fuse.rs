//! Groups of forward operations that are one pass over memory.
//!
//! A block grows along the chain convolution, norm, sum, activation, pooling, leaving out what is
//! not there, for as long as the tensor has the next operation as its only consumer. No pattern is
//! needed for the way back: the gradients of a group's operations are the group's backward step.

use std::sync::Arc;

use crate::graph::{Graph, NodeId, NormId, ParameterId};
use crate::{Activation, Block, ConvPart, Dense, GroupNorm, Image, NormPart, Op, Pool, PoolKind, Shortcut, Window};

/// A group: what is computed and from which tensors.
#[derive(Clone, Debug)]
pub(crate) enum Group {
    Block { block: Arc<Block>, input: NodeId, shortcut: Option<NodeId>, output: NodeId },
    Dense { dense: Arc<Dense>, input: NodeId, output: NodeId },
    PerImageNorm { norm: Arc<GroupNorm>, input: NodeId, output: NodeId },
    GlobalAverage { image: Image, input: NodeId, output: NodeId },
    Dropout { layer: usize, image: Image, input: NodeId, output: NodeId },
    Loss { classes: usize, logits: NodeId },
}

impl Group {
    fn last(&self) -> NodeId {
        match *self {
            Self::Block { output, .. }
            | Self::Dense { output, .. }
            | Self::PerImageNorm { output, .. }
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
        match role(node.op) {
            // A projection is taken by the block that adds it, which may start later.
            Role::Part(_) if self.projection_of_sum(id).is_some() => None,
            Role::Part(_) => Some(self.block(id)),
            Role::Dense => Some(self.dense(id)),
            Role::GroupNorm { groups } => {
                let norm = GroupNorm {
                    name: self.name(id),
                    image: self.image(id),
                    groups,
                    scale: self.parameter(node.inputs[1]),
                    shift: self.parameter(node.inputs[2]),
                };
                Some(Group::PerImageNorm { norm: Arc::new(norm), input: node.inputs[0], output: id })
            }
            Role::GlobalAverage => {
                Some(Group::GlobalAverage { image: self.image(node.inputs[0]), input: node.inputs[0], output: id })
            }
            Role::Dropout { layer } => {
                Some(Group::Dropout { layer, image: self.image(id), input: node.inputs[0], output: id })
            }
            Role::Loss => Some(Group::Loss { classes: self.image(node.inputs[0]).channels, logits: node.inputs[0] }),
            Role::Nothing => None,
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
        if let Some((next, Op::Activation(activation))) = self.only_consumer(output)
            && activation.derivative_follows_from_result()
        {
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
        let mut next = self.part(first).map(|part| (first, part));
        while let Some((id, part)) = next {
            if part == Part::Sum {
                (shortcut, block.shortcut) = self.shortcut(id, output);
            }
            self.add_part(&mut block, id, part);
            output = self.take(id);
            next = self.next_in_block(id, part);
        }
        block.output = self.image(output);
        Group::Block { block: Arc::new(block), input, shortcut, output }
    }

    /// The operation that a block goes on with after `id`: its only consumer, if that stands later
    /// in a block's order, and a sum only if it goes on from this side. The largest value of a window is
    /// found before the activation, so a function that is not monotone ends a block before a max pooling.
    fn next_in_block(&self, id: NodeId, part: Part) -> Option<(NodeId, Part)> {
        let (next, _) = self.only_consumer(id)?;
        let next_part = self.part(next)?;
        let goes_on = match next_part {
            Part::Sum => self.main_of_sum(next) == Some(id),
            Part::Pool(Pool { kind: PoolKind::Max, .. }) => {
                !matches!(part, Part::Activation(activation) if !activation.is_monotone())
            }
            Part::Pool(Pool { kind: PoolKind::Average, .. }) | Part::Conv(_) | Part::Norm(_) | Part::Activation(_) => {
                true
            }
        };
        (goes_on && next_part.stage() > part.stage()).then_some((next, next_part))
    }

    fn add_part(&self, block: &mut Block, id: NodeId, part: Part) {
        let inputs = &self.graph.node(id).inputs;
        let parameter = |i: usize| self.parameter(inputs[i]);
        match part {
            Part::Conv(window) => {
                let bias = inputs.get(2).map(|&bias| self.parameter(bias));
                block.conv = Some(ConvPart { window, weights: parameter(1), bias });
                block.convolved = self.image(id);
            }
            Part::Norm(norm) => block.norm = Some(NormPart { norm, scale: parameter(1), shift: parameter(2) }),
            Part::Sum => {}
            Part::Activation(activation) => block.activation = Some(activation),
            Part::Pool(pool) => block.pool = Some(pool),
        }
    }

    fn part(&self, id: NodeId) -> Option<Part> {
        match role(self.graph.node(id).op) {
            Role::Part(part) => Some(part),
            Role::Dense
            | Role::GroupNorm { .. }
            | Role::GlobalAverage
            | Role::Dropout { .. }
            | Role::Loss
            | Role::Nothing => None,
        }
    }

    /// Which input of a sum the block goes on from: the one that ends a chain of convolution and
    /// norm, rather not the one that can be a projection; the first where there is none.
    fn main_of_sum(&self, sum: NodeId) -> Option<NodeId> {
        let inputs = &self.graph.node(sum).inputs;
        let ends_chain = |&&id: &&NodeId| {
            matches!(self.part(id), Some(Part::Conv(_) | Part::Norm(_))) && self.only_consumer(id).is_some()
        };
        let chains = || inputs.iter().filter(ends_chain);
        chains().find(|&&id| self.projection(id).is_none()).or_else(|| chains().next()).or(inputs.first()).copied()
    }

    /// What a sum adds to its main input: a tensor as it is, or projected.
    fn shortcut(&mut self, sum: NodeId, main: NodeId) -> (Option<NodeId>, Shortcut) {
        let inputs = &self.graph.node(sum).inputs;
        let other = inputs[usize::from(inputs[0] == main)];
        match self.projection_of_sum(other) {
            Some(projection) => {
                self.take(other);
                (Some(self.graph.node(other).inputs[0]), projection)
            }
            None => (Some(other), Shortcut::Identity),
        }
    }

    /// What a node is as a projection: a 1x1 convolution without padding and bias, with a single consumer.
    fn projection(&self, id: NodeId) -> Option<Shortcut> {
        let node = self.graph.node(id);
        match (node.op, &node.inputs[..]) {
            (Op::Conv2d(Window { kernel: 1, stride, padding: 0 }), &[input, weights]) => self
                .only_consumer(id)
                .map(|_| Shortcut::Projected { weights: self.parameter(weights), stride, input: self.image(input) }),
            _ => None,
        }
    }

    /// The projection that a node is, if its consumer is a sum that goes on from its other input.
    fn projection_of_sum(&self, id: NodeId) -> Option<Shortcut> {
        match self.only_consumer(id)? {
            (sum, Op::Add) if self.main_of_sum(sum) != Some(id) => self.projection(id),
            _ => None,
        }
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
        self.graph.node(id).op.parameter().expect("the builder puts parameters there")
    }

    fn name(&self, id: NodeId) -> String {
        let node = self.graph.node(id);
        let parameter = node.inputs.get(1).and_then(|&input| self.graph.node(input).op.parameter());
        parameter.map_or(node.op.name(), |parameter| self.graph.parameters()[parameter.0].layer()).into()
    }
}

/// What an operation is to a group.
enum Role {
    Part(Part),
    Dense,
    GroupNorm {
        groups: usize,
    },
    GlobalAverage,
    Dropout {
        layer: usize,
    },
    Loss,
    /// Leaves, what renames a tensor, and gradients, which follow from the groups.
    Nothing,
}

/// An operation of a block.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Conv(Window),
    Norm(NormId),
    Sum,
    Activation(Activation),
    Pool(Pool),
}

impl Part {
    /// The place in a block's order.
    fn stage(self) -> usize {
        match self {
            Self::Conv(_) => 1,
            Self::Norm(_) => 2,
            Self::Sum => 3,
            Self::Activation(_) => 4,
            Self::Pool(_) => 5,
        }
    }
}

fn role(op: Op) -> Role {
    match op {
        Op::Conv2d(window) => Role::Part(Part::Conv(window)),
        Op::BatchNorm(norm) => Role::Part(Part::Norm(norm)),
        Op::Add => Role::Part(Part::Sum),
        Op::Activation(activation) => Role::Part(Part::Activation(activation)),
        Op::MaxPool(window) => Role::Part(Part::Pool(Pool { kind: PoolKind::Max, window })),
        Op::AveragePool(window) => Role::Part(Part::Pool(Pool { kind: PoolKind::Average, window })),
        Op::Dense => Role::Dense,
        Op::GroupNorm { groups } => Role::GroupNorm { groups },
        Op::GlobalAveragePool => Role::GlobalAverage,
        Op::Dropout { layer } => Role::Dropout { layer },
        Op::SoftmaxCrossEntropy => Role::Loss,
        Op::Input | Op::Parameter(_) | Op::Flatten | Op::Gradient(_) => Role::Nothing,
    }
}
