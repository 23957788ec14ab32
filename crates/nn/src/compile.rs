//! From the description to the graph of operations that is planned and trained.

use tunefork_graph::{Conv, Graph, NodeId, PoolKind};

use crate::layer::{Layer, LayerKind};
use crate::{Network, NetworkError};

impl Network {
    /// The forward graph with its loss for training batches of `batch` images.
    ///
    /// # Errors
    /// As [`Network::layers`]; also if the batch is 0, or so small that a batch norm would see one value
    /// per channel.
    ///
    /// ```
    /// use tunefork_nn::{Image, Network};
    ///
    /// let network = Network { hidden: vec![256, 256], ..Network::new(Image::new(28, 28, 1), 10) };
    /// let graph = network.graph(64)?;
    /// assert_eq!(graph.parameters().len(), 6);
    /// # Ok::<(), tunefork_nn::NetworkError>(())
    /// ```
    pub fn graph(&self, batch: usize) -> Result<Graph, NetworkError> {
        let layers = self.layers()?;
        if batch == 0 {
            return Err(NetworkError::EmptyBatch);
        }
        check_rows(&layers, batch)?;
        let mut graph = Graph::new(batch, [self.input.height, self.input.width, self.input.channels])?;
        let mut x = graph.input();
        let mut block_input = x;
        for layer in &layers {
            if is_block_start(layer) {
                block_input = x;
            }
            x = add_layer(&mut graph, layer, x, block_input)?;
        }
        graph.softmax_cross_entropy(x, self.classes)?;
        Ok(graph)
    }

    /// Checks that a training batch with `rows` real images gives every batch norm more than one value
    /// per channel: a last partial batch may be too small where the full one is not.
    ///
    /// # Errors
    /// [`NetworkError::SingleValueNorm`]; or as [`Network::layers`].
    pub fn check_rows(&self, rows: usize) -> Result<(), NetworkError> {
        check_rows(&self.layers()?, rows)
    }
}

fn check_rows(layers: &[Layer], rows: usize) -> Result<(), NetworkError> {
    let single =
        |layer: &&Layer| layer.kind == LayerKind::BatchNorm && rows * layer.output.height * layer.output.width <= 1;
    match layers.iter().find(single) {
        Some(layer) => Err(NetworkError::SingleValueNorm { layer: layer.name.clone() }),
        None => Ok(()),
    }
}

fn is_block_start(layer: &Layer) -> bool {
    matches!(layer.kind, LayerKind::Conv { .. })
}

fn add_layer(graph: &mut Graph, layer: &Layer, x: NodeId, block_input: NodeId) -> Result<NodeId, NetworkError> {
    let name = &layer.name;
    let channels = layer.output.channels;
    Ok(match layer.kind {
        LayerKind::Conv { kernel, stride, padding, bias } => {
            graph.conv2d(x, name, Conv { channels, kernel, stride, padding, bias })?
        }
        LayerKind::BatchNorm => graph.batch_norm(x, name)?,
        LayerKind::GroupNorm { groups } => graph.group_norm(x, name, groups)?,
        LayerKind::Shortcut { projection_stride: None } => graph.add(x, block_input)?,
        LayerKind::Shortcut { projection_stride: Some(stride) } => {
            let projection = Conv { channels, kernel: 1, stride, padding: 0, bias: false };
            let shortcut = graph.conv2d(block_input, name, projection)?;
            graph.add(x, shortcut)?
        }
        LayerKind::Activation(activation) => graph.activation(x, activation)?,
        LayerKind::Pool(pool) => match pool.kind {
            PoolKind::Max => graph.max_pool(x, pool.window)?,
            PoolKind::Average => graph.average_pool(x, pool.window)?,
        },
        LayerKind::GlobalAverage => graph.global_average_pool(x)?,
        LayerKind::Flatten => graph.flatten(x)?,
        LayerKind::Dense => graph.dense(x, name, channels, true)?,
        LayerKind::Dropout => graph.dropout(x)?,
    })
}
