//! Whole steps in which dense layers update their weights as soon as their gradient is formed.

use tunefork_cuda::{StepInput, StepResult, StepSettings};
use tunefork_graph::optimizer::UpdateRule;
use tunefork_graph::{Activation, Conv, Graph, GraphError};
use tunefork_kernels::Precision;
use tunefork_reference::testing;

use super::trial::{Data, engine, read_slab};
use crate::{Case, Failure};

/// Dense layers upon each other, for batches of 3 images of 8 x 7 pixels in 3 channels, of 4 classes: the first one, which needs
/// no gradient of its input, updates its weights.
///
/// # Errors
/// Never: its layers fit together.
pub fn dense_network() -> Result<Graph, GraphError> {
    let mut g = Graph::new(3, [8, 7, 3])?;
    let x = g.flatten(g.input())?;
    let x = g.dense(x, "first", 12, true)?;
    let x = g.activation(x, Activation::Tanh)?;
    let x = g.dropout(x)?;
    let x = g.dense(x, "second", 10, false)?;
    let x = g.activation(x, Activation::Relu)?;
    let x = g.dropout(x)?;
    let x = g.dense(x, "head", 4, true)?;
    g.softmax_cross_entropy(x, 4)?;
    Ok(g)
}

/// A dense layer with strips enough that it updates its weights beside the gradient of its input.
fn wide_network() -> Result<Graph, GraphError> {
    let mut g = Graph::new(3, [16, 16, 1])?;
    let x = g.conv2d(g.input(), "conv", Conv { channels: 12, kernel: 3, stride: 1, padding: 1, bias: true })?;
    let x = g.activation(x, Activation::Relu)?;
    let x = g.flatten(x)?;
    let x = g.dense(x, "hidden", 8, true)?;
    let x = g.activation(x, Activation::Sigmoid)?;
    let x = g.dense(x, "head", 4, true)?;
    g.softmax_cross_entropy(x, 4)?;
    Ok(g)
}

/// Three steps that clip by a norm that no gradients have, so that all gradients are stored first, leave the bits of three
/// steps that do not clip.
pub(super) fn check(case: &mut Case) -> Result<(), Failure> {
    let mut precisions: Vec<_> = Precision::of_architecture(case.stream.architecture()).collect();
    precisions.retain(|&precision| precision != Precision::F16);
    let precision = case.one_of(&precisions);
    let is_wide = case.one_of(&[false, true]);
    let graph = if is_wide { wide_network()? } else { dense_network()? };
    let data = Data::random(case, &graph, 8);
    let state = testing::random_state(&graph, case.between(0, 1 << 30) as u64);
    let rule = case.one_of(UpdateRule::EXAMPLES);
    let resident = data.resident(&case.stream, &graph)?;
    let decay_norms_and_biases = case.one_of(&[false, true]);
    let steps = |clip_norm: Option<f32>| -> Result<(Vec<u32>, Vec<StepResult>), Failure> {
        let mut engine = engine(&case.stream, &graph, 2, precision, &state, rule)?;
        let settings = |step: u64| StepSettings {
            step,
            learning_rate: 0.05,
            weight_decay: 0.01,
            decay_norms_and_biases,
            clip_norm,
            dropout: &[0.2, 0.4],
            dropout_key: [3, 5],
            ..StepSettings::new(rule)
        };
        let order = [5u32, 2, 7, 1, 0, 6, 3, 4];
        let inputs: Vec<_> =
            (0..3).zip(order.chunks(3)).map(|(step, indices)| StepInput::new(indices, settings(step))).collect();
        let mut results = vec![StepResult::default(); 3];
        engine.steps(&resident, &inputs, &mut results)?;
        let mut values = read_slab(&engine)?;
        let mut optimizer = vec![0.0; engine.optimizer_len()];
        engine.read_optimizer(&mut optimizer)?;
        values.extend(optimizer);
        Ok((values.into_iter().map(f32::to_bits).collect(), results))
    };
    let (applied, stored) = (steps(None)?, steps(Some(f32::MAX))?);
    if applied != stored {
        return Err(
            format!("{precision}, {rule:?}, wide {is_wide}: other bits where gradients are stored first").into()
        );
    }
    case.digest(bytemuck::cast_slice(&applied.0));
    Ok(())
}
