//! The networks that the project answers to, against PyTorch's own counts, and what is refused.

use proptest::prelude::*;
use tunefork_graph::{Init, NoWorkspace, Plan};
use tunefork_nn::{
    Activation, ConvBlock, Fan, Head, Image, LayerKind, Network, NetworkError, Norm, ParameterKind, Pool, Start, Window,
};

fn fashion() -> Network {
    Network::new(Image::new(28, 28, 1), 10)
}

/// One of the networks of the reports.
fn report(name: &str) -> Network {
    let known = tunefork_networks::Network::named(name);
    let model = &known.model;
    let norm = model.batch_norm.then_some(Norm::Batch);
    let block = |&channels| ConvBlock { norm, residual: model.residual, ..ConvBlock::new(channels) };
    Network {
        blocks: model.channels.iter().map(block).collect(),
        head: if model.global_average() { Head::GlobalAverage } else { Head::Flatten },
        hidden: model.hidden.clone(),
        dropout: model.dropout as f32,
        ..Network::new(Image::new(known.side, known.side, known.colours), known.classes)
    }
}

/// A network of peers/optuna_study.py.
fn study(depth: u32, filters: usize, kernel: usize, batch_norm: bool, units: usize) -> Network {
    let norm = batch_norm.then_some(Norm::Batch);
    let block = |i| ConvBlock { norm, ..ConvBlock::with_kernel(filters << i, kernel) };
    Network { blocks: (0..depth).map(block).collect(), hidden: vec![units], ..fashion() }
}

/// sum(p.numel() for p in net.parameters()) in PyTorch 2.
#[test]
fn parameter_counts_equal_pytorchs() {
    let unpadded = ConvBlock { padding: 0, norm: None, ..ConvBlock::new(32) };
    let method = Network { blocks: vec![unpadded], hidden: vec![128], ..Network::new(Image::new(32, 32, 3), 10) };
    for (name, network, count) in [
        ("m0", report("m0"), 804_554),
        ("m1", report("m1"), 421_834),
        ("m2", report("m2"), 12_939_525),
        ("m3", report("m3"), 1_237_640),
        ("m4", report("m4"), 269_322),
        ("study 1 16 3", study(1, 16, 3, false, 64), 201_578),
        ("study 1 64 5", study(1, 64, 5, true, 256), 3_215_882),
        ("study 2 32 5", study(2, 32, 5, true, 128), 455_114),
        ("study 2 16 3", study(2, 16, 3, false, 64), 105_866),
        ("study 3 16 3", study(3, 16, 3, true, 64), 61_098),
        ("study 3 64 5", study(3, 64, 5, false, 256), 1_618_698),
        ("study 3 32 3", study(3, 32, 3, true, 128), 241_994),
        ("method text", method, 923_914),
    ] {
        assert_eq!(network.parameter_count(), Ok(count), "{name}");
        let listed: usize = network.parameters().unwrap().iter().map(|p| p.len()).sum();
        assert_eq!(listed as u64, count, "{name}, parameter by parameter");
    }
}

/// [tuple(p.shape) for p in net.parameters()] of m1 and m3 in PyTorch 2.
#[test]
fn parameters_stand_in_pytorchs_order() {
    let shapes = |network: Network| -> Vec<Vec<usize>> {
        network.parameters().unwrap().iter().map(|p| p.torch_shape()).collect()
    };
    let m1_shapes: [&[usize]; 12] = [
        &[32, 1, 3, 3],
        &[32],
        &[32],
        &[32],
        &[64, 32, 3, 3],
        &[64],
        &[64],
        &[64],
        &[128, 3136],
        &[128],
        &[10, 128],
        &[10],
    ];
    assert_eq!(shapes(report("m1")), m1_shapes);
    let m3_shapes = shapes(report("m3"));
    assert_eq!(m3_shapes.len(), 23);
    assert_eq!(m3_shapes[4], [64, 3, 1, 1], "the projected shortcut follows the norm");
    assert_eq!(m3_shapes[18..20], [vec![256], vec![512, 256]], "the fourth stage's shortcut is the identity");
}

#[test]
fn the_forward_operations_of_m3_are_a_third_of_the_peers_count() {
    // 1,266 GFLOP per 1,000 images for forward, weight and data gradients; the first convolution and
    // its shortcut have no data gradient.
    let layers = report("m3").layers().unwrap();
    let forward: u64 = layers.iter().map(|layer| layer.flops()).sum();
    let first: u64 = layers.iter().take(3).map(|layer| layer.flops()).sum();
    let training = 3 * forward - first;
    assert!((1_255_000_000..1_275_000_000).contains(&training), "{training}");
}

#[test]
fn layers_come_in_the_order_in_which_they_run() {
    let names: Vec<String> = report("m3").layers().unwrap().into_iter().map(|layer| layer.name).collect();
    assert_eq!(
        names[..5],
        ["blocks.0.conv", "blocks.0.norm", "blocks.0.shortcut", "blocks.0.activation", "blocks.0.pool"]
    );
    assert_eq!(names[20..], ["head", "flatten", "hidden.0", "hidden.0.activation", "hidden.0.dropout", "classifier"]);
}

#[track_caller]
fn refused(network: &Network, message: &str) {
    let error = network.layers().expect_err(message);
    assert_eq!(error.to_string(), message);
}

#[test]
fn what_cannot_be_is_named() {
    let with = |block: ConvBlock| Network { blocks: vec![ConvBlock::new(8), block], ..fashion() };
    refused(&with(ConvBlock { channels: 0, ..ConvBlock::new(8) }), "blocks.1: channels is 0, must be from 1 to 65536");
    refused(&with(ConvBlock { kernel: 0, ..ConvBlock::new(8) }), "blocks.1: kernel is 0, must be from 1 to 255");
    refused(&with(ConvBlock { stride: 0, ..ConvBlock::new(8) }), "blocks.1: stride is 0, must be from 1 to 255");
    refused(&with(ConvBlock { padding: 3, ..ConvBlock::new(8) }), "blocks.1: padding is 3, must be from 0 to 2");
    for (kernel, message) in [
        (3, "blocks.1: pool padding is 3, must be from 0 to 1"),
        (5, "blocks.1: pool padding is 3, must be from 0 to 2"),
    ] {
        let pool = Pool { window: Window { kernel, stride: 3, padding: 3 }, ..Pool::max(3) };
        refused(&with(ConvBlock { pool: Some(pool), ..ConvBlock::new(8) }), message);
    }
    let grouped = ConvBlock { norm: Some(Norm::Group { groups: 8 }), ..ConvBlock::new(20) };
    refused(&with(grouped), "blocks.1: norm_groups is 8, must be a divisor of its 20 channels");
    refused(
        &with(ConvBlock { kernel: 15, padding: 0, ..ConvBlock::new(8) }),
        "blocks.1.conv: a kernel of 15x15 with padding 0 is larger than its input of 14x14x8; use a smaller \
         kernel, fewer pooling layers or larger images",
    );
    refused(
        &with(ConvBlock { residual: true, padding: 0, ..ConvBlock::new(8) }),
        "blocks.1: the convolution gives 12x12x8 but its 1x1 shortcut 14x14x8; a residual block needs an odd \
         kernel and padding = kernel / 2",
    );
    let deep = Network { blocks: vec![ConvBlock::new(8); 5], ..fashion() };
    refused(
        &deep,
        "blocks.4.pool: pooling 2x2 leaves less than one pixel of its input of 1x1x8; use smaller or fewer pooling \
         layers, or larger images",
    );
    refused(&Network::new(Image::new(28, 28, 1), 1), "classifier: classes is 1, must be from 2 to 65536");
    refused(&Network::new(Image::new(0, 28, 1), 2), "input: height is 0, must be from 1 to 65536");
    refused(&Network { hidden: vec![64, 0], ..fashion() }, "hidden.1: units is 0, must be from 1 to 65536");
    refused(&Network { dropout: 1.5, ..report("m1") }, "hidden: dropout is 1.5, must be from 0 to 1");
    refused(&Network { dropout: f32::NAN, ..report("m1") }, "hidden: dropout is NaN, must be from 0 to 1");
    let huge = Network { hidden: vec![60_000], ..Network::new(Image::new(1000, 1000, 3), 10) };
    refused(&huge, "hidden.0: the weights would hold more than 4294967296 values");
    refused(&filling(256, 257), "blocks.0.conv: the output of one image would hold more than 4294967296 values");
}

/// A map of so many pixels with 65,536 channels, made by as few weights.
fn filling(height: usize, width: usize) -> Network {
    let block = ConvBlock { norm: None, pool: None, ..ConvBlock::with_kernel(1 << 16, 1) };
    Network { blocks: vec![block], head: Head::GlobalAverage, ..Network::new(Image::new(height, width, 1), 2) }
}

/// 2^32 values in a map, or 2^32 weights in a layer, are the most there may be, and may be.
#[test]
fn the_largest_layers_are_accepted() {
    assert!(filling(256, 256).layers().is_ok());
    let block = ConvBlock { bias: false, ..filling(1, 1).blocks[0].clone() };
    let wide = Network { blocks: vec![block], ..Network::new(Image::new(1, 1, 1 << 16), 2) };
    assert_eq!(wide.layers().unwrap()[0].parameters(), 1 << 32);
}

/// Models on disk say `batch_norm: true` or `false`, as they did before there were other norms.
#[test]
fn norms_are_written_as_they_always_were() {
    for (norm, written) in [
        (None, r#""batch_norm":false"#),
        (Some(Norm::Batch), r#""batch_norm":true"#),
        (Some(Norm::Group { groups: 4 }), r#""batch_norm":{"groups":4}"#),
    ] {
        let block = ConvBlock { norm, ..ConvBlock::new(8) };
        let text = serde_json::to_string(&block).unwrap();
        assert!(text.contains(written), "{text}");
        assert_eq!(serde_json::from_str::<ConvBlock>(&text).unwrap(), block);
    }
}

#[test]
fn a_strided_residual_block_projects_its_input() {
    let block = ConvBlock { stride: 2, residual: true, pool: None, ..ConvBlock::new(8) };
    let network = Network { blocks: vec![ConvBlock::new(8), block], ..Network::new(Image::new(9, 7, 8), 3) };
    let layers = network.layers().unwrap();
    let shortcut = layers.iter().find(|layer| layer.name == "blocks.1.shortcut").unwrap();
    assert_eq!(shortcut.kind, LayerKind::Shortcut { projection_stride: Some(2) });
    assert_eq!((shortcut.input, shortcut.output), (Image::new(4, 3, 8), Image::new(2, 2, 8)));
}

fn any_block() -> impl Strategy<Value = ConvBlock> {
    (0..5usize, 0..8usize, 0..4usize, 0..4usize, any::<[bool; 4]>(), 0..4usize).prop_map(
        |(channels, kernel, stride, padding, [bias, normed, residual, pooled], window)| ConvBlock {
            channels,
            kernel,
            stride,
            padding,
            bias,
            norm: normed.then_some([Norm::Batch, Norm::Group { groups: kernel }][window % 2]),
            activation: Some(Activation::Tanh),
            pool: pooled.then(|| Pool::average(window)),
            residual,
        },
    )
}

proptest! {
    /// Whatever the numbers, a network is either refused or consistent from end to end.
    #[test]
    fn any_description_is_refused_or_consistent(
        blocks in proptest::collection::vec(any_block(), 0..4),
        hidden in proptest::collection::vec(0..9usize, 0..3),
        side in 0..20usize,
        classes in 0..5usize,
    ) {
        let network = Network { blocks, hidden, ..Network::new(Image::new(side, side + 1, 2), classes) };
        if let Ok(layers) = network.layers() {
            prop_assert!(layers.iter().all(|layer| layer.output.elements() > 0));
            prop_assert_eq!(layers.last().unwrap().output, Image::new(1, 1, classes));
            let listed: usize = network.parameters().unwrap().iter().map(|p| p.len()).sum();
            prop_assert_eq!(listed as u64, network.parameter_count().unwrap());
        }
    }
}

/// The graph's own list of parameters, which engines lay out, is the one the weights are exchanged by.
#[test]
fn the_graph_has_the_same_parameters_in_the_same_order() {
    let strided =
        ConvBlock { stride: 2, residual: true, bias: false, pool: Some(Pool::average(2)), ..ConvBlock::new(6) };
    let grouped = Some(Norm::Group { groups: 2 });
    let odd = Network {
        blocks: vec![ConvBlock { activation: None, norm: grouped, ..ConvBlock::with_kernel(4, 5) }, strided],
        ..Network::new(Image::new(13, 11, 3), 7)
    };
    for network in [report("m0"), report("m1"), report("m3"), report("m4"), study(3, 16, 5, true, 64), odd] {
        let graph = network.graph(4).unwrap();
        let parameters = network.parameters().unwrap();
        assert_eq!(graph.parameters().len(), parameters.len());
        for (ours, planned) in parameters.iter().zip(graph.parameters()) {
            assert_eq!(ours.name, planned.name);
            let sizes = match ours.kind {
                ParameterKind::Conv { window: w, outputs } => {
                    vec![w.height, w.width, w.channels, outputs]
                }
                ParameterKind::Dense { window, outputs } => vec![window.elements(), outputs],
                ParameterKind::Vector { len } => vec![len],
            };
            assert_eq!(planned.shape.sizes(), sizes, "{}", ours.name);
            assert!(!ours.is_empty());
            if let Start::Weights { fan, .. } = ours.start {
                // All outputs of the kernel's positions over a pixel, or of a dense layer.
                let from_one_input = if sizes.len() == 4 { sizes[0] * sizes[1] * sizes[3] } else { sizes[1] };
                assert_eq!(fan.fan_out, from_one_input, "{}", ours.name);
            }
            let init = match ours.start {
                Start::Weights { fan: Fan { fan_in, .. }, .. } | Start::Bias { fan_in } => Init::Weights { fan_in },
                Start::Zeros => Init::Zeros,
                Start::Ones => Init::Ones,
            };
            assert_eq!(planned.init, init, "{}", ours.name);
        }
        assert_eq!(graph.dropouts(), network.dropout_probabilities().len());
        let plan = Plan::new(&graph, 4, &NoWorkspace).unwrap();
        let flops: u64 = network.layers().unwrap().iter().map(|layer| layer.flops()).sum();
        assert_eq!(plan.evaluation.cost.flops, 4 * flops);
    }
}

#[test]
fn the_reports_networks_are_the_graphs_that_engines_are_checked_with() {
    // A description has dropout layers whatever their probability, even where these graphs have none.
    for network in tunefork_networks::NETWORKS.iter().filter(|network| network.model.dropout > 0.0) {
        let graph = report(network.name).graph(network.batch).unwrap();
        assert_eq!(graph.signature(), network.graph().unwrap().signature(), "{}", network.name);
    }
}

#[test]
fn dropout_is_no_part_of_the_graph() {
    let key = |dropout| Network { dropout, ..report("m1") }.graph(8).unwrap().signature();
    assert_eq!(key(0.0), key(0.5));
}

#[test]
fn batches_that_cannot_be_are_refused() {
    assert_eq!(report("m1").graph(0).unwrap_err(), NetworkError::EmptyBatch);
    let narrow = Network { blocks: vec![ConvBlock::new(8); 3], ..Network::new(Image::new(4, 4, 1), 2) };
    let error = narrow.graph(8).unwrap_err().to_string();
    assert!(error.starts_with("blocks.2.pool"), "{error}");
    let single =
        Network { blocks: vec![ConvBlock { pool: None, ..ConvBlock::new(8) }], ..Network::new(Image::new(1, 1, 1), 2) };
    let refused = Err(NetworkError::SingleValueNorm { layer: "blocks.0.norm".into() });
    assert_eq!(single.graph(1).map(|_| ()), refused);
    assert!(single.graph(2).is_ok());
    for (height, width) in [(1, 2), (2, 1)] {
        assert!(Network { input: Image::new(height, width, 1), ..single.clone() }.graph(1).is_ok());
    }
    assert_eq!(single.check_rows(1), refused);
    assert_eq!(single.check_rows(2), Ok(()));
}
