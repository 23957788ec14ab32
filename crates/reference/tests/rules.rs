//! Each rule of differentiation against central differences, on random shapes.
//!
//! The operation under test stands behind a small convolution or dense layer, whose parameters feel
//! the operation's gradient by its input, and in front of a dense layer.

mod common;

use common::Case;
use proptest::prelude::*;
use tunefork_graph::{Activation, Conv, Graph, GraphError, NodeId, Window};

/// Batch, height, width, channels; odd sizes, single images and pixels among them.
fn sizes() -> impl Strategy<Value = [usize; 4]> {
    [1usize..4, 1usize..8, 1usize..8, 1usize..4]
}

fn window(most_padding: impl Fn(usize) -> usize + Copy) -> impl Strategy<Value = Window> {
    (1usize..5, 1usize..4, 0usize..5).prop_map(move |(kernel, stride, padding)| Window {
        kernel,
        stride,
        padding: padding % (most_padding(kernel) + 1),
    })
}

fn activations() -> impl Strategy<Value = Activation> {
    prop::sample::select(Activation::ALL)
}

const PLAIN: Conv = Conv { channels: 3, kernel: 1, stride: 1, padding: 0, bias: true };

/// input -> 1x1 convolution -> the operation -> dense -> loss. Rejects what does not fit and what
/// lies at a kink.
fn check(
    [batch, height, width, channels]: [usize; 4],
    seed: u64,
    operation: impl FnOnce(&mut Graph, NodeId) -> Result<NodeId, GraphError>,
) -> Result<(), TestCaseError> {
    let mut graph = Graph::new(batch, [height, width, channels]).unwrap();
    let x = graph.conv2d(graph.input(), "before", PLAIN).unwrap();
    let Ok(y) = operation(&mut graph, x) else {
        return Err(TestCaseError::reject("it does not fit"));
    };
    let y = graph.flatten(y).unwrap();
    let y = graph.dense(y, "after", 3, true).unwrap();
    graph.softmax_cross_entropy(y, 3).unwrap();
    let rows = 1 + seed as usize % batch;
    match Case::new(graph, rows, seed).gradients_agree() {
        true => Ok(()),
        false => Err(TestCaseError::reject("at a kink, or a single value to normalise")),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_global_rejects: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn conv2d(sizes in sizes(), seed: u64, window in window(|kernel| kernel), channels in 1usize..5, bias: bool) {
        let Window { kernel, stride, padding } = window;
        check(sizes, seed, |g, x| g.conv2d(x, "tested", Conv { channels, kernel, stride, padding, bias }))?;
    }

    #[test]
    fn batch_norm(sizes in sizes(), seed: u64) {
        check(sizes, seed, |g, x| g.batch_norm(x, "tested"))?;
    }

    #[test]
    fn batch_norm_of_features(sizes in sizes(), seed: u64) {
        check(sizes, seed, |g, x| {
            let x = g.flatten(x)?;
            g.batch_norm(x, "tested")
        })?;
    }

    #[test]
    fn group_norm(sizes in sizes(), seed: u64, groups in 1usize..4) {
        check(sizes, seed, |g, x| {
            let x = g.conv2d(x, "wide", Conv { channels: 6, ..PLAIN })?;
            g.group_norm(x, "tested", groups)
        })?;
    }

    #[test]
    fn group_norm_of_features(sizes in sizes(), seed: u64, groups in 1usize..4) {
        check(sizes, seed, |g, x| {
            let x = g.flatten(x)?;
            g.group_norm(x, "tested", groups)
        })?;
    }

    #[test]
    fn activation(sizes in sizes(), seed: u64, activation in activations()) {
        check(sizes, seed, |g, x| g.activation(x, activation))?;
    }

    #[test]
    fn max_pool(sizes in sizes(), seed: u64, window in window(|kernel| kernel / 2)) {
        check(sizes, seed, |g, x| g.max_pool(x, window))?;
    }

    #[test]
    fn average_pool(sizes in sizes(), seed: u64, window in window(|kernel| kernel / 2)) {
        check(sizes, seed, |g, x| g.average_pool(x, window))?;
    }

    #[test]
    fn global_average_pool(sizes in sizes(), seed: u64) {
        check(sizes, seed, |g, x| g.global_average_pool(x))?;
    }

    #[test]
    fn add_of_a_tensor_used_twice(sizes in sizes(), seed: u64) {
        check(sizes, seed, |g, x| {
            let y = g.conv2d(x, "tested", Conv { kernel: 3, padding: 1, ..PLAIN })?;
            let sum = g.add(x, y)?;
            g.add(sum, x)
        })?;
    }

    #[test]
    fn dense(sizes in sizes(), seed: u64, outputs in 1usize..9, bias: bool) {
        check(sizes, seed, |g, x| {
            let x = g.flatten(x)?;
            g.dense(x, "tested", outputs, bias)
        })?;
    }

    #[test]
    fn dropout(sizes in sizes(), seed: u64) {
        check(sizes, seed, |g, x| g.dropout(x))?;
    }

    #[test]
    fn softmax_cross_entropy(sizes in sizes(), seed: u64) {
        check(sizes, seed, |_, x| Ok(x))?;
    }
}
