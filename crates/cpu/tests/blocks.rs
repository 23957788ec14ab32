//! One block and a dense layer, with more channels than a vector has lanes, on every instruction set
//! against the reference: kernels 1 to 7, strides, paddings, poolings, shortcuts, masked batches.

mod common;

use common::{Case, distance, norm};
use proptest::prelude::*;
use tunefork_graph::{Activation, Conv, Graph, GraphError, Window};
use tunefork_reference::testing;
use tunefork_simd::Isa;

#[derive(Clone, Debug)]
struct Settings {
    batch: usize,
    rows: usize,
    image: [usize; 3],
    channels: usize,
    window: (usize, usize, usize),
    bias: bool,
    /// 0: none, 1: batch norm, 2: layer norm, 3: groups of one, two or five channels.
    norm: u8,
    /// 0: none, 1: after a first convolution of the same shape, 2: projected.
    shortcut: u8,
    activation: Option<Activation>,
    /// Maximum?, kernel, stride, padding.
    pool: Option<(bool, usize, usize, usize)>,
    outputs: usize,
}

fn settings() -> impl Strategy<Value = Settings> {
    let sizes = (1usize..7, 1usize..9, 1usize..9, prop::sample::select(vec![1usize, 2, 3, 17, 32, 35]));
    let conv = (
        prop::sample::select(vec![1usize, 5, 16, 31, 32, 33, 64, 70]),
        (1usize..8, 1usize..4, 0usize..4),
        any::<bool>(),
    );
    let activation = prop::sample::select(vec![
        None,
        Some(Activation::Relu),
        Some(Activation::LeakyRelu),
        Some(Activation::Tanh),
        Some(Activation::Sigmoid),
    ]);
    let pool = prop::option::of((any::<bool>(), 1usize..4, 1usize..4, 0usize..2));
    (sizes, conv, (0u8..4, 0u8..3, activation), pool, 1usize..70, any::<prop::sample::Index>()).prop_map(
        |((batch, h, w, c), (channels, window, bias), (norm, shortcut, activation), pool, outputs, rows)| Settings {
            batch,
            rows: 1 + rows.index(batch),
            image: [h, w, c],
            channels,
            window,
            bias,
            norm,
            shortcut,
            activation,
            pool,
            outputs,
        },
    )
}

/// The graph, unless a window does not fit.
fn graph(settings: &Settings) -> Result<Graph, GraphError> {
    let mut graph = Graph::new(settings.batch, settings.image)?;
    let (kernel, stride, padding) = settings.window;
    let conv = Conv { channels: settings.channels, kernel, stride, padding, bias: settings.bias };
    let mut input = graph.input();
    if settings.shortcut > 0 {
        // Something before the block, so that it has gradients to pass on.
        let before = Conv { channels: settings.image[2], kernel: 1, stride: 1, padding: 0, bias: true };
        input = graph.conv2d(input, "before", before)?;
    }
    let mut x = graph.conv2d(input, "conv", conv)?;
    let divisor = |&of: &usize| settings.channels.is_multiple_of(of);
    x = match settings.norm {
        0 => x,
        1 => graph.batch_norm(x, "norm")?,
        2 => graph.group_norm(x, "norm", 1)?,
        _ => graph.group_norm(x, "norm", settings.channels / [5, 2, 1].into_iter().find(divisor).unwrap_or(1))?,
    };
    if settings.shortcut == 1 && graph.node(x).shape == graph.node(input).shape {
        x = graph.add(x, input)?;
    } else if settings.shortcut == 2 {
        let projection = Conv { channels: settings.channels, kernel: 1, stride, padding: 0, bias: false };
        let shortcut = graph.conv2d(input, "shortcut", projection)?;
        if graph.node(x).shape == graph.node(shortcut).shape {
            x = graph.add(x, shortcut)?;
        }
    }
    if let Some(activation) = settings.activation {
        x = graph.activation(x, activation)?;
    }
    if let Some((max, kernel, stride, padding)) = settings.pool {
        let window = Window { kernel, stride, padding };
        x = if max { graph.max_pool(x, window)? } else { graph.average_pool(x, window)? };
    }
    x = graph.flatten(x)?;
    x = graph.dense(x, "hidden", settings.outputs, true)?;
    x = graph.activation(x, Activation::Tanh)?;
    x = graph.dropout(x)?;
    x = graph.dense(x, "head", 4, false)?;
    graph.softmax_cross_entropy(x, 4)?;
    Ok(graph)
}

/// Compares a step with the reference; false where that is not possible.
fn check(settings: &Settings, seed: u64) -> bool {
    let Ok(graph) = graph(settings) else {
        return false;
    };
    let used: Vec<bool> = (0..graph.parameters().len())
        .map(|index| graph.nodes().iter().any(|node| node.inputs.iter().any(|&i| is_parameter(&graph, i, index))))
        .collect();
    if used.contains(&false) || tunefork_graph::differentiate(&graph).is_err() {
        return false; // a projection that fitted nowhere
    }
    let case = Case::new(graph, settings.rows, 2, seed);
    let Some(expected) = case.expected() else {
        return false;
    };
    if testing::kink_distance(case.all.graph(), &expected) < 1e-5 {
        return false;
    }
    let all = case.all.parameter_gradients();
    let total = norm(all.iter().flat_map(|&node| expected.value(node)));
    let magnified = testing::magnification(case.all.graph(), &expected);
    for isa in Isa::available() {
        let mut engine = case.engine(isa, 2);
        let loss = case.step(&mut engine).loss_sum / settings.rows as f64;
        assert!((loss - expected.loss).abs() <= 1e-5 * expected.loss, "{isa}: loss {loss}, not {}", expected.loss);
        for (index, &node) in all.iter().enumerate() {
            let error = distance(case.gradient(&engine, index), expected.value(node));
            let name = &case.graph.parameters()[index].name;
            assert!(
                error <= 1e-5 * magnified * total,
                "{isa}: gradient of {name} off by {error}, the whole is {total}, norms magnify rounding {magnified} times"
            );
        }
    }
    true
}

fn is_parameter(graph: &Graph, id: tunefork_graph::NodeId, index: usize) -> bool {
    matches!(graph.node(id).op, tunefork_graph::Op::Parameter(parameter) if parameter.index() == index)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn blocks_agree_with_the_reference(settings in settings(), seed in 0u64..1000) {
        prop_assume!(check(&settings, seed));
    }
}

#[test]
fn sizes_that_fill_strips_bands_and_groups() {
    // Smooth, because among so many values some would lie at a kink.
    let base = Settings {
        batch: 3,
        rows: 3,
        image: [60, 75, 3],
        channels: 40,
        window: (3, 1, 1),
        bias: true,
        norm: 1,
        shortcut: 0,
        activation: Some(Activation::Tanh),
        pool: Some((false, 2, 2, 0)),
        outputs: 5,
    };
    assert!(check(&base, 1));
    assert!(check(&Settings { norm: 0, pool: Some((false, 3, 2, 1)), ..base.clone() }, 2));
    let small =
        Settings { batch: 20, rows: 19, image: [5, 5, 24], channels: 24, shortcut: 1, pool: None, ..base.clone() };
    assert!(check(&small, 3));
    assert!(check(&Settings { norm: 2, ..base.clone() }, 5));
    assert!(check(&Settings { norm: 3, ..small }, 6));
    let strided = Settings { batch: 17, rows: 17, image: [8, 8, 16], window: (3, 2, 1), shortcut: 2, ..base };
    assert!(check(&strided, 4));
}
