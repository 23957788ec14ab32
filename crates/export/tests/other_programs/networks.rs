//! Networks that have every layer there is, with weights as training leaves them.

use tunefork_data::{Fit, Normalisation};
use tunefork_export::{Model, Tensor};
use tunefork_nn::{Activation, ConvBlock, Head, Image, LayerKind, Network, Norm, Pool, PoolKind, Window};
use tunefork_rng::{Key, Purpose};

/// Photos, grey ones, and photos that are no squares.
pub(crate) const SHAPES: [Image; 3] = [Image::new(32, 32, 3), Image::new(28, 28, 1), Image::new(28, 20, 3)];

/// Networks by name.
pub(crate) fn networks() -> Vec<(String, Network)> {
    let [photo, grey, oblong] = SHAPES;
    let pool = |kind, kernel, stride, padding| Some(Pool { kind, window: Window { kernel, stride, padding } });
    let group = |groups| Some(Norm::Group { groups });
    let plain = ConvBlock { norm: None, pool: None, ..ConvBlock::new(6) };
    let perceptron = Network { hidden: vec![24, 12], dropout: 0.5, ..Network::new(grey, 4) };
    let residual = vec![
        ConvBlock { channels: 8, stride: 2, norm: group(4), bias: false, residual: true, ..plain.clone() },
        ConvBlock { channels: 8, norm: Some(Norm::Batch), residual: true, ..plain.clone() },
        ConvBlock { channels: 12, norm: group(1), activation: None, residual: true, ..plain.clone() },
        ConvBlock { channels: 12, norm: group(12), pool: pool(PoolKind::Average, 3, 2, 1), ..plain.clone() },
    ];
    let windows = vec![
        ConvBlock { pool: pool(PoolKind::Max, 3, 2, 1), ..ConvBlock::with_kernel(6, 5) },
        ConvBlock { kernel: 4, padding: 3, stride: 3, pool: pool(PoolKind::Average, 2, 1, 1), ..plain.clone() },
        ConvBlock { kernel: 2, padding: 0, pool: pool(PoolKind::Max, 2, 2, 0), ..plain.clone() },
    ];
    let mut networks = vec![
        ("linear".to_owned(), Network::new(photo, 3)),
        ("perceptron".to_owned(), perceptron),
        ("residual".to_owned(), Network { blocks: residual, head: Head::GlobalAverage, ..Network::new(photo, 5) }),
        ("windows".to_owned(), Network { blocks: windows, hidden: vec![10], ..Network::new(oblong, 2) }),
    ];
    for &activation in Activation::ALL {
        let block = |channels| ConvBlock { activation: Some(activation), ..ConvBlock::new(channels) };
        let network = Network {
            blocks: vec![block(8), ConvBlock { norm: group(4), ..block(12) }],
            hidden: vec![16],
            hidden_activation: activation,
            dropout: 0.2,
            ..Network::new(photo, 4)
        };
        networks.push((activation.name().to_owned(), network));
    }
    networks
}

/// The word for what a layer does; a kind that is added has to get one here, and so a network above.
pub(crate) fn kind(kind: LayerKind) -> &'static str {
    match kind {
        LayerKind::Conv { bias: true, .. } => "convolution with bias",
        LayerKind::Conv { bias: false, .. } => "convolution",
        LayerKind::BatchNorm => "batch norm",
        LayerKind::GroupNorm { groups: 1 } => "layer norm",
        LayerKind::GroupNorm { .. } => "group norm",
        LayerKind::Shortcut { projection_stride: None } => "shortcut",
        LayerKind::Shortcut { projection_stride: Some(_) } => "projected shortcut",
        LayerKind::Activation(_) => "activation",
        LayerKind::Pool(Pool { kind: PoolKind::Max, .. }) => "max pooling",
        LayerKind::Pool(Pool { kind: PoolKind::Average, .. }) => "average pooling",
        LayerKind::GlobalAverage => "global average",
        LayerKind::Flatten => "flatten",
        LayerKind::Dense => "dense",
        LayerKind::Dropout => "dropout",
    }
}

/// The network with weights as they start, and norms whose numbers all differ.
pub(crate) fn model(network: Network, normalisation: Normalisation) -> Model {
    let mut tensors = Vec::new();
    for (index, parameter) in network.parameters().unwrap().into_iter().enumerate() {
        let mut values = vec![0.0; parameter.len()];
        parameter.initialise(index, Key::study(7), &mut values);
        let mut values = parameter.to_torch(&values).unwrap();
        if parameter.name.contains(".norm.") {
            values.iter_mut().zip(numbers(index)).for_each(|(value, number)| *value += number - 0.5);
        }
        tensors.push(Tensor { shape: parameter.torch_shape(), name: parameter.name, values });
    }
    for (index, layer) in network.layers().unwrap().iter().enumerate() {
        if layer.kind == LayerKind::BatchNorm {
            let channels = layer.output.channels;
            for (what, least) in [("running_mean", -0.5), ("running_var", 0.25)] {
                let values = numbers(100 + index).map(|number| least + number).take(channels).collect();
                tensors.push(Tensor { name: format!("{}.{what}", layer.name), shape: vec![channels], values });
            }
        }
    }
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    let classes = (0..network.classes).map(|class| format!("Klasse \"{class}\" ä")).collect();
    Model { network, fit: Fit::Crop, normalisation, classes, tensors }
}

/// Numbers from 0 to 1.
fn numbers(index: usize) -> impl Iterator<Item = f32> {
    let mut stream = Key::study(8).stream_at(Purpose::Generate, index as u64);
    std::iter::repeat_with(move || (stream.next_u64() >> 40) as f32 / (1 << 24) as f32)
}
