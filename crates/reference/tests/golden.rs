//! Two networks against PyTorch: gradients, running statistics, and five losses with each optimizer
//! and one after them in evaluation. `golden/golden.py` wrote the numbers.

use std::collections::HashMap;

use ndarray::IxDyn;
use tunefork_graph::optimizer::UpdateRule;
use tunefork_graph::{Activation, Conv, Graph, GraphError, NoWorkspace, NodeId, Plan, Window, differentiate};
use tunefork_reference::optimizer::{Optimizer, clip};
use tunefork_reference::{Batch, Masks, Mode, Settings, State, Tensor, run, run_program};

const BATCH: usize = 3;
const STEPS: usize = 5;
const LEARNING_RATE: f64 = 0.05;
const LABELS: [u16; BATCH] = [2, 0, 1];

/// The generator of golden.py.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> f64 {
        self.0 = (self.0 * 1_103_515_245 + 12_345) % (1 << 31);
        self.0 as f64 / f64::from(1u32 << 31) - 0.5
    }

    fn tensor(&mut self, sizes: &[usize]) -> Tensor {
        Tensor::from_shape_simple_fn(IxDyn(sizes), || self.next())
    }
}

fn conv(channels: usize, kernel: usize, stride: usize, padding: usize, bias: bool) -> Conv {
    Conv { channels, kernel, stride, padding, bias }
}

fn window(kernel: usize, stride: usize, padding: usize) -> Window {
    Window { kernel, stride, padding }
}

fn plain() -> Result<Graph, GraphError> {
    let mut g = Graph::new(BATCH, [7, 6, 2])?;
    let x = g.conv2d(g.input(), "conv1", conv(4, 3, 1, 1, true))?;
    let x = g.batch_norm(x, "norm1")?;
    let x = g.activation(x, Activation::Relu)?;
    let x = g.max_pool(x, window(2, 2, 0))?;
    let x = g.conv2d(x, "conv2", conv(3, 3, 2, 2, true))?;
    let x = g.activation(x, Activation::LeakyRelu)?;
    let x = g.average_pool(x, window(3, 2, 1))?;
    let x = g.flatten(x)?;
    let x = g.dense(x, "hidden", 5, true)?;
    let x = g.activation(x, Activation::Tanh)?;
    let x = g.dropout(x)?;
    let x = g.dense(x, "head", 3, true)?;
    g.softmax_cross_entropy(x, 3)?;
    Ok(g)
}

fn residual() -> Result<Graph, GraphError> {
    with_shortcuts(Activation::Sigmoid, |g, x, name| g.batch_norm(x, name))
}

fn grouped() -> Result<Graph, GraphError> {
    with_shortcuts(Activation::Silu, |g, x, name| g.group_norm(x, name, if name == "norm1" { 2 } else { 1 }))
}

fn with_shortcuts(
    activation: Activation,
    norm: impl Fn(&mut Graph, NodeId, &str) -> Result<NodeId, GraphError>,
) -> Result<Graph, GraphError> {
    let mut g = Graph::new(BATCH, [7, 6, 2])?;
    let y = g.conv2d(g.input(), "conv1", conv(4, 3, 1, 1, true))?;
    let y = norm(&mut g, y, "norm1")?;
    let shortcut = g.conv2d(g.input(), "shortcut", conv(4, 1, 1, 0, false))?;
    let x = g.add(y, shortcut)?;
    let x = g.activation(x, activation)?;
    let x = g.max_pool(x, window(3, 2, 1))?;
    let y = g.conv2d(x, "conv2", conv(4, 3, 1, 1, false))?;
    let y = norm(&mut g, y, "norm2")?;
    let x = g.add(y, x)?;
    let x = g.activation(x, Activation::Relu)?;
    let x = g.global_average_pool(x)?;
    let x = g.dropout(x)?;
    let x = g.dense(x, "head", 3, true)?;
    g.softmax_cross_entropy(x, 3)?;
    Ok(g)
}

/// What golden.py draws, in its order.
fn draw(graph: &Graph, dropped: usize) -> (State, Batch, Settings) {
    let mut draw = Draw(1);
    let mut state = State::new(graph);
    state.parameters = graph.parameters().iter().map(|p| draw.tensor(p.shape.sizes())).collect();
    let pixels = draw.tensor(&[BATCH, 7, 6, 2]).into_iter().collect();
    let masks = Masks::Given(vec![(0..dropped).map(|_| draw.next() >= -0.2).collect()]);
    let batch = Batch::new(graph, pixels, LABELS.to_vec()).unwrap();
    (state, batch, Settings { smoothing: 0.1, dropout: vec![0.25], masks, ..Settings::default() })
}

fn golden() -> HashMap<String, Vec<f64>> {
    let lines = include_str!("golden/golden.txt").lines().map(|line| {
        // Three words name what the numbers are.
        let fields: Vec<&str> = line.split(' ').collect();
        let numbers = fields[3..].iter().map(|number| number.parse().expect("a number"));
        (fields[..3].join(" "), numbers.collect())
    });
    lines.collect()
}

fn assert_close<'a>(name: &str, got: impl IntoIterator<Item = &'a f64>, golden: &HashMap<String, Vec<f64>>) {
    let (got, expected): (Vec<f64>, &Vec<f64>) = (got.into_iter().copied().collect(), &golden[name]);
    assert_eq!(got.len(), expected.len(), "{name}");
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert!((got - expected).abs() <= 1e-9 * (1.0 + expected.abs()), "{name} [{i}]: {got}, PyTorch has {expected}");
    }
}

fn follow(network: &str, graph: &Graph, dropped: usize) {
    let (golden, all) = (golden(), differentiate(graph).unwrap());
    let with_momentum = |nesterov| UpdateRule::momentum(0.9, nesterov);
    let rms_momentum = UpdateRule::RmsProp { alpha: 0.99, epsilon: 1e-8, rmsprop_momentum: 0.9, centered: false };
    let optimizers = [
        ("sgd", UpdateRule::SGD, 0.01),
        ("momentum", with_momentum(false), 0.01),
        ("nesterov", with_momentum(true), 0.01),
        ("rmsprop", UpdateRule::RMSPROP, 0.01),
        ("rmsprop_momentum", rms_momentum, 0.01),
        ("adam", UpdateRule::ADAM, 0.01),
        ("adamw", UpdateRule::ADAMW, 0.01),
        ("clipped", UpdateRule::SGD, 0.0),
    ];
    for (name, kind, weight_decay) in optimizers {
        let (mut state, batch, settings) = draw(graph, dropped);
        let mut optimizer = Optimizer::new(kind, &state.parameters);
        let mut losses = Vec::new();
        for step in 0..STEPS {
            let outcome = run(all.graph(), &state, &batch, Mode::Training, &settings).unwrap();
            let mut gradients: Vec<Tensor> =
                all.parameter_gradients().iter().map(|&gradient| outcome.value(gradient).clone()).collect();
            if step == 0 {
                for (i, gradient) in gradients.iter().enumerate() {
                    assert_close(&format!("{network} gradient {i}"), gradient, &golden);
                }
            }
            if name == "clipped" {
                clip(&mut gradients, 0.1);
            }
            losses.push(outcome.loss);
            state.running = outcome.running;
            optimizer.update(&mut state.parameters, &gradients, LEARNING_RATE, weight_decay);
        }
        let settings = Settings { smoothing: 0.0, ..settings };
        losses.push(run(graph, &state, &batch, Mode::Evaluation, &settings).unwrap().loss);
        assert_close(&format!("{network} {name} losses"), &losses, &golden);
        if name == "clipped" {
            for (i, running) in state.running.iter().enumerate() {
                let values = running.mean.iter().chain(&running.variance);
                assert_close(&format!("{network} running {i}"), values, &golden);
            }
        }
    }
}

/// The planned programs, too, against PyTorch's gradients.
fn follow_planned(network: &str, graph: &Graph, dropped: usize) {
    let (golden, plan) = (golden(), Plan::new(graph, BATCH, &NoWorkspace).unwrap());
    let (state, batch, settings) = draw(graph, dropped);
    let report = run_program(&plan, Mode::Training, &state, &batch, &settings).unwrap();
    for (i, gradient) in report.gradients.iter().enumerate() {
        assert_close(&format!("{network} gradient {i}"), gradient, &golden);
    }
}

#[test]
fn a_plain_network_follows_pytorch() {
    let graph = plain().unwrap();
    follow("plain", &graph, BATCH * 5);
    follow_planned("plain", &graph, BATCH * 5);
}

#[test]
fn a_residual_network_follows_pytorch() {
    let graph = residual().unwrap();
    follow("residual", &graph, BATCH * 4);
    follow_planned("residual", &graph, BATCH * 4);
}

#[test]
fn a_network_with_group_and_layer_norm_follows_pytorch() {
    let graph = grouped().unwrap();
    follow("grouped", &graph, BATCH * 4);
    follow_planned("grouped", &graph, BATCH * 4);
}
