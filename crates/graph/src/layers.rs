//! The table of layers that is shown before anything runs.

use crate::{Graph, Image, Op};

/// A row of the table: one operation of the graph, for one image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Layer {
    /// The layer's name, or the operation's where it has none.
    pub name: String,
    /// The operation: `conv2d`, `relu`, ...
    pub operation: &'static str,
    /// Size of the result; features count as one pixel.
    pub output: Image,
    /// Number of parameters.
    pub parameters: u64,
    /// Operations of the forward pass, two per multiply-add; 0 for what is no matrix product.
    pub flops: u64,
}

impl Graph {
    /// The layers in order, without input and loss.
    ///
    /// ```
    /// # use tunefork_graph::Graph;
    /// let mut graph = Graph::new(64, [28, 28, 1])?;
    /// let x = graph.flatten(graph.input())?;
    /// let x = graph.dense(x, "head", 10, true)?;
    /// graph.softmax_cross_entropy(x, 10)?;
    /// let layers = graph.layers();
    /// assert_eq!((layers[1].name.as_str(), layers[1].parameters), ("head", 7850));
    /// assert_eq!(layers[1].flops, 2 * 784 * 10);
    /// # Ok::<(), tunefork_graph::GraphError>(())
    /// ```
    pub fn layers(&self) -> Vec<Layer> {
        let is_layer = |op: &Op| !matches!(op, Op::Input | Op::Parameter(_) | Op::SoftmaxCrossEntropy);
        let forward = self.nodes.iter().filter(|node| node.of.is_none() && is_layer(&node.op));
        forward
            .map(|node| {
                let output = node.shape.image().expect("a layer's result is images or features");
                let parameters = node.inputs.iter().filter_map(|input| match self.nodes[input.0].op {
                    Op::Parameter(id) => Some(&self.parameters[id.0]),
                    _ => None,
                });
                let mut layer =
                    Layer { name: node.op.name().into(), operation: node.op.name(), output, parameters: 0, flops: 0 };
                for (position, parameter) in parameters.enumerate() {
                    layer.parameters += parameter.shape.elements() as u64;
                    if position == 0 {
                        layer.name = parameter.layer().into();
                        if matches!(node.op, Op::Conv2d(_) | Op::Dense) {
                            layer.flops = 2 * (output.pixels() * parameter.shape.elements()) as u64;
                        }
                    }
                }
                layer
            })
            .collect()
    }
}
