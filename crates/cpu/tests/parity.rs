//! Ten training steps follow PyTorch, with each optimizer and with dropout.
//!
//! The numbers in parity/losses.txt were made by parity/losses.py, in f64. Weights, images and labels
//! come from a formula that both sides know.

use std::sync::Arc;

use tunefork_cpu::{CpuWorkspace, Engine, StepSettings};
use tunefork_graph::optimizer::UpdateRule;
use tunefork_graph::{Activation, Conv, Graph, GraphError, Init, NodeId, Plan, Window};
use tunefork_simd::Isa;

const GOLDEN: &str = include_str!("parity/losses.txt");
/// Of a whole step; the last of ten steps may be ten times as far off.
const TOLERANCE: f64 = 1e-5;

/// Numbers in [0, 1) with 24 bits: SplitMix64 of seed and index.
fn uniform(seed: u64, count: usize) -> impl Iterator<Item = f64> {
    (0..count as u64).map(move |index| {
        let mut z = (index + (seed << 32) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        (z >> 40) as f64 / 16_777_216.0
    })
}

fn conv(channels: usize, kernel: usize, bias: bool) -> Conv {
    Conv { channels, kernel, stride: 1, padding: kernel / 2, bias }
}

/// relu(norm(conv(x)) + shortcut(x)), then max pooling.
fn stage(
    graph: &mut Graph,
    x: NodeId,
    name: &str,
    before: usize,
    channels: usize,
    residual: bool,
) -> Result<NodeId, GraphError> {
    let mut y = graph.conv2d(x, name, conv(channels, 3, true))?;
    y = graph.batch_norm(y, &format!("{name}.norm"))?;
    if residual {
        let shortcut = match before == channels {
            true => x,
            false => graph.conv2d(x, &format!("{name}.shortcut"), conv(channels, 1, false))?,
        };
        y = graph.add(y, shortcut)?;
    }
    y = graph.activation(y, Activation::Relu)?;
    graph.max_pool(y, Window { kernel: 2, stride: 2, padding: 0 })
}

fn network(name: &str) -> Result<Graph, GraphError> {
    let residual = name == "residual";
    let (batch, image, classes, widths, hidden): (_, _, _, &[usize], _) = match residual {
        false => (64, [28, 28, 1], 10, &[32, 64], 128),
        true => (16, [16, 16, 3], 20, &[16, 32, 48, 48], 64),
    };
    let mut graph = Graph::new(batch, image)?;
    let (mut x, mut before) = (graph.input(), image[2]);
    for (index, &channels) in widths.iter().enumerate() {
        x = stage(&mut graph, x, &format!("stage{index}"), before, channels, residual)?;
        before = channels;
    }
    x = if residual { graph.global_average_pool(x)? } else { graph.flatten(x)? };
    x = graph.dense(x, "hidden", hidden, true)?;
    x = graph.activation(x, Activation::Relu)?;
    if name == "dropout" {
        x = graph.dropout(x)?;
    }
    x = graph.dense(x, "head", classes, true)?;
    graph.softmax_cross_entropy(x, classes)?;
    Ok(graph)
}

fn initialise(graph: &Graph, plan: &Plan, slab: &mut [f32]) {
    for (index, (parameter, slot)) in graph.parameters().iter().zip(&plan.slab.parameters).enumerate() {
        let (low, high) = match parameter.init {
            Init::Weights { fan_in } => (-1.0 / (fan_in as f64).sqrt(), 1.0 / (fan_in as f64).sqrt()),
            Init::Ones => (0.5, 1.5),
            Init::Zeros => (-0.5, 0.5),
        };
        for (value, u) in slab[slot.offset..].iter_mut().zip(uniform(index as u64 + 1, slot.len)) {
            *value = (low + (high - low) * u) as f32;
        }
    }
}

fn optimizer(name: &str) -> (UpdateRule, f64, f64) {
    match name {
        "sgd" => (UpdateRule::momentum(0.9, false), 0.05, 5e-4),
        "nesterov" => (UpdateRule::momentum(0.9, true), 0.05, 5e-4),
        "adam" => (UpdateRule::ADAM, 1e-3, 1e-4),
        "adamw" => (UpdateRule::ADAMW, 1e-3, 1e-2),
        "rmsprop" => (UpdateRule::RMSPROP, 1e-3, 1e-4),
        other => panic!("no optimizer {other}"),
    }
}

/// The losses of some steps, and the parameters after them.
fn train(name: &str, optimizer_name: &str, isa: Isa, threads: usize, steps: u64) -> (Vec<f64>, Vec<f32>) {
    let graph = network(name).unwrap();
    let plan = Arc::new(Plan::new(&graph, graph.batch(), &CpuWorkspace).unwrap());
    let mut engine = Engine::new(Arc::clone(&plan), isa, threads).unwrap();
    initialise(&graph, &plan, engine.slab_mut());
    let (kind, learning_rate, weight_decay) = optimizer(optimizer_name);
    let losses = (0..steps)
        .map(|step| {
            let fill = |input: &mut [f32]| {
                let count = input.len();
                input
                    .iter_mut()
                    .zip(uniform(1000 + step, count))
                    .for_each(|(pixel, u)| *pixel = (u * 3.0 - 1.0) as f32);
            };
            let labels: Vec<u16> =
                uniform(2000 + step, graph.batch()).map(|u| (u * plan.classes as f64) as u16).collect();
            let settings = StepSettings {
                step,
                learning_rate,
                weight_decay,
                dropout: &[0.3],
                dropout_key: [1, 2],
                ..StepSettings::new(kind)
            };
            engine.train(fill, &labels, &settings).unwrap().loss_sum / labels.len() as f64
        })
        .collect();
    (losses, engine.slab().to_vec())
}

fn check(network: &str, isa: Isa) {
    let mut found = 0;
    for line in GOLDEN.lines() {
        let mut words = line.split_whitespace();
        let (name, optimizer) = (words.next().unwrap(), words.next().unwrap());
        if name != network {
            continue;
        }
        let expected: Vec<f64> = words.map(|word| word.parse().unwrap()).collect();
        let (got, _) = train(name, optimizer, isa, 2, 10);
        for (step, (got, expected)) in got.iter().zip(&expected).enumerate() {
            let error = (got - expected).abs() / expected;
            let most = TOLERANCE * (step + 1) as f64;
            assert!(
                error <= most,
                "{network}, {optimizer}, {isa}, step {step}: {got} instead of {expected}, off by {error:e}"
            );
        }
        assert_eq!(got.len(), expected.len());
        found += 1;
    }
    assert!(found > 0, "no golden numbers for {network}");
}

#[test]
fn the_fashion_network_follows_pytorch() {
    check("fashion", Isa::detect());
}

#[test]
fn the_residual_network_follows_pytorch_on_every_instruction_set() {
    Isa::available().into_iter().for_each(|isa| check("residual", isa));
}

#[test]
fn dropout_with_given_masks_follows_pytorch_on_every_instruction_set() {
    Isa::available().into_iter().for_each(|isa| check("dropout", isa));
}

#[test]
fn real_batches_give_the_same_bits_on_any_number_of_threads() {
    for (network, isa) in [("dropout", Isa::detect()), ("residual", Isa::PORTABLE)] {
        let runs = [1, 2, 3].map(|threads| {
            let (losses, slab) = train(network, "adam", isa, threads, 3);
            let bits: Vec<u32> = slab.iter().map(|value| value.to_bits()).collect();
            (losses.iter().map(|loss| loss.to_bits()).collect::<Vec<_>>(), bits)
        });
        assert!(runs.windows(2).all(|pair| pair[0] == pair[1]), "{network}, {isa}");
    }
}
