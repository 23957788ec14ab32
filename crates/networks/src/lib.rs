#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

use std::sync::LazyLock;

use serde::Deserialize;
use tunefork_graph::{Activation, Conv, Graph, GraphError, NodeId, PoolKind, Window};

/// A network and what it is trained on.
#[derive(Clone, Debug)]
pub struct Network {
    /// Name of its study file: m0 to m4.
    pub name: &'static str,
    /// Images in a batch.
    pub batch: usize,
    /// Rows and columns of an image.
    pub side: usize,
    /// Values of a pixel.
    pub colours: usize,
    /// Outputs of the last layer.
    pub classes: usize,
    /// Its blocks and layers.
    pub model: Model,
}

/// 3x3 convolutions with relu and 2x2 pooling, then dense layers; the keys of a study file's `[model]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Convolution blocks, where the list of channels does not say it.
    layers: Option<usize>,
    /// Channels of each block.
    #[serde(default)]
    pub channels: Vec<usize>,
    /// Whether blocks have a batch norm.
    #[serde(default = "yes")]
    pub batch_norm: bool,
    /// Whether blocks have a shortcut.
    #[serde(default)]
    pub residual: bool,
    /// How the last feature map becomes a vector; by default all values side by side.
    head: Option<String>,
    /// Outputs of the dense layers but the last.
    pub hidden: Vec<usize>,
    /// Share of the values that are dropped behind each hidden layer.
    #[serde(default)]
    pub dropout: f64,
}

impl Model {
    /// Whether the dense layers see the mean of each channel instead of all values.
    pub fn global_average(&self) -> bool {
        self.head.as_deref() == Some("global_average")
    }

    /// pool(activation(norm(conv(x)) + shortcut(x))), where norm and shortcut may be missing.
    fn block(
        &self,
        g: &mut Graph,
        x: NodeId,
        name: &str,
        channels: usize,
        activation: Activation,
        pool: PoolKind,
    ) -> Result<NodeId, GraphError> {
        let conv = Conv { channels, kernel: 3, stride: 1, padding: 1, bias: true };
        let mut y = g.conv2d(x, name, conv)?;
        if self.batch_norm {
            y = g.batch_norm(y, &format!("{name}.norm"))?;
        }
        if self.residual {
            let projection = Conv { kernel: 1, padding: 0, bias: false, ..conv };
            let shortcut = match g.node(x).shape == g.node(y).shape {
                true => x,
                false => g.conv2d(x, &format!("{name}.shortcut"), projection)?,
            };
            y = g.add(y, shortcut)?;
        }
        y = g.activation(y, activation)?;
        let window = Window { kernel: 2, stride: 2, padding: 0 };
        match pool {
            PoolKind::Max => g.max_pool(y, window),
            PoolKind::Average => g.average_pool(y, window),
        }
    }
}

#[derive(Deserialize)]
struct File {
    data: Data,
    model: Model,
    train: Train,
}

#[derive(Deserialize)]
struct Data {
    size: usize,
    colour: Option<String>,
    classes: Option<usize>,
}

#[derive(Deserialize)]
struct Train {
    batch_size: usize,
}

fn yes() -> bool {
    true
}

impl Network {
    fn read(name: &'static str, text: &str) -> Self {
        let File { data, model, train } = toml::from_str(text).unwrap_or_else(|error| panic!("{name}.toml: {error}"));
        assert_eq!(model.layers.unwrap_or(model.channels.len()), model.channels.len(), "{name}.toml: layers");
        let colours = match data.colour.as_deref() {
            Some("rgb") => 3,
            Some(other) => panic!("{name}.toml: colour {other}"),
            None => 1,
        };
        let classes = data.classes.unwrap_or(10);
        Self { name, batch: train.batch_size, side: data.size, colours, classes, model }
    }

    /// The network of this name.
    ///
    /// # Panics
    /// If there is none.
    pub fn named(name: &str) -> &'static Self {
        NETWORKS.iter().find(|network| network.name == name).unwrap_or_else(|| panic!("no network {name}"))
    }

    /// Its graph, for its own batch and images.
    ///
    /// # Errors
    /// None, for the networks that there are.
    pub fn graph(&self) -> Result<Graph, GraphError> {
        self.graph_of(self.batch, self.side)
    }

    /// The same layers for another batch and images of `side` x `side`.
    ///
    /// # Errors
    /// If the side is too small for its poolings.
    pub fn graph_of(&self, batch: usize, side: usize) -> Result<Graph, GraphError> {
        self.build(batch, side, Activation::Relu, PoolKind::Max)
    }

    /// The same with tanh for relu and means for maxima: gradients do not jump where rounding moves a value.
    ///
    /// # Errors
    /// If the side is too small for its poolings.
    pub fn smooth_graph_of(&self, batch: usize, side: usize) -> Result<Graph, GraphError> {
        self.build(batch, side, Activation::Tanh, PoolKind::Average)
    }

    fn build(&self, batch: usize, side: usize, activation: Activation, pool: PoolKind) -> Result<Graph, GraphError> {
        let mut g = Graph::new(batch, [side, side, self.colours])?;
        let mut x = g.input();
        for (number, &channels) in self.model.channels.iter().enumerate() {
            x = self.model.block(&mut g, x, &format!("conv{number}"), channels, activation, pool)?;
        }
        if self.model.global_average() {
            x = g.global_average_pool(x)?;
        }
        x = g.flatten(x)?;
        for (number, &outputs) in self.model.hidden.iter().enumerate() {
            x = g.dense(x, &format!("hidden{number}"), outputs, true)?;
            x = g.activation(x, activation)?;
            if self.model.dropout > 0.0 {
                x = g.dropout(x)?;
            }
        }
        x = g.dense(x, "head", self.classes, true)?;
        g.softmax_cross_entropy(x, self.classes)?;
        Ok(g)
    }
}

macro_rules! networks {
    ($($name:literal),*) => {
        [$(Network::read($name, include_str!(concat!("../../../studies/networks/", $name, ".toml")))),*]
    };
}

/// The five networks, m0 to m4.
pub static NETWORKS: LazyLock<[Network; 5]> = LazyLock::new(|| networks!("m0", "m1", "m2", "m3", "m4"));
