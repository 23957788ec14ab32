//! Whole random graphs, on every instruction set, against the reference in f64: all tensors shared, all
//! groups fused, all aliases that the planner makes use of; batches are often masked. The tolerances are
//! those of a whole step: 1e-5 for the loss, 1e-4 for the gradients (a batch norm over two values
//! magnifies every rounding before it).

mod common;

use common::{Case, copy, distance, norm};
use tunefork_cpu::Engine;
use tunefork_reference::{Mode, Outcome, run, testing};
use tunefork_simd::Isa;

const GRAPHS: u64 = 300;

fn case(seed: u64) -> Case {
    let graph = testing::random_graph(seed);
    let rows = 1 + seed as usize % graph.batch();
    Case::new(graph, rows, 1 + seed as usize % 4, seed)
}

#[test]
fn training_steps_do_what_their_graphs_say() {
    let mut compared = 0;
    for seed in 0..GRAPHS {
        let case = case(seed);
        let Some(expected) = case.expected() else {
            continue;
        };
        // Beside a kink the gradients of two engines may rightly differ.
        let smooth = testing::kink_distance(case.all.graph(), &expected) > 1e-4;
        for isa in Isa::available() {
            let mut engine = case.engine(isa, 1);
            let result = case.step(&mut engine);
            let loss = result.loss_sum / case.batch.rows() as f64;
            let context = || format!("seed {seed}, {isa}\n{}\n{:#?}", case.graph.signature(), case.plan.training.steps);
            assert!((loss - expected.loss).abs() <= 1e-5 * expected.loss, "{loss} {} {}", expected.loss, context());
            running_statistics_agree(&case, &engine, &expected);
            if smooth {
                gradients_agree(&case, &engine, &expected, &context);
            }
        }
        compared += u32::from(smooth);
    }
    assert!(compared > 100, "only {compared} graphs were away from kinks");
}

fn gradients_agree(case: &Case, engine: &Engine, expected: &Outcome, context: &dyn Fn() -> String) {
    let all = case.all.parameter_gradients();
    let total = norm(all.iter().flat_map(|&node| expected.value(node)));
    for (index, &node) in all.iter().enumerate() {
        let name = &case.graph.parameters()[index].name;
        let error = distance(case.gradient(engine, index), expected.value(node));
        assert!(error <= 1e-4 * total, "gradient of {name} is off by {error}, the whole is {total}: {}", context());
    }
}

fn running_statistics_agree(case: &Case, engine: &Engine, expected: &Outcome) {
    for (slot, running) in case.plan.slab.norms.iter().zip(&expected.running) {
        for (start, expected) in [(slot.mean, &running.mean), (slot.variance, &running.variance)] {
            let got = &engine.slab()[start..start + slot.len];
            let error = distance(got, &expected.clone().into_dyn());
            assert!(error <= 1e-5 * (1.0 + norm(expected)), "{}: {got:?} instead of {expected}", slot.name);
        }
    }
}

#[test]
fn evaluations_do_what_their_graphs_say() {
    for seed in 0..GRAPHS {
        let case = case(seed);
        let rows = case.batch.rows().min(case.plan.evaluation.batch);
        let batch = testing::random_batch(&case.graph, rows, seed + 1);
        let expected = run(&case.graph, &case.state, &batch, Mode::Evaluation, &case.settings).unwrap();
        for isa in Isa::available() {
            let mut engine = case.engine(isa, 1);
            let evaluated = engine.evaluate(|input| copy(batch.images().iter(), input), batch.labels()).unwrap();
            let logits = expected.value(case.graph.logits().unwrap());
            let error = distance(evaluated.logits, logits);
            assert!(
                error <= 1e-5 * (1.0 + norm(logits)),
                "seed {seed}, {isa}: off by {error}\n{}\n{:#?}",
                case.graph.signature(),
                case.plan.evaluation.steps
            );
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    for seed in 0..60 {
        let case = case(seed);
        for isa in Isa::available() {
            let results: Vec<_> = [1, 2, 3]
                .iter()
                .map(|&threads| {
                    let mut engine = case.engine(isa, 1 + threads % 3);
                    engine.set_threads(threads);
                    assert_eq!(engine.threads(), threads);
                    let result = case.step(&mut engine);
                    let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                    (result.loss_sum.to_bits(), bits(engine.gradients()), bits(engine.slab()))
                })
                .collect();
            assert!(results.windows(2).all(|pair| pair[0] == pair[1]), "seed {seed}, {isa}");
        }
    }
}
