//! Random graphs against the reference in f64: all tensors shared, all groups fused, all aliases that the
//! planner makes use of, batches often masked.

use tunefork_cuda::{StepInput, StepResult, StepSettings};
use tunefork_graph::optimizer::UpdateRule;
use tunefork_graph::{Graph, differentiate};
use tunefork_kernels::Precision;
use tunefork_reference::{Batch, Masks, Mode, Outcome, Settings, run, testing};

use super::trial::{Data, engine, gradients, read_slab};
use crate::{Case, Failure};

const PRECISION: Precision = Precision::F32;
/// Of a whole step in f32: the loss, and the gradients against the norm of all of them.
const LOSS: f64 = 1e-5;
const GRADIENTS: f64 = 1e-4;

/// Some images of a data set in an order that repeats none.
fn draw(case: &mut Case, images: usize, rows: usize) -> Vec<u32> {
    let first = case.between(0, images - 1);
    (0..rows).map(|row| ((first + row * 2) % images) as u32).collect()
}

/// A graph with its seed; all the rest follows from the two.
fn graph(case: &mut Case) -> (Graph, u64) {
    let seed = case.between(0, 1 << 30) as u64;
    (testing::random_graph(seed), seed)
}

/// One training step: loss, hits, running statistics and, away from kinks, gradients.
pub(super) fn training(case: &mut Case) -> Result<(), Failure> {
    let (graph, seed) = graph(case);
    let rows = case.between(1, graph.batch());
    let data = Data::random(case, &graph, 11);
    let indices = draw(case, 11, rows);
    let state = testing::random_state(&graph, seed);
    let settings = testing::random_settings(&graph, seed);
    let values = data.values(&indices);
    // The engine mixes images as well as labels.
    let (image, mixing) = (values.len() / rows, settings.mixing as f32);
    let mixed = |at: usize| {
        let next = values[(at + image) % values.len()];
        f64::from((1.0 - mixing) * values[at] + mixing * next)
    };
    let mixed = (0..values.len()).map(mixed).collect();
    let batch = Batch::new(&graph, mixed, data.labels(&indices))?;
    let all = differentiate(&graph)?;
    let Ok(expected) = run(all.graph(), &state, &batch, Mode::Training, &settings) else {
        return Ok(()); // a batch norm over a single value
    };

    let mut engine = engine(&case.stream, &graph, 2, PRECISION, &state, UpdateRule::SGD)?;
    let resident = data.resident(&case.stream, &graph)?;
    let dropout: Vec<f32> = settings.dropout.iter().map(|&p| p as f32).collect();
    let mut results = [StepResult::default()];
    let weights: Vec<f32> = settings.class_weights.iter().map(|&w| w as f32).collect();
    let input = StepInput::new(&indices, step_settings(&settings, &dropout, &weights));
    engine.steps(&resident, &[input], &mut results)?;
    let context = |reason: Failure| {
        let signature = graph.signature();
        Failure::from(format!("{reason}, graph {seed}, {rows} rows: {signature}"))
    };

    let loss = results[0].loss_sum / rows as f64;
    case.digest(&loss.to_ne_bytes());
    case.close("loss", &[loss], &[expected.loss], LOSS).map_err(context)?;
    let slab = read_slab(&engine)?;
    running(case, &engine.plan().slab, &slab, &expected).map_err(context)?;
    case.digest(bytemuck::cast_slice(&slab));
    let found = gradients(&engine, 1.0)?;
    case.digest(bytemuck::cast_slice(&found));
    // Beside a kink the gradients of two engines may rightly differ.
    if testing::kink_distance(all.graph(), &expected) <= 1e-4 {
        return Ok(());
    }
    let nodes = all.parameter_gradients();
    let square = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>();
    let total = square(&mut nodes.iter().flat_map(|&node| expected.value(node).iter().copied()));
    for (slot, &node) in engine.plan().slab.parameters.iter().zip(nodes) {
        let found = &found[slot.offset..slot.offset + slot.len];
        let pairs = found.iter().zip(expected.value(node));
        let error = square(&mut pairs.map(|(f, e)| f - e)).sqrt();
        // A NaN is not below any limit.
        let is_close = error <= GRADIENTS * total.sqrt();
        if !is_close {
            let total = total.sqrt();
            let name = &slot.name;
            let reason = format!("gradient of {name} is off by {error:.1e}, all are {total:.1e}");
            return Err(context(reason.into()));
        }
    }
    Ok(())
}

fn step_settings<'a>(settings: &Settings, dropout: &'a [f32], class_weights: &'a [f32]) -> StepSettings<'a> {
    let (dropout_key, step) = match settings.masks {
        Masks::Drawn { key, step } => (key, step),
        _ => unreachable!("random settings draw their masks"),
    };
    StepSettings {
        step,
        learning_rate: 0.0,
        label_smoothing: settings.smoothing as f32,
        class_weights,
        mixing: settings.mixing as f32,
        // By a norm that no gradients have: so all of them are stored.
        clip_norm: Some(f32::MAX),
        dropout,
        dropout_key,
        ..StepSettings::new(UpdateRule::SGD)
    }
}

fn running(case: &Case, layout: &tunefork_graph::SlabLayout, slab: &[f32], expected: &Outcome) -> Result<(), Failure> {
    for (slot, expected) in layout.norms.iter().zip(&expected.running) {
        for (start, expected) in [(slot.mean, &expected.mean), (slot.variance, &expected.variance)] {
            // Means may be near 0: compared beside ones.
            let found = slab[start..start + slot.len].iter();
            let found: Vec<f64> = found.map(|&v| 1.0 + f64::from(v)).collect();
            let expected: Vec<f64> = expected.iter().map(|v| 1.0 + v).collect();
            case.close(&slot.name, &found, &expected, 1e-5)?;
        }
    }
    Ok(())
}

/// The logits, the loss and the hits of two batches, the second on the captured graph.
pub(super) fn evaluation(case: &mut Case) -> Result<(), Failure> {
    let (graph, seed) = graph(case);
    let most = case.between(1, 4);
    let data = Data::random(case, &graph, 11);
    let state = testing::random_state(&graph, seed);
    let settings = testing::random_settings(&graph, seed);
    let mut engine = engine(&case.stream, &graph, most, PRECISION, &state, UpdateRule::SGD)?;
    let resident = data.resident(&case.stream, &graph)?;
    for _ in 0..2 {
        let rows = case.between(1, most.min(graph.batch()));
        let indices = draw(case, 11, rows);
        let values = data.values(&indices).iter().map(|&v| f64::from(v)).collect();
        let batch = Batch::new(&graph, values, data.labels(&indices))?;
        let smooth = Settings { smoothing: 0.0, mixing: 0.0, class_weights: Vec::new(), ..settings.clone() };
        let expected = run(&graph, &state, &batch, Mode::Evaluation, &smooth)?;
        let evaluated = engine.evaluate(&resident, &indices)?;
        let loss = evaluated.loss_sum / rows as f64;
        let logits: Vec<f64> = evaluated.logits.iter().map(|&v| f64::from(v)).collect();
        case.digest(bytemuck::cast_slice(&logits));
        let node = graph.logits().expect("a graph with a loss");
        let wanted: Vec<f64> = expected.value(node).iter().copied().collect();
        let context = |reason: Failure| Failure::from(format!("{reason}, graph {seed}"));
        case.close("logits", &logits, &wanted, LOSS).map_err(context)?;
        case.close("loss", &[loss], &[expected.loss], LOSS).map_err(context)?;
    }
    Ok(())
}
