//! From a configuration to the network that it describes.

use tunefork_nn::{Activation, Block, Head, ImageShape, Network, Pool};
use tunefork_space::Value;

use super::Config;

impl Config {
    /// The network for images of this shape in this many classes.
    ///
    /// Whether such a network can be built at all is for [`Network`] to say.
    pub fn network(&self, input: ImageShape, classes: usize) -> Network {
        let activation = self.activation();
        Network {
            blocks: (0..self.list("channels").len()).map(|layer| self.block(layer)).collect(),
            head: match self.word("head") {
                "global_average" => Head::GlobalAverage,
                _ => Head::Flatten,
            },
            hidden: self.list("hidden").iter().map(size).collect(),
            hidden_activation: activation,
            dropout: self.number("dropout") as f32,
            ..Network::new(input, classes)
        }
    }

    fn block(&self, layer: usize) -> Block {
        let at = |key: &str| &self.list(key)[layer];
        let flag = |key: &str| at(key).as_bool().unwrap_or_default();
        let kernel = size(at("kernel"));
        let pool = match at("pool").as_str() {
            Some("max") => Some(Pool::max(size(at("pool_size")))),
            Some("average") => Some(Pool::average(size(at("pool_size")))),
            _ => None,
        };
        Block {
            channels: size(at("channels")),
            kernel,
            stride: size(at("stride")),
            // The only word that `padding` takes is "same".
            padding: match at("padding") {
                Value::Int(padding) => *padding as usize,
                _ => kernel / 2,
            },
            bias: flag("bias"),
            batch_norm: flag("batch_norm"),
            activation: Some(self.activation()),
            pool,
            residual: flag("residual"),
        }
    }

    fn activation(&self) -> Activation {
        self.word("activation").parse().expect("the table of keys lists activations by their names")
    }
}

/// A whole number that the table of keys keeps above zero.
fn size(value: &Value) -> usize {
    value.as_i64().and_then(|whole| usize::try_from(whole).ok()).unwrap_or(0)
}
