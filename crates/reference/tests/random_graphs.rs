//! Whatever the builder makes: gradients are right, and the plan does what the graph says.

mod common;

use common::Case;
use tunefork_graph::{NoWorkspace, Plan, differentiate};
use tunefork_reference::{Mode, Tensor, run, run_program, testing};

/// Enough to meet every pair of neighbouring operations many times.
const GRAPHS: u64 = 300;

fn case(seed: u64) -> Case {
    let graph = testing::random_graph(seed);
    let rows = 1 + (seed as usize % graph.batch()); // often fewer than the batch: masked
    Case::new(graph, rows, seed)
}

#[test]
fn programs_do_what_their_graphs_say() {
    let run = (0..GRAPHS).filter(|&seed| programs_agree(&case(seed), 1 + seed as usize % 4)).count();
    assert!(run > 200, "only {run} of {GRAPHS} graphs could be run");
}

#[test]
fn gradients_follow_central_differences() {
    let compared = (0..GRAPHS / 3).filter(|&seed| case(seed).gradients_agree()).count();
    assert!(compared > 25, "only {compared} graphs were away from kinks");
}

/// Compares the planned programs with the graph, value by value; false where a batch norm has a
/// single value.
fn programs_agree(case: &Case, evaluation_batch: usize) -> bool {
    let all = differentiate(&case.graph).unwrap();
    let plan = Plan::new(&case.graph, evaluation_batch, &NoWorkspace).unwrap();
    let Case { state, batch, settings, .. } = case;
    let Ok(expected) = run(all.graph(), state, batch, Mode::Training, settings) else {
        assert!(run_program(&plan, Mode::Training, state, batch, settings).is_err());
        return false;
    };
    let report = run_program(&plan, Mode::Training, state, batch, settings).unwrap();
    let context = || format!("{}\n{:#?}", case.graph.signature(), plan.training.steps);
    assert!((report.loss - expected.loss).abs() < 1e-9, "{} {}\n{}", report.loss, expected.loss, context());
    assert_eq!(report.correct, expected.correct);
    for (i, (gradient, &node)) in report.gradients.iter().zip(all.parameter_gradients()).enumerate() {
        let name = &case.graph.parameters()[i].name;
        assert!(close(gradient, expected.value(node)), "gradient of {name}\n{}", context());
    }
    for (report, expected) in report.running.iter().zip(&expected.running) {
        assert_eq!(report, expected);
    }
    evaluation_agrees(case, &plan);
    true
}

fn evaluation_agrees(case: &Case, plan: &Plan) {
    let (mut graph_batch, state, settings) = (&case.batch, &case.state, &case.settings);
    let shortened;
    if graph_batch.rows() > plan.evaluation.batch {
        shortened = testing::random_batch(&case.graph, plan.evaluation.batch, 1);
        graph_batch = &shortened;
    }
    let expected = run(&case.graph, state, graph_batch, Mode::Evaluation, settings).unwrap();
    let report = run_program(plan, Mode::Evaluation, state, graph_batch, settings).unwrap();
    assert!((report.loss - expected.loss).abs() < 1e-9, "{:#?}", plan.evaluation.steps);
    assert!(close(&report.logits, expected.value(case.graph.logits().unwrap())));
    assert_eq!(report.running, state.running);
}

fn close(a: &Tensor, b: &Tensor) -> bool {
    let norm = b.iter().map(|b| b * b).sum::<f64>().sqrt();
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-9 * (1.0 + norm))
}
