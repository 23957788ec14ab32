//! From a configuration to the network that it describes.

use tunefork_nn::{Block, Image, Network, Pool};

use crate::study_file::table::{
    ACTIVATION, BATCH_NORM, BIAS, CHANNELS, DROPOUT, HEAD, HIDDEN, INITIALISATION, KERNEL, PADDING, POOL, POOL_SIZE,
    RESIDUAL, STRIDE,
};

use super::Config;

impl Config {
    /// The network for images of this shape in this many classes.
    ///
    /// Whether such a network can be built at all is for [`Network`] to say.
    pub fn network(&self, input: Image, classes: usize) -> Network {
        Network {
            blocks: self.blocks(),
            head: HEAD.of(self),
            hidden: HIDDEN.of(self),
            hidden_activation: ACTIVATION.of(self),
            dropout: DROPOUT.of(self) as f32,
            initialisation: INITIALISATION.of(self),
            ..Network::new(input, classes)
        }
    }

    fn blocks(&self) -> Vec<Block> {
        let (kernel, stride, padding) = (KERNEL.of(self), STRIDE.of(self), PADDING.of(self));
        let (bias, batch_norm, residual) = (BIAS.of(self), BATCH_NORM.of(self), RESIDUAL.of(self));
        let (pool, pool_size) = (POOL.of(self), POOL_SIZE.of(self));
        let block = |(layer, channels): (usize, usize)| Block {
            channels,
            kernel: kernel[layer],
            stride: stride[layer],
            padding: padding[layer].unwrap_or(kernel[layer] / 2),
            bias: bias[layer],
            batch_norm: batch_norm[layer],
            activation: Some(ACTIVATION.of(self)),
            pool: pool[layer].map(|kind| Pool::tiles(kind, pool_size[layer])),
            residual: residual[layer],
        };
        CHANNELS.of(self).into_iter().enumerate().map(block).collect()
    }
}
