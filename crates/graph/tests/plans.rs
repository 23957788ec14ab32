//! Properties of the plans of random graphs, checked on the finished steps alone.

mod common;

use common::PlainEngine;
use proptest::prelude::*;
use tunefork_graph::{
    Buffer, Graph, Init, NoWorkspace, Op, Plan, Precision, Program, Step, StepShape, Workspace, differentiate,
};
use tunefork_networks::{NETWORKS, Network};
use tunefork_reference::testing;

/// Stores values in 16 bits.
struct HalfEngine;

impl Workspace for HalfEngine {
    fn len(&self, step: StepShape<'_>) -> usize {
        PlainEngine.len(step)
    }

    fn tensor_len(&self, values: usize) -> usize {
        values.div_ceil(2)
    }

    fn precision(&self) -> Precision {
        Precision::F16
    }
}

fn overlap(a: Buffer, b: Buffer) -> bool {
    a.offset < b.offset + b.len && b.offset < a.offset + a.len
}

/// Two tensors of one step lie apart, or the step says that they may share their place, or they are
/// one tensor in two roles: read twice, or a gradient that receives two terms.
fn check_step(step: &Step) {
    let (uses, overlays) = (step.uses(), step.overlays());
    for (i, a) in uses.iter().enumerate() {
        for b in uses[i + 1..].iter().filter(|b| overlap(a.tensor, b.tensor)) {
            assert_eq!(a.tensor, b.tensor, "two tensors of a step overlap in part: {step:?}");
            let allowed = overlays.contains(&(b.tensor, a.tensor)) || overlays.contains(&(a.tensor, b.tensor));
            assert!(allowed || a.writes == b.writes, "the step does not allow this: {step:?}");
        }
    }
}

/// Follows what every step writes: whatever a step reads was written before and has not been
/// touched since.
fn check_program(program: &Program) {
    let mut live = vec![program.input];
    for step in &program.steps {
        check_step(step);
        for used in step.uses() {
            let Buffer { offset, len } = used.tensor;
            assert!(offset % 64 == 0 && offset + len <= program.arena_len, "{step:?}");
            assert_eq!(used.tensor.range(), offset..offset + len);
            assert!(!used.reads || live.contains(&used.tensor), "{:?} is gone or never was: {step:?}", used.tensor);
        }
        for used in step.uses().iter().filter(|used| used.writes) {
            live.retain(|&other| !overlap(other, used.tensor));
            live.push(used.tensor);
        }
    }
    let is_training = program.steps.iter().any(|step| matches!(step, Step::Loss(s) if s.gradient.is_some()));
    assert!(is_training || live.contains(&program.logits), "an evaluation leaves its logits");
}

/// The most elements that are alive at one time, when a tensor lives from its first to its last use
/// and those that lie on each other count once: no placing can need less.
fn most_alive(program: &Program) -> usize {
    let mut spans: Vec<(Buffer, usize, usize)> = vec![(program.input, 0, 0)];
    for (time, step) in program.steps.iter().enumerate() {
        for used in step.uses() {
            let known = spans.iter_mut().rev().find(|(buffer, ..)| overlap(*buffer, used.tensor));
            match known.filter(|(buffer, ..)| *buffer == used.tensor && (used.reads || !used.writes)) {
                Some((_, _, last)) => *last = time,
                None => spans.push((used.tensor, time, time)),
            }
        }
    }
    let at = |time: usize| {
        let mut alive: Vec<Buffer> =
            spans.iter().filter(|(_, first, last)| (*first..=*last).contains(&time)).map(|span| span.0).collect();
        alive.sort();
        alive.dedup();
        alive.iter().map(|buffer| buffer.len.next_multiple_of(64)).sum::<usize>()
    };
    (0..program.steps.len()).map(at).max().unwrap_or(0)
}

fn check(plan: &Plan) {
    check_program(&plan.training);
    check_program(&plan.evaluation);
    assert_eq!(plan.arena_len(), plan.training.arena_len.max(plan.evaluation.arena_len));
    let bytes = plan.bytes();
    let slots: usize = plan.slab.parameters.iter().map(|slot| slot.len.next_multiple_of(16)).sum();
    assert_eq!(plan.slab.trainable_len, slots);
    let statistics = plan.slab.norms.iter().flat_map(|norm| norm.ranges().map(|range| (range, norm.len)));
    let mut end = slots;
    for (range, len) in statistics {
        assert_eq!(range, end..end + len);
        end += len.next_multiple_of(16);
    }
    assert_eq!(plan.slab.len, end);
    assert_eq!(bytes.gradients + bytes.optimizer, 12 * slots as u64);
    assert_eq!(bytes.total(), 4 * (plan.slab.len + 3 * slots + plan.arena_len()) as u64);
}

/// Operations of an image: of each convolution and dense layer that reaches the loss, two per multiply-add. Backward as
/// many for the weights, and for x if a parameter stands before it.
fn operations(graph: &Graph) -> [u64; 2] {
    let gradients = differentiate(graph).unwrap();
    let mut sums = [0; 2];
    for id in graph.ids().filter(|id| gradients.gradient(*id).is_some()) {
        let node = graph.node(id);
        if let Op::Conv2d(_) | Op::Dense = node.op
            && let Op::Parameter(weights) = graph.node(node.inputs[1]).op
            && let Init::Weights { fan_in } = graph.parameters()[weights.index()].init
        {
            let forward = (2 * fan_in * node.shape.elements() / graph.batch()) as u64;
            let passes = if gradients.gradient(node.inputs[0]).is_some() { 2 } else { 1 };
            sums = [sums[0] + forward, sums[1] + passes * forward];
        }
    }
    sums
}

/// Values of the tensors of all steps, in each step each tensor once.
fn touched(program: &Program) -> u64 {
    let of_step = |step: &Step| {
        let mut tensors: Vec<Buffer> = step.uses().iter().map(|used| used.tensor).collect();
        tensors.sort();
        tensors.dedup();
        tensors.iter().map(|tensor| tensor.len as u64).sum::<u64>()
    };
    program.steps.iter().map(of_step).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_is_read_that_was_overwritten(seed: u64, evaluation_batch in 1usize..7, engine in 0usize..3) {
        let engines: [&dyn Workspace; 3] = [&NoWorkspace, &PlainEngine, &HalfEngine];
        let workspace = engines[engine];
        check(&Plan::new(&testing::random_graph(seed), evaluation_batch, workspace).unwrap());
    }

    #[test]
    fn costs_are_counted_off_the_graph(seed: u64, evaluation_batch in 1usize..7) {
        let graph = testing::random_graph(seed);
        let plan = Plan::new(&graph, evaluation_batch, &NoWorkspace).unwrap();
        let [forward, backward] = operations(&graph);
        let [evaluation, training] = [&plan.evaluation, &plan.training].map(|program| program.cost);
        prop_assert_eq!(evaluation.flops, forward * evaluation_batch as u64);
        prop_assert_eq!(training.flops, (forward + backward) * graph.batch() as u64);
        // Forward a parameter is read, backward it is read again and its gradient written; then Adam's update.
        let parameters = plan.parameter_count() as u64;
        prop_assert_eq!(evaluation.bytes, 4 * (touched(&plan.evaluation) + parameters));
        prop_assert_eq!(training.bytes, 4 * (touched(&plan.training) + 3 * parameters + 7 * plan.slab.trainable_len as u64));
        prop_assert_eq!((evaluation.steps, training.steps), (plan.evaluation.steps.len() as u64, plan.training.steps.len() as u64 + 1));
    }

    #[test]
    fn equal_graphs_have_equal_plans(seed: u64) {
        let plan = || Plan::new(&testing::random_graph(seed), 3, &PlainEngine).unwrap();
        prop_assert_eq!(plan().training, plan().training);
        prop_assert_eq!(plan().key, plan().key);
    }
}

#[test]
fn arenas_are_hardly_larger_than_what_is_alive() {
    for network in NETWORKS.iter() {
        let plan = Plan::new(&network.graph().unwrap(), 64, &PlainEngine).unwrap();
        check(&plan);
        let (len, least) = (plan.training.arena_len, most_alive(&plan.training));
        assert!(len as f64 <= 1.05 * least as f64, "{}: {len} elements for {least} alive", network.name);
    }
    let plans = (0..300).map(|seed| Plan::new(&testing::random_graph(seed), 3, &NoWorkspace).unwrap());
    let (len, least) =
        plans.fold((0, 0), |(len, least), plan| (len + plan.training.arena_len, least + most_alive(&plan.training)));
    assert!(len as f64 <= 1.05 * least as f64, "random graphs: {len} elements for {least} alive");
}

#[test]
fn tensors_of_16_bits_take_half_the_room() {
    let graph = Network::named("m1").graph().unwrap();
    let plan = |workspace| Plan::new(&graph, 64, workspace).unwrap();
    let (whole, half) = (plan(&PlainEngine), plan(&HalfEngine));
    for (a, b) in whole.training.steps.iter().zip(&half.training.steps) {
        if let (Step::BlockForward(a), Step::BlockForward(b)) = (a, b) {
            assert_eq!(b.output.len, a.output.len.div_ceil(2));
            assert_eq!(b.saved.unwrap().len, a.saved.unwrap().len.div_ceil(2));
            assert_eq!(b.statistics.unwrap().len, a.statistics.unwrap().len);
            assert_eq!(b.workspace.unwrap().len, a.workspace.unwrap().len);
        }
    }
    assert!(half.key.starts_with("f16-b64-e64-") && whole.key.starts_with("f32-"));
    assert_eq!(half.key.split_once("-").unwrap().1, whole.key.split_once("-").unwrap().1);
}

#[test]
fn what_a_convolution_kept_may_be_overwritten_in_the_backward_pass() {
    let plan = Plan::new(&Network::named("m1").graph().unwrap(), 64, &NoWorkspace).unwrap();
    let mut blocks = 0;
    for step in &plan.training.steps {
        if let Step::BlockBackward(s) = step {
            let kept = step.uses().into_iter().find(|u| Some(u.tensor) == s.saved);
            let kept = kept.expect("a block with a norm reads what was kept");
            assert!(kept.reads && kept.writes == s.block.conv.is_some());
            blocks += 1;
        }
    }
    assert_eq!(blocks, 2);
}
