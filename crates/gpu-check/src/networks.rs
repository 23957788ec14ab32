//! The networks of the reports, as the study files in `studies/networks` describe them.

use std::sync::LazyLock;

use serde::Deserialize;

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
    /// Number of classes.
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
}

macro_rules! networks {
    ($($name:literal),*) => {
        [$(Network::read($name, include_str!(concat!("../../../studies/networks/", $name, ".toml")))),*]
    };
}

/// All of them.
pub static NETWORKS: LazyLock<[Network; 5]> = LazyLock::new(|| networks!("m0", "m1", "m2", "m3", "m4"));
