//! The networks of the comparison: parameters, operations, groups and memory against numbers that
//! were worked out by hand.

mod common;

use common::PlainEngine;
use tunefork_graph::{Activation, Conv, Graph, GraphError, NodeId, Plan, PoolKind, Shortcut, Step, Window};
use tunefork_networks::Network;

/// Filters of 3x3 that keep the image's size.
fn same(channels: usize) -> Conv {
    Conv { channels, kernel: 3, stride: 1, padding: 1, bias: true }
}

/// conv -> batch norm -> relu -> pool by two.
fn block(g: &mut Graph, x: NodeId, name: &str, channels: usize) -> Result<NodeId, GraphError> {
    let x = g.conv2d(x, &format!("{name}.conv"), same(channels))?;
    let x = g.batch_norm(x, &format!("{name}.norm"))?;
    let x = g.activation(x, Activation::Relu)?;
    g.max_pool(x, Window { kernel: 2, stride: 2, padding: 0 })
}

/// relu(norm(conv(relu(norm(conv(x))))) + x).
fn two_convolutions(g: &mut Graph, x: NodeId, name: &str, channels: usize) -> Result<NodeId, GraphError> {
    let y = g.conv2d(x, &format!("{name}.conv1"), same(channels))?;
    let y = g.batch_norm(y, &format!("{name}.norm1"))?;
    let y = g.activation(y, Activation::Relu)?;
    let y = g.conv2d(y, &format!("{name}.conv2"), same(channels))?;
    let y = g.batch_norm(y, &format!("{name}.norm2"))?;
    let y = g.add(y, x)?;
    g.activation(y, Activation::Relu)
}

/// Blocks as the first residual networks had, at the end of every stage, and no other shortcuts.
fn first_residual_network() -> Result<Graph, GraphError> {
    let mut g = Graph::new(64, [64, 64, 3])?;
    let mut x = g.input();
    for (i, channels) in [64, 128, 256, 256].into_iter().enumerate() {
        x = block(&mut g, x, &format!("stage{i}"), channels)?;
        x = two_convolutions(&mut g, x, &format!("stage{i}.residual"), channels)?;
    }
    x = g.global_average_pool(x)?;
    x = g.flatten(x)?;
    x = g.dense(x, "hidden", 512, true)?;
    x = g.activation(x, Activation::Relu)?;
    x = g.dropout(x)?;
    x = g.dense(x, "head", 200, true)?;
    g.softmax_cross_entropy(x, 200)?;
    Ok(g)
}

fn network(name: &str) -> Graph {
    Network::named(name).graph().unwrap()
}

fn plan(name: &str) -> Plan {
    Plan::new(&network(name), 256, &PlainEngine).unwrap()
}

#[test]
fn parameters_are_those_of_the_peers() {
    let counts = ["m0", "m1", "m2", "m3", "m4"].map(|name| plan(name).parameter_count());
    assert_eq!(counts, [804_554, 421_834, 12_939_525, 1_237_640, 269_322]);
}

/// For one image: forward, and twice forward less what the first layer need not pass on.
#[test]
fn operations_are_counted_exactly() {
    let flops = |name: &str| {
        let plan = plan(name);
        plan.training.cost.flops / plan.training.batch as u64
    };
    let (conv0, conv1) = (2 * 28 * 28 * 32 * 9, 2 * 14 * 14 * 64 * 9 * 32);
    let dense = 2 * (3136 * 128 + 128 * 10);
    assert_eq!(flops("m1"), 3 * (conv0 + conv1 + dense) - conv0);
    // 1,266 GFLOP per 1,000 images are known of this network.
    assert_eq!((flops("m3") + 500_000) / 1_000_000, 1266);
    let forward = plan("m4").evaluation.cost;
    assert_eq!((forward.flops, forward.steps), (256 * 2 * (784 * 256 + 256 * 256 + 256 * 10), 4));
}

/// Bytes that no plan can do without: parameters, gradients and two states; per block the values
/// before the norm and the block's output; per dense layer its output.
fn minimum_bytes(graph: &Graph, plan: &Plan) -> u64 {
    let kept: usize = plan
        .training
        .steps
        .iter()
        .map(|step| match step {
            Step::BlockForward(s) => s.block.convolved.elements() + s.block.output.elements(),
            Step::DenseForward(s) => s.dense.outputs,
            _ => 0,
        })
        .sum();
    (16 * plan.parameter_count() + 4 * kept * graph.batch()) as u64
}

/// The known minima in MB, and at most 1.3 times as much in the plan, workspace included.
#[test]
fn memory_is_near_its_minimum() {
    let networks = [("m1", 19), ("m2", 657), ("m3", 172), ("m4", 5)].map(|(name, known)| (name, network(name), known));
    let residual = ("two convolutions a shortcut", first_residual_network().unwrap(), 337);
    for (name, graph, known) in networks.into_iter().chain([residual]) {
        // The comparison evaluates with the batch that it trains with.
        let plan = Plan::new(&graph, graph.batch(), &PlainEngine).unwrap();
        let minimum = minimum_bytes(&graph, &plan);
        assert!((minimum / 1_000_000).abs_diff(known) <= 1, "{name}: {minimum} bytes, known are {known} MB");
        let (planned, ratio) = (plan.bytes().total(), plan.bytes().total() as f64 / minimum as f64);
        assert!(ratio <= 1.3, "{name}: {planned} bytes are {ratio:.3} times the minimum {minimum}");
    }
}

/// Evaluation keeps nothing, so that it may take larger batches in the same arena.
#[test]
fn evaluation_needs_less_than_training() {
    for name in ["m0", "m1", "m2", "m3", "m4"] {
        let graph = network(name);
        let plan = Plan::new(&graph, graph.batch(), &PlainEngine).unwrap();
        assert!(plan.evaluation.arena_len <= plan.training.arena_len, "{name}");
        assert_eq!(plan.arena_len(), plan.training.arena_len, "{name}");
    }
    let plan = plan("m1");
    assert!(plan.evaluation.steps.iter().all(|step| match step {
        Step::BlockForward(s) => s.saved.is_none() && s.statistics.is_some(),
        Step::DenseForward(_) => true,
        Step::Loss(s) => s.gradient.is_none(),
        _ => false,
    }));
}

#[test]
fn a_residual_stage_is_one_block() {
    let plan = plan("m3");
    let blocks: Vec<_> = plan
        .training
        .steps
        .iter()
        .filter_map(|step| match step {
            Step::BlockForward(s) => Some(s),
            _ => None,
        })
        .collect();
    assert_eq!(blocks.len(), 4);
    for (stage, step) in blocks.iter().enumerate() {
        let block = &step.block;
        assert_eq!(block.name, format!("conv{stage}"));
        assert!(block.conv.is_some() && block.norm.is_some());
        assert_eq!(block.activation, Some(Activation::Relu));
        assert_eq!(block.pool.map(|pool| pool.kind), Some(PoolKind::Max));
        assert_eq!(step.shortcut_input, Some(step.input));
        assert_eq!(matches!(block.shortcut, Shortcut::Projected { .. }), stage < 3);
        assert_eq!(block.shortcut == Shortcut::Identity, stage == 3);
    }
}

/// The gradients of a block's input lie where the input was: this is what keeps the arena small.
#[test]
fn gradients_take_the_place_of_what_they_are_gradients_of() {
    let plan = plan("m1");
    let backward: Vec<_> = plan
        .training
        .steps
        .iter()
        .filter_map(|step| match step {
            Step::BlockBackward(s) => Some(s),
            _ => None,
        })
        .collect();
    let (last, first) = (backward[0], backward[1]);
    assert_eq!(last.input_gradient.map(|gradient| gradient.to), last.input);
    assert_eq!(Some(first.output_gradient), last.input);
    assert_eq!(first.input_gradient, None, "nobody asks for the gradient of the images");
    let loss = plan.training.steps.iter().find_map(|step| match step {
        Step::Loss(s) => Some(s),
        _ => None,
    });
    assert_eq!(loss.unwrap().gradient, Some(plan.training.logits));
}

#[test]
fn the_key_tells_graphs_shapes_and_batches_apart_but_not_names() {
    let build = |batch: usize, name: &str, channels: usize, activation: Activation| {
        let mut g = Graph::new(batch, [8, 8, 1]).unwrap();
        let x = g.conv2d(g.input(), name, same(channels)).unwrap();
        let x = g.activation(x, activation).unwrap();
        let x = g.max_pool(x, Window { kernel: 2, stride: 2, padding: 0 }).unwrap();
        let x = g.flatten(x).unwrap();
        let x = g.dense(x, "head", 3, true).unwrap();
        g.softmax_cross_entropy(x, 3).unwrap();
        Plan::new(&g, 16, &PlainEngine).unwrap().key
    };
    let key = build(4, "a", 8, Activation::Relu);
    assert_eq!(key, build(4, "b", 8, Activation::Relu));
    assert_ne!(key, build(5, "a", 8, Activation::Relu));
    assert_ne!(key, build(4, "a", 9, Activation::Relu));
    assert_ne!(key, build(4, "a", 8, Activation::Tanh));
    // Stored in databases: the key of a graph must not change between builds.
    assert_eq!(key, "f32-b4-e16-19fdd19f3fbfa6ea38cb69f717af141d");
}
