//! The shapes of the reports' networks.

/// A network as far as shapes go: 3x3 convolutions with batch norm, relu and 2x2 pooling, then dense layers.
pub(super) struct Network {
    pub(super) name: &'static str,
    pub(super) batch: usize,
    /// Rows and columns of an image.
    pub(super) side: usize,
    /// Channels of an image, then of each block.
    pub(super) channels: &'static [usize],
    pub(super) residual: bool,
    /// Outputs of the dense layers; the last are the classes.
    pub(super) dense: &'static [usize],
}

pub(super) const NETWORKS: &[Network] = &[
    Network { name: "m1", batch: 64, side: 28, channels: &[1, 32, 64], residual: false, dense: &[128, 10] },
    Network { name: "m2", batch: 32, side: 224, channels: &[3, 32, 64, 128], residual: false, dense: &[128, 5] },
    Network { name: "m3", batch: 64, side: 64, channels: &[3, 64, 128, 256, 256], residual: true, dense: &[512, 200] },
    Network { name: "m4", batch: 64, side: 28, channels: &[1], residual: false, dense: &[256, 256, 10] },
];
