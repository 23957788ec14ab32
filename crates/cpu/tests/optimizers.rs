//! Each optimizer against the reference, which is given the gradients that the engine has found.

use std::sync::Arc;

use ndarray::ArrayD;
use tunefork_cpu::{CpuWorkspace, Engine, StepSettings};
use tunefork_graph::{Graph, Plan, Slot, UpdateRule};
use tunefork_reference::optimizer::Optimizer;
use tunefork_rng::{Key, Purpose};
use tunefork_simd::Isa;

/// The parameters as the reference has them: each of its own shape.
fn tensors(values: &[f32], slots: &[Slot]) -> Vec<ArrayD<f64>> {
    let tensor = |slot: &Slot| {
        let values = values[slot.offset..slot.offset + slot.len].iter().map(|value| f64::from(*value));
        ArrayD::from_shape_vec(slot.shape.sizes(), values.collect()).expect("as many values as the shape has")
    };
    slots.iter().map(tensor).collect()
}

fn follow(rule: UpdateRule, decay_norms_and_biases: bool, isa: Isa) {
    let mut graph = Graph::new(4, [5, 5, 1]).unwrap();
    let x = graph.flatten(graph.input()).unwrap();
    let x = graph.dense(x, "head", 3, true).unwrap();
    graph.softmax_cross_entropy(x, 3).unwrap();
    let mut plan = Plan::new(&graph, 4, &CpuWorkspace).unwrap();
    plan.optimizer_states = rule.states();
    let slots = plan.slab.parameters.clone();
    let mut engine = Engine::new(Arc::new(plan), isa, 1).unwrap();
    let mut draw = Key::study(3).stream(Purpose::Generate);
    engine.slab_mut().iter_mut().for_each(|p| *p = (draw.f64() - 0.5) as f32);
    let start = tensors(engine.slab(), &slots);
    let mut parameters = start.clone();
    let mut reference = Optimizer::new(rule, &parameters);
    reference.decay_norms_and_biases = decay_norms_and_biases;
    for step in 0..6 {
        let settings = StepSettings {
            step,
            learning_rate: 0.01,
            weight_decay: 0.1,
            decay_norms_and_biases,
            ..StepSettings::new(rule)
        };
        engine.train(|input| input.iter_mut().for_each(|x| *x = draw.f64() as f32), &[0, 1, 2, 1], &settings).unwrap();
        reference.update(&mut parameters, &tensors(engine.gradients(), &slots), 0.01, 0.1);
    }
    let norm = |values: ArrayD<f64>| values.iter().map(|value| value * value).sum::<f64>().sqrt();
    for ((p, start), found) in parameters.iter().zip(&start).zip(tensors(engine.slab(), &slots)) {
        let (moved, error) = (norm(p - start), norm(p - &found));
        assert!(moved > 1e-3 && error < 1e-5 * moved, "{rule:?}, {isa}: off by {error}, moved by {moved}");
    }
}

#[test]
fn every_optimizer_follows_the_reference() {
    for isa in Isa::available() {
        for rule in UpdateRule::EXAMPLES {
            follow(*rule, true, isa);
            follow(*rule, false, isa);
        }
    }
}
