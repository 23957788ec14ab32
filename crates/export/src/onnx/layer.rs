//! From a layer of a network to operators.
//!
//! Feature maps are `[N, C, H, W]`, ONNX's only order. Weights stand in PyTorch's, which is ONNX's too.

use tunefork_graph::BatchNorm;
use tunefork_nn::{Image, Layer, LayerKind, Pool, PoolKind, Window};

use super::activation;
use super::builder::{Builder, float, int, ints};
use super::proto::AttributeProto;
use super::weights::Weights;
use crate::ExportError;

/// The layer's result. `block_input` is what the block read that the layer belongs to.
pub(super) fn add(
    graph: &mut Builder,
    weights: &mut Weights<'_>,
    layer: &Layer,
    x: &str,
    block_input: &str,
) -> Result<String, ExportError> {
    let name = layer.name.as_str();
    let (inputs, channels) = (layer.input.channels, layer.output.channels);
    Ok(match layer.kind {
        LayerKind::Conv { kernel, stride, padding, bias } => {
            let mut operands = vec![x.to_owned()];
            operands.push(weights.add(graph, name, "weight", &[channels, inputs, kernel, kernel])?);
            if bias {
                operands.push(weights.add(graph, name, "bias", &[channels])?);
            }
            let operands: Vec<&str> = operands.iter().map(String::as_str).collect();
            graph.node(name, "Conv", &operands, window(Window { kernel, stride, padding }))
        }
        LayerKind::BatchNorm => {
            let statistics = ["weight", "bias", "running_mean", "running_var"];
            let [scale, shift, mean, variance] = statistics.map(|what| weights.add(graph, name, what, &[channels]));
            let operands = [x, &scale?, &shift?, &mean?, &variance?];
            graph.node(name, "BatchNormalization", &operands, vec![epsilon()])
        }
        LayerKind::GroupNorm { groups } => group_norm(graph, weights, layer, groups, x)?,
        LayerKind::Shortcut { projection_stride: None } => graph.node(name, "Add", &[x, block_input], vec![]),
        LayerKind::Shortcut { projection_stride: Some(stride) } => {
            let weight = weights.add(graph, name, "weight", &[channels, inputs, 1, 1])?;
            let attributes = window(Window { kernel: 1, stride, padding: 0 });
            let projected = graph.node(name, "Conv", &[block_input, &weight], attributes);
            graph.node(name, "Add", &[x, &projected], vec![])
        }
        LayerKind::Activation(function) => activation::add(graph, name, function, x),
        LayerKind::Pool(Pool { kind: PoolKind::Max, window: at }) => graph.node(name, "MaxPool", &[x], window(at)),
        LayerKind::Pool(Pool { kind: PoolKind::Average, window: at }) => {
            let attributes = [window(at), vec![int("count_include_pad", 1)]].concat();
            graph.node(name, "AveragePool", &[x], attributes)
        }
        LayerKind::GlobalAverage => graph.node(name, "GlobalAveragePool", &[x], vec![]),
        LayerKind::Flatten => graph.node(name, "Flatten", &[x], vec![]),
        LayerKind::Dense => {
            let weight = weights.add(graph, name, "weight", &[channels, layer.input.elements()])?;
            let bias = weights.add(graph, name, "bias", &[channels])?;
            graph.node(name, "Gemm", &[x, &weight, &bias], vec![int("transB", 1)])
        }
        // Nothing is dropped but in training.
        LayerKind::Dropout => x.to_owned(),
    })
}

/// Each group as one channel of a longer image, normalised by itself; then scale and shift of the true channels. ONNX's own group norm scales
/// groups in its first version, and few runtimes have the second.
fn group_norm(
    graph: &mut Builder,
    weights: &mut Weights<'_>,
    layer: &Layer,
    groups: usize,
    x: &str,
) -> Result<String, ExportError> {
    let name = layer.name.as_str();
    let Image { height, width, channels } = layer.output;
    // 0 keeps the side, -1 takes what is left.
    let divided = graph.integers(&format!("{name}/groups"), &[0, groups as i64, -1]);
    let whole = graph.integers(&format!("{name}/shape"), &[0, channels as i64, height as i64, width as i64]);
    let ones = graph.floats(&format!("{name}/ones"), &[groups], &vec![1.0; groups]);
    let zeros = graph.floats(&format!("{name}/zeros"), &[groups], &vec![0.0; groups]);
    let scale = weights.add_as(graph, name, "weight", &[channels], &[channels, 1, 1])?;
    let shift = weights.add_as(graph, name, "bias", &[channels], &[channels, 1, 1])?;
    let x = graph.node(name, "Reshape", &[x, &divided], vec![]);
    let x = graph.node(name, "InstanceNormalization", &[&x, &ones, &zeros], vec![epsilon()]);
    let x = graph.node(name, "Reshape", &[&x, &whole], vec![]);
    let x = graph.node(name, "Mul", &[&x, &scale], vec![]);
    Ok(graph.node(name, "Add", &[&x, &shift], vec![]))
}

fn epsilon() -> AttributeProto {
    float("epsilon", BatchNorm::EPSILON as f32)
}

/// Positions are rounded down, as ONNX does where nothing is said.
fn window(window: Window) -> Vec<AttributeProto> {
    let Window { kernel, stride, padding } = window;
    vec![ints("kernel_shape", [kernel; 2]), ints("strides", [stride; 2]), ints("pads", [padding; 4])]
}
