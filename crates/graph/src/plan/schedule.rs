//! Steps in order, with a number for each tensor, before any of them has an address.

use std::sync::Arc;

use super::{Buffer, StepShape, Workspace};
use crate::differentiate::Differentiated;
use crate::fuse::Group;
use crate::graph::{Graph, NodeId};
use crate::step::{
    BlockBackward, BlockForward, DenseBackward, DenseForward, DropoutBackward, DropoutForward, GlobalAverageBackward,
    GlobalAverageForward, Gradient, GroupNormBackward, GroupNormForward, Loss, Step,
};
use crate::{Block, Op};

/// A tensor of the arena.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Tensor(pub usize);

impl Tensor {
    pub(super) fn of(self, buffers: &[Buffer]) -> Buffer {
        buffers[self.0]
    }
}

/// A program whose tensors have sizes but no addresses.
pub(super) struct Schedule {
    pub steps: Vec<Step<Tensor>>,
    pub input: Tensor,
    pub logits: Tensor,
    /// The size of each tensor.
    pub elements: Vec<usize>,
}

impl Schedule {
    /// The forward steps, the loss, and with `gradients` the backward steps in reverse order.
    pub(super) fn new(
        graph: &Graph,
        groups: &[Group],
        batch: usize,
        gradients: Option<&Differentiated>,
        workspace: &dyn Workspace,
    ) -> Self {
        let mut scheduler = Scheduler {
            graph,
            gradients,
            batch,
            workspace,
            elements: Vec::new(),
            tensors: vec![None; graph.nodes().len()],
            gradient_tensors: vec![None; graph.nodes().len()],
        };
        let input = scheduler.tensor(graph.input());
        let mut steps = Vec::new();
        let mut records = Vec::new(); // what each group keeps for its backward step
        for group in groups {
            let (step, record) = scheduler.forward(group);
            steps.extend(step);
            records.push(record);
        }
        if gradients.is_some() {
            for (group, record) in groups.iter().zip(&records).rev() {
                steps.extend(scheduler.backward(group, record));
            }
        }
        let logits = scheduler.tensor(graph.logits().expect("the graph was differentiated"));
        Self { steps, input, logits, elements: scheduler.elements }
    }

    pub(super) fn finish(&self, buffers: &[Buffer]) -> Vec<Step> {
        self.steps.iter().map(|step| step.map(&|tensor| tensor.of(buffers))).collect()
    }
}

/// What a forward step leaves for the backward step of its group.
#[derive(Default)]
struct Record {
    saved: Option<Tensor>,
    statistics: Option<Tensor>,
}

struct Scheduler<'a> {
    graph: &'a Graph,
    gradients: Option<&'a Differentiated>,
    batch: usize,
    workspace: &'a dyn Workspace,
    elements: Vec<usize>,
    tensors: Vec<Option<Tensor>>,
    gradient_tensors: Vec<Option<Tensor>>,
}

impl Scheduler<'_> {
    fn forward(&mut self, group: &Group) -> (Option<Step<Tensor>>, Record) {
        let mut record = Record::default();
        let step = match group {
            Group::Block { block, input, shortcut, output } => {
                let (input, output) = (self.tensor(*input), self.tensor(*output));
                let saved = self.saved(block, output);
                // Without a convolution, what is kept is the input or the output, which exist anyway.
                record.saved = saved.or(Some(if block.saves_output() { output } else { input }));
                record.statistics = block.norm.map(|_| self.new_tensor(2 * block.convolved.channels));
                let shape = StepShape::BlockForward { block, batch: self.batch, training: self.gradients.is_some() };
                Step::BlockForward(BlockForward {
                    block: Arc::clone(block),
                    input,
                    shortcut_input: shortcut.map(|r| self.tensor(r)),
                    saved,
                    output,
                    statistics: record.statistics,
                    workspace: self.workspace(shape),
                })
            }
            Group::Dense { dense, input, output } => {
                let training = self.gradients.is_some();
                Step::DenseForward(DenseForward {
                    dense: Arc::clone(dense),
                    input: self.tensor(*input),
                    output: self.tensor(*output),
                    workspace: self.workspace(StepShape::DenseForward { dense, batch: self.batch, training }),
                })
            }
            Group::PerImageNorm { norm, input, output } => {
                let statistics = self.new_tensor(2 * self.batch * norm.groups);
                record.statistics = Some(statistics);
                Step::GroupNormForward(GroupNormForward {
                    norm: Arc::clone(norm),
                    input: self.tensor(*input),
                    output: self.tensor(*output),
                    statistics,
                })
            }
            Group::GlobalAverage { image, input, output } => Step::GlobalAverageForward(GlobalAverageForward {
                image: *image,
                input: self.tensor(*input),
                output: self.tensor(*output),
            }),
            Group::Dropout { .. } if self.gradients.is_none() => return (None, record),
            Group::Dropout { layer, image, input, output } => Step::DropoutForward(DropoutForward {
                layer: *layer,
                image: *image,
                input: self.tensor(*input),
                output: self.tensor(*output),
            }),
            Group::Loss { classes, logits } => Step::Loss(Loss {
                classes: *classes,
                logits: self.tensor(*logits),
                gradient: self.gradient(*logits).map(|gradient| gradient.to),
            }),
        };
        (Some(step), record)
    }

    /// Where a block keeps its convolution's result.
    fn saved(&mut self, block: &Block, output: Tensor) -> Option<Tensor> {
        let keeps = self.gradients.is_some() && block.conv.is_some();
        keeps.then(|| match block.saves_output() {
            true => output,
            false => self.new_values(self.batch * block.convolved.elements()),
        })
    }

    fn backward(&mut self, group: &Group, record: &Record) -> Option<Step<Tensor>> {
        // A group whose result has no gradient does not depend on a parameter.
        match group {
            Group::Block { block, input, shortcut, output } => {
                let output_gradient = self.finished_gradient(*output)?;
                let (input_gradient, shortcut_gradient) =
                    (self.gradient(*input), shortcut.and_then(|r| self.gradient(r)));
                let shape = StepShape::BlockBackward {
                    block,
                    batch: self.batch,
                    input_gradient: input_gradient.is_some(),
                    shortcut_gradient: shortcut_gradient.is_some(),
                };
                Some(Step::BlockBackward(BlockBackward {
                    block: Arc::clone(block),
                    input: block.conv.map(|_| self.tensor(*input)),
                    shortcut_input: shortcut.filter(|_| block.backward_reads_shortcut()).map(|r| self.tensor(r)),
                    saved: record.saved.filter(|_| block.backward_reads_saved()),
                    output_gradient,
                    input_gradient,
                    shortcut_gradient,
                    statistics: record.statistics,
                    workspace: self.workspace(shape),
                }))
            }
            Group::Dense { dense, input, output } => {
                let output_gradient = self.finished_gradient(*output)?;
                let input_gradient = self.gradient(*input);
                let shape =
                    StepShape::DenseBackward { dense, batch: self.batch, input_gradient: input_gradient.is_some() };
                Some(Step::DenseBackward(DenseBackward {
                    dense: Arc::clone(dense),
                    input: self.tensor(*input),
                    output: dense.activation.map(|_| self.tensor(*output)),
                    output_gradient,
                    input_gradient,
                    workspace: self.workspace(shape),
                }))
            }
            Group::PerImageNorm { norm, input, output } => Some(Step::GroupNormBackward(GroupNormBackward {
                norm: Arc::clone(norm),
                input: self.tensor(*input),
                output_gradient: self.finished_gradient(*output)?,
                input_gradient: self.gradient(*input),
                statistics: record.statistics?,
                workspace: self.workspace(StepShape::GroupNormBackward { norm, batch: self.batch }),
            })),
            Group::GlobalAverage { image, input, output } => {
                let output_gradient = self.finished_gradient(*output)?;
                let input_gradient = self.gradient(*input)?;
                Some(Step::GlobalAverageBackward(GlobalAverageBackward {
                    image: *image,
                    output_gradient,
                    input_gradient,
                }))
            }
            Group::Dropout { layer, image, input, output } => {
                let output_gradient = self.finished_gradient(*output)?;
                let input_gradient = self.gradient(*input)?;
                let (layer, image) = (*layer, *image);
                Some(Step::DropoutBackward(DropoutBackward { layer, image, output_gradient, input_gradient }))
            }
            Group::Loss { .. } => None,
        }
    }

    /// The tensor of a node's result; flattening, and dropout in evaluation, only rename theirs.
    fn tensor(&mut self, id: NodeId) -> Tensor {
        let root = self.root(id);
        match self.tensors[root.index()] {
            Some(tensor) => tensor,
            None => {
                let tensor = self.new_batch(root);
                self.tensors[root.index()] = Some(tensor);
                tensor
            }
        }
    }

    /// Where the next term of a tensor's gradient goes; only the first one finds nothing there.
    fn gradient(&mut self, id: NodeId) -> Option<Gradient<Tensor>> {
        let root = self.root(id);
        self.gradients?.gradient(root)?;
        if let Some(to) = self.gradient_tensors[root.index()] {
            return Some(Gradient { to, accumulate: true });
        }
        let to = self.new_batch(root);
        self.gradient_tensors[root.index()] = Some(to);
        Some(Gradient { to, accumulate: false })
    }

    /// A tensor's gradient once all consumers have added theirs.
    fn finished_gradient(&self, id: NodeId) -> Option<Tensor> {
        self.gradient_tensors[self.root(id).index()]
    }

    fn root(&self, mut id: NodeId) -> NodeId {
        loop {
            let node = self.graph.node(id);
            match node.op {
                Op::Flatten => id = node.inputs[0],
                Op::Dropout { .. } if self.gradients.is_none() => id = node.inputs[0],
                _ => return id,
            }
        }
    }

    /// A tensor with the node's values for each image.
    fn new_batch(&mut self, id: NodeId) -> Tensor {
        let image = self.graph.node(id).shape.image().expect("a tensor of images or features");
        self.new_values(self.batch * image.elements())
    }

    /// A tensor of values as the engine stores them.
    fn new_values(&mut self, values: usize) -> Tensor {
        self.new_tensor(self.workspace.tensor_len(values))
    }

    fn new_tensor(&mut self, elements: usize) -> Tensor {
        self.elements.push(elements);
        Tensor(self.elements.len() - 1)
    }

    fn workspace(&mut self, shape: StepShape<'_>) -> Option<Tensor> {
        let len = self.workspace.len(shape);
        (len > 0).then(|| self.new_tensor(len))
    }
}
