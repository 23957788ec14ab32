//! The same steps give the same bits: again, divided otherwise into calls, and from a checkpoint. And
//! engines allocate exactly what was planned.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use tunefork_cuda::{Engine, Resident, StepInput, StepResult, StepSettings};
use tunefork_graph::optimizer::UpdateRule;
use tunefork_graph::{Activation, Conv, Graph, GraphError, Window};
use tunefork_kernels::{Call, Precision, Stream, watched};
use tunefork_reference::{State, testing};

use super::trial::{Data, engine, read_slab};
use crate::{Case, Failure};

/// A network with every kind of step, for batches of 3 images of 8 x 7 pixels in 3 channels, of 4 classes.
///
/// # Errors
/// Never: its layers fit together.
pub fn network() -> Result<Graph, GraphError> {
    let mut g = Graph::new(3, [8, 7, 3])?;
    let conv = Conv { channels: 8, kernel: 3, stride: 1, padding: 1, bias: true };
    let pool = Window { kernel: 2, stride: 2, padding: 0 };
    let x = g.conv2d(g.input(), "first", conv)?;
    let x = g.batch_norm(x, "first.norm")?;
    let x = g.activation(x, Activation::Relu)?;
    let x = g.max_pool(x, pool)?;
    let wider = Conv { channels: 12, ..conv };
    let y = g.conv2d(x, "second", wider)?;
    let y = g.group_norm(y, "second.norm", 3)?;
    let projection = Conv { kernel: 1, padding: 0, bias: false, ..wider };
    let shortcut = g.conv2d(x, "second.shortcut", projection)?;
    let y = g.add(y, shortcut)?;
    let x = g.activation(y, Activation::LeakyRelu)?;
    let x = g.dropout(x)?;
    let x = g.global_average_pool(x)?;
    let x = g.dense(x, "hidden", 9, true)?;
    let x = g.activation(x, Activation::Tanh)?;
    let x = g.dropout(x)?;
    let x = g.dense(x, "head", 4, true)?;
    g.softmax_cross_entropy(x, 4)?;
    Ok(g)
}

/// The check in f32.
pub(super) fn exact(case: &mut Case) -> Result<(), Failure> {
    check(case, Precision::F32)
}

/// Four steps in one call, in calls of one and three, and two of them by an engine made anew; the
/// bytes of each engine are the planned ones, all allocated at once.
///
/// # Errors
/// What differs.
pub fn check(case: &mut Case, precision: Precision) -> Result<(), Failure> {
    let graph = network()?;
    let data = Data::random(case, &graph, 8);
    let state = testing::random_state(&graph, case.between(0, 1 << 30) as u64);
    let trial = Trial {
        resident: data.resident(&case.stream, &graph)?,
        rule: case.one_of(UpdateRule::EXAMPLES),
        graph,
        state,
        precision,
    };

    let (held, calls) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let counters = (Arc::clone(&held), Arc::clone(&calls));
    let stream = watched(&case.stream, move |call| {
        match call {
            Call::Allocate(bytes) => {
                counters.0.fetch_add(bytes as u64, SeqCst);
                counters.1.fetch_add(1, SeqCst);
            }
            Call::Free(bytes) => {
                counters.0.fetch_sub(bytes as u64, SeqCst);
            }
            _ => {}
        }
        Ok(())
    });
    let mut first = trial.engine(&stream)?;
    let at_once = trial.steps(&mut first, 0..4)?;
    let evaluated = first.evaluate(&trial.resident, &[1, 2])?.loss_sum;
    let planned = Engine::planned_bytes(first.plan(), precision);
    let (bytes, calls) = (held.load(SeqCst), calls.load(SeqCst));
    if (bytes, calls) != (planned, 1) {
        return Err(format!("{bytes} bytes in {calls} pieces, {planned} were planned").into());
    }
    case.digest(&at_once.1);
    case.digest(&evaluated.to_ne_bytes());

    let mut again = trial.engine(&stream)?;
    let mut parts = trial.steps(&mut again, 0..1)?.0;
    let (results, bits) = trial.steps(&mut again, 1..4)?;
    parts.extend(results);
    if (&parts, &bits) != (&at_once.0, &at_once.1) {
        return Err("other bits when the steps are divided into calls".into());
    }

    let mut before = trial.engine(&stream)?;
    let mut parts = trial.steps(&mut before, 0..2)?.0;
    let mut after = trial.engine(&stream)?;
    let mut optimizer = vec![0.0; before.optimizer_len()];
    before.read_optimizer(&mut optimizer)?;
    after.write_slab(&read_slab(&before)?)?;
    after.write_optimizer(&optimizer)?;
    let (results, bits) = trial.steps(&mut after, 2..4)?;
    parts.extend(results);
    if (&parts, &bits) != (&at_once.0, &at_once.1) {
        return Err("other bits after a checkpoint".into());
    }
    drop((first, again, before, after));
    match held.load(SeqCst) {
        0 => Ok(()),
        bytes => Err(format!("{bytes} bytes were not given back").into()),
    }
}

struct Trial {
    graph: Graph,
    state: State,
    resident: Arc<Resident>,
    rule: UpdateRule,
    precision: Precision,
}

impl Trial {
    fn engine(&self, stream: &Arc<dyn Stream>) -> Result<Engine, Failure> {
        engine(stream, &self.graph, 2, self.precision, &self.state, self.rule)
    }

    /// Results of some steps, and the bits of the slab and the optimizer after them.
    fn steps(&self, engine: &mut Engine, steps: std::ops::Range<usize>) -> Result<(Vec<StepResult>, Vec<u8>), Failure> {
        let order = [5u32, 2, 7, 1, 0, 6, 3, 4, 5, 2];
        // The last of them is partial.
        let inputs: Vec<StepInput<'_>> = steps
            .map(|step| StepInput {
                indices: &order[3 * step..(3 * step + 3).min(order.len())],
                transforms: &[],
                settings: StepSettings {
                    step: step as u64,
                    learning_rate: 0.01,
                    weight_decay: 1e-3,
                    clip_norm: Some(1.0),
                    label_smoothing: 0.1,
                    dropout: &[0.2, 0.4],
                    dropout_key: [3, 5],
                    ..StepSettings::new(self.rule)
                },
            })
            .collect();
        let mut results = vec![StepResult::default(); inputs.len()];
        engine.steps(&self.resident, &inputs, &mut results)?;
        let mut optimizer = vec![0.0f32; engine.optimizer_len()];
        engine.read_optimizer(&mut optimizer)?;
        let mut bits: Vec<u8> = bytemuck::cast_slice(&read_slab(engine)?).to_vec();
        bits.extend_from_slice(bytemuck::cast_slice(&optimizer));
        Ok((results, bits))
    }
}
