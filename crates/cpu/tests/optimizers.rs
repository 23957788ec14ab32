//! Each optimizer against the reference, which is given the gradients that the engine has found.

use std::sync::Arc;

use ndarray::{Array1, ArrayD};
use tunefork_cpu::{CpuWorkspace, Engine, StepSettings};
use tunefork_graph::{Graph, Plan, UpdateRule};
use tunefork_reference::optimizer::Optimizer;
use tunefork_rng::{Key, Purpose};
use tunefork_simd::Isa;

fn tensor(values: &[f32]) -> ArrayD<f64> {
    values.iter().map(|value| f64::from(*value)).collect::<Array1<f64>>().into_dyn()
}

fn follow(rule: UpdateRule, isa: Isa) {
    let mut graph = Graph::new(4, [5, 5, 1]).unwrap();
    let x = graph.flatten(graph.input()).unwrap();
    let x = graph.dense(x, "head", 3, true).unwrap();
    graph.softmax_cross_entropy(x, 3).unwrap();
    let mut plan = Plan::new(&graph, 4, &CpuWorkspace).unwrap();
    plan.optimizer_states = rule.states();
    let mut engine = Engine::new(Arc::new(plan), isa, 1).unwrap();
    let mut draw = Key::study(3).stream(Purpose::Generate);
    engine.slab_mut().iter_mut().for_each(|p| *p = (draw.f64() - 0.5) as f32);
    let start = tensor(engine.slab());
    let mut parameters = [start.clone()];
    let mut reference = Optimizer::new(rule, &parameters);
    for step in 0..6 {
        let settings = StepSettings { step, learning_rate: 0.01, weight_decay: 0.1, ..StepSettings::new(rule) };
        engine.train(|input| input.iter_mut().for_each(|x| *x = draw.f64() as f32), &[0, 1, 2, 1], &settings).unwrap();
        reference.update(&mut parameters, &[tensor(engine.gradients())], 0.01, 0.1);
    }
    let norm = |values: ArrayD<f64>| values.iter().map(|value| value * value).sum::<f64>().sqrt();
    let moved = norm(&parameters[0] - &start);
    let error = norm(&parameters[0] - &tensor(engine.slab()));
    assert!(moved > 1e-3 && error < 1e-5 * moved, "{rule:?}, {isa}: off by {error}, moved by {moved}");
}

#[test]
fn every_optimizer_follows_the_reference() {
    for isa in Isa::available() {
        UpdateRule::EXAMPLES.iter().for_each(|rule| follow(*rule, isa));
    }
}
