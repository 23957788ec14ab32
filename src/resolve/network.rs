//! From a configuration to the network that it describes.

use tunefork_nn::{ConvBlock, Image, Network, Norm, Pool};

use crate::study_file::table::{
    ACTIVATION, BIAS, CHANNELS, DROPOUT, HEAD, HIDDEN, INITIALISATION, KERNEL, NORM_GROUPS, PADDING, POOL, POOL_SIZE,
    RESIDUAL, STRIDE,
};

use crate::study_file::NormKind;

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

    fn blocks(&self) -> Vec<ConvBlock> {
        let (kernel, stride, padding) = (KERNEL.of(self), STRIDE.of(self), PADDING.of(self));
        let (bias, norm_groups, residual) = (BIAS.of(self), NORM_GROUPS.of(self), RESIDUAL.of(self));
        let norms = self.norms();
        let (pool, pool_size) = (POOL.of(self), POOL_SIZE.of(self));
        let block = |(layer, channels): (usize, usize)| ConvBlock {
            channels,
            kernel: kernel[layer],
            stride: stride[layer],
            padding: padding[layer].unwrap_or(kernel[layer] / 2),
            bias: bias[layer],
            norm: norms[layer].map(|kind| match kind {
                NormKind::Batch => Norm::Batch,
                NormKind::Group => Norm::Group { groups: norm_groups[layer] },
                NormKind::Layer => Norm::Group { groups: 1 },
            }),
            activation: Some(ACTIVATION.of(self)),
            pool: pool[layer].map(|kind| Pool::tiles(kind, pool_size[layer])),
            residual: residual[layer],
        };
        CHANNELS.of(self).into_iter().enumerate().map(block).collect()
    }
}
