//! Weight decay that spares norms and biases, in a whole step.

use tunefork_cuda::{StepInput, StepResult, StepSettings};
use tunefork_graph::optimizer::UpdateRule;
use tunefork_graph::{Conv, Graph, GraphError};
use tunefork_kernels::Precision;
use tunefork_reference::testing;

use super::trial::{Data, engine, read_slab};
use crate::{Case, Failure};

/// Parameters of one axis between others.
fn network() -> Result<Graph, GraphError> {
    let mut g = Graph::new(2, [5, 4, 2])?;
    let conv = Conv { channels: 5, kernel: 3, stride: 1, padding: 1, bias: true };
    let x = g.conv2d(g.input(), "conv", conv)?;
    let x = g.batch_norm(x, "norm")?;
    let x = g.flatten(x)?;
    let x = g.dense(x, "head", 3, true)?;
    g.softmax_cross_entropy(x, 3)?;
    Ok(g)
}

/// After a step norms and biases are what no weight decay makes of them, and all else is what it makes of it.
pub(super) fn check(case: &mut Case) -> Result<(), Failure> {
    let graph = network()?;
    let data = Data::random(case, &graph, 4);
    let state = testing::random_state(&graph, case.between(0, 1 << 30) as u64);
    let rule = case.one_of(&[UpdateRule::SGD, UpdateRule::momentum(0.9, true), UpdateRule::ADAMW]);
    let resident = data.resident(&case.stream, &graph)?;
    let step = |weight_decay: f64, decay_norms_and_biases: bool| -> Result<Vec<f32>, Failure> {
        let mut engine = engine(&case.stream, &graph, 2, Precision::F32, &state, rule)?;
        let settings =
            StepSettings { learning_rate: 0.1, weight_decay, decay_norms_and_biases, ..StepSettings::new(rule) };
        let input = StepInput { indices: &[2, 0], transforms: &[], settings };
        engine.steps(&resident, &[input], &mut [StepResult::default()])?;
        read_slab(&engine)
    };
    let (plain, decayed, spared) = (step(0.0, true)?, step(0.5, true)?, step(0.5, false)?);
    let plan = tunefork_graph::Plan::new(&graph, 2, &tunefork_graph::NoWorkspace)?;
    for slot in &plan.slab.parameters {
        let of = |values: &[f32]| values[slot.offset..slot.offset + slot.len].to_vec();
        let expected = if slot.shape.rank() == 1 { of(&plain) } else { of(&decayed) };
        if of(&spared) != expected || of(&plain) == of(&decayed) {
            return Err(format!("{rule:?}: {} with weight decay that spares it or not", slot.name).into());
        }
    }
    Ok(())
}
