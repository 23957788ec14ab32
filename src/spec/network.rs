//! From a configuration to the network that it describes.

use tunefork_nn::{Block, Image, Network, Pool, PoolKind};
use tunefork_space::Value;

use super::Config;

impl Config {
    /// The network for images of this shape in this many classes.
    ///
    /// Whether such a network can be built at all is for [`Network`] to say.
    pub fn network(&self, input: Image, classes: usize) -> Network {
        let activation = self.named("activation");
        Network {
            blocks: (0..self.list("channels").len()).map(|layer| self.block(layer)).collect(),
            head: self.named("head"),
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
        // The only word beside the kinds is "none".
        let kind = at("pool").as_str().and_then(|word| word.parse::<PoolKind>().ok());
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
            activation: Some(self.named("activation")),
            pool: kind.map(|kind| Pool::tiles(kind, size(at("pool_size")))),
            residual: flag("residual"),
        }
    }
}

/// A whole number that the table of keys keeps above zero.
fn size(value: &Value) -> usize {
    value.as_i64().and_then(|whole| usize::try_from(whole).ok()).unwrap_or(0)
}
