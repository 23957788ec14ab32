//! The networks of the comparison with PyTorch (`peers/torch_epoch.py`), operation by operation.

use tunefork_graph::{Activation, Conv, Graph, GraphError, NodeId, StepShape, Window, Workspace};

const POOL: Window = Window { kernel: 2, stride: 2, padding: 0 };

/// Filters of 3x3 that keep the image's size.
pub(crate) fn same(channels: usize) -> Conv {
    Conv { channels, kernel: 3, stride: 1, padding: 1, bias: true }
}

/// conv -> batch norm? -> relu -> pool by two.
fn block(g: &mut Graph, x: NodeId, name: &str, channels: usize, norm: bool) -> Result<NodeId, GraphError> {
    let mut x = g.conv2d(x, &format!("{name}.conv"), same(channels))?;
    if norm {
        x = g.batch_norm(x, &format!("{name}.norm"))?;
    }
    let x = g.activation(x, Activation::Relu)?;
    g.max_pool(x, POOL)
}

/// relu(norm(conv(x)) + shortcut(x)) -> pool by two.
fn residual(g: &mut Graph, x: NodeId, name: &str, channels: usize) -> Result<NodeId, GraphError> {
    let y = g.conv2d(x, &format!("{name}.conv"), same(channels))?;
    let y = g.batch_norm(y, &format!("{name}.norm"))?;
    let shortcut = match g.node(x).shape.image().is_some_and(|image| image.channels == channels) {
        true => x,
        false => {
            let projection = Conv { channels, kernel: 1, stride: 1, padding: 0, bias: false };
            g.conv2d(x, &format!("{name}.shortcut"), projection)?
        }
    };
    let y = g.add(y, shortcut)?;
    let y = g.activation(y, Activation::Relu)?;
    g.max_pool(y, POOL)
}

/// relu(norm(conv(relu(norm(conv(x))))) + x).
fn two_convolutions(g: &mut Graph, x: NodeId, name: &str, channels: usize) -> Result<NodeId, GraphError> {
    let y = g.conv2d(x, &format!("{name}.conv1"), same(channels))?;
    let y = g.batch_norm(y, &format!("{name}.norm1"))?;
    let y = g.activation(y, Activation::Relu)?;
    let y = g.conv2d(y, &format!("{name}.conv2"), same(channels))?;
    let y = g.batch_norm(y, &format!("{name}.norm2"))?;
    let y = g.add(y, x)?;
    g.activation(y, Activation::Relu)
}

/// Hidden dense layer with relu, then dropout or not, then the classes and the loss.
fn head(g: &mut Graph, x: NodeId, hidden: usize, dropout: bool, classes: usize) -> Result<(), GraphError> {
    let x = g.flatten(x)?;
    let x = g.dense(x, "hidden", hidden, true)?;
    let mut x = g.activation(x, Activation::Relu)?;
    if dropout {
        x = g.dropout(x)?;
    }
    let x = g.dense(x, "head", classes, true)?;
    g.softmax_cross_entropy(x, classes)?;
    Ok(())
}

/// A network by its name in the comparison, with the comparison's batch; "m3b" has blocks as the
/// first residual networks had, at the end of every stage, and no other shortcuts.
pub(crate) fn network(name: &str) -> Result<Graph, GraphError> {
    let (batch, image) = match name {
        "m2" => (32, [224, 224, 3]),
        "m3" | "m3b" => (64, [64, 64, 3]),
        _ => (64, [28, 28, 1]),
    };
    let mut g = Graph::new(batch, image)?;
    let mut x = g.input();
    match name {
        "m0" => {
            x = block(&mut g, x, "block0", 32, false)?;
            head(&mut g, x, 128, false, 10)?;
        }
        "m1" => {
            x = block(&mut g, x, "block0", 32, true)?;
            x = block(&mut g, x, "block1", 64, true)?;
            head(&mut g, x, 128, true, 10)?;
        }
        "m2" => {
            for (i, channels) in [32, 64, 128].into_iter().enumerate() {
                x = block(&mut g, x, &format!("block{i}"), channels, true)?;
            }
            head(&mut g, x, 128, true, 5)?;
        }
        "m3" => {
            for (i, channels) in [64, 128, 256, 256].into_iter().enumerate() {
                x = residual(&mut g, x, &format!("stage{i}"), channels)?;
            }
            x = g.global_average_pool(x)?;
            head(&mut g, x, 512, true, 200)?;
        }
        "m3b" => {
            for (i, channels) in [64, 128, 256, 256].into_iter().enumerate() {
                x = block(&mut g, x, &format!("stage{i}"), channels, true)?;
                x = two_convolutions(&mut g, x, &format!("stage{i}.residual"), channels)?;
            }
            x = g.global_average_pool(x)?;
            head(&mut g, x, 512, true, 200)?;
        }
        "m4" => {
            x = g.flatten(x)?;
            x = g.dense(x, "first", 256, true)?;
            x = g.activation(x, Activation::Relu)?;
            head(&mut g, x, 256, false, 10)?;
        }
        other => panic!("no network {other}"),
    }
    Ok(g)
}

/// What a plain engine asks for: packed weights of a convolution, and backward also the partial sums
/// of its weights' gradient from eight chunks of images.
pub(crate) struct PlainEngine;

impl Workspace for PlainEngine {
    fn len(&self, step: StepShape<'_>) -> usize {
        match step {
            StepShape::BlockForward { block, .. } if block.conv.is_some() => block.parameters(),
            StepShape::BlockBackward { block, .. } if block.conv.is_some() => 9 * block.parameters(),
            _ => 0,
        }
    }
}
