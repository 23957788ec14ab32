//! The walk through a network, layer by layer, with every check on the way.
//!
//! Validation, the layer table, the list of parameters and the graph are all read off this one list,
//! so they cannot disagree.

use crate::{Activation, ConvBlock, Head, Image, Network, NetworkError, Norm, Pool, Window};

/// No layer may have more channels, units or classes; no image side may be longer.
const MAX_SIDE: usize = 1 << 16;
/// No set of weights and no feature map of one image may hold more values (16 GiB of f32).
const MAX_VALUES: u64 = 1 << 32;

/// One primitive layer. Vectors are shapes of one pixel.
#[derive(Clone, PartialEq, Debug)]
pub struct Layer {
    /// Unique path, for example `blocks.0.conv`; parameters are `<name>.weight` and `<name>.bias`.
    pub name: String,
    /// The operation with its settings.
    pub kind: LayerKind,
    /// What it reads; for a shortcut the block's input.
    pub input: Image,
    /// Size of its result for one image.
    pub output: Image,
}

/// What a layer does.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum LayerKind {
    /// Convolution with a square kernel.
    Conv {
        /// Side of the kernel.
        kernel: usize,
        /// Pixels from one position to the next.
        stride: usize,
        /// Zeros on each side.
        padding: usize,
        /// Whether there is a bias.
        bias: bool,
    },
    /// Normalisation of each channel over the batch.
    BatchNorm,
    /// Normalisation of each image by groups of channels.
    GroupNorm {
        /// How many groups; one is layer normalisation.
        groups: usize,
    },
    /// The block's input is added to the branch.
    Shortcut {
        /// Step of the 1x1 convolution it passes through; `None` adds the input as it is.
        projection_stride: Option<usize>,
    },
    /// A function of each value.
    Activation(Activation),
    /// Largest value or mean of each window.
    Pool(Pool),
    /// Mean of each channel.
    GlobalAverage,
    /// The map as a vector, in the order (height, width, channels).
    Flatten,
    /// Dense layer with bias; its input is the map that was flattened.
    Dense,
    /// Drops units in training, by the network's probability.
    Dropout,
}

impl Layer {
    /// Number of trainable values.
    pub fn parameters(&self) -> u64 {
        let (inputs, outputs) = (self.input.channels as u64, self.output.channels as u64);
        match self.kind {
            LayerKind::Conv { kernel, bias, .. } => {
                outputs * inputs * (kernel * kernel) as u64 + if bias { outputs } else { 0 }
            }
            LayerKind::BatchNorm | LayerKind::GroupNorm { .. } => 2 * outputs,
            LayerKind::Shortcut { projection_stride: Some(_) } => inputs * outputs,
            LayerKind::Dense => self.input.elements() as u64 * outputs + outputs,
            LayerKind::Shortcut { projection_stride: None }
            | LayerKind::Activation(_)
            | LayerKind::Pool(_)
            | LayerKind::GlobalAverage
            | LayerKind::Flatten
            | LayerKind::Dropout => 0,
        }
    }

    /// Floating-point operations of the forward pass of one image, two per multiply-add; only what
    /// convolutions and dense layers multiply is counted, up to [`u64::MAX`].
    pub fn flops(&self) -> u64 {
        let per_output = match self.kind {
            LayerKind::Conv { kernel, .. } => self.input.channels * kernel * kernel,
            LayerKind::Shortcut { projection_stride: Some(_) } => self.input.channels,
            LayerKind::Dense => self.input.elements(),
            LayerKind::BatchNorm
            | LayerKind::GroupNorm { .. }
            | LayerKind::Shortcut { projection_stride: None }
            | LayerKind::Activation(_)
            | LayerKind::Pool(_)
            | LayerKind::GlobalAverage
            | LayerKind::Flatten
            | LayerKind::Dropout => 0,
        };
        (2 * self.output.elements() as u64).saturating_mul(per_output as u64)
    }
}

impl Network {
    /// Checks the description and lists its layers in the order in which they run.
    ///
    /// # Errors
    /// The first layer that cannot be, with the number that is wrong and its bounds.
    pub fn layers(&self) -> Result<Vec<Layer>, NetworkError> {
        self.check_ends()?;
        let mut walk = Walk { layers: Vec::new(), shape: self.input };
        for (index, block) in self.blocks.iter().enumerate() {
            walk.block(&format!("blocks.{index}"), block)?;
        }
        if self.head == Head::GlobalAverage {
            let pooled = Image::vector(walk.shape.channels);
            walk.push("head".into(), LayerKind::GlobalAverage, pooled)?;
        }
        let vector = Image::vector(walk.shape.elements());
        let map = walk.shape;
        walk.push("flatten".into(), LayerKind::Flatten, vector)?;
        // The first dense layer knows the map it reads: PyTorch flattens it channel by channel, so its
        // weights can only be exchanged by someone who knows the shape.
        walk.shape = map;
        for (index, &units) in self.hidden.iter().enumerate() {
            let name = format!("hidden.{index}");
            walk.dense(&name, "units", units)?;
            let shape = walk.shape;
            walk.push(format!("{name}.activation"), LayerKind::Activation(self.hidden_activation), shape)?;
            walk.push(format!("{name}.dropout"), LayerKind::Dropout, shape)?;
        }
        walk.dense("classifier", "classes", self.classes)?;
        Ok(walk.layers)
    }

    /// Number of trainable values.
    ///
    /// # Errors
    /// As [`Network::layers`].
    pub fn parameter_count(&self) -> Result<u64, NetworkError> {
        Ok(self.layers()?.iter().map(Layer::parameters).sum())
    }

    fn check_ends(&self) -> Result<(), NetworkError> {
        in_range("input", "height", self.input.height, 1, MAX_SIDE)?;
        in_range("input", "width", self.input.width, 1, MAX_SIDE)?;
        in_range("input", "channels", self.input.channels, 1, MAX_SIDE)?;
        in_range("input", "values in an image", self.input.elements(), 1, MAX_VALUES as usize)?;
        in_range("classifier", "classes", self.classes, 2, MAX_SIDE)?;
        if !(0.0..=1.0).contains(&self.dropout) {
            return Err(NetworkError::OutOfRange {
                layer: "hidden".into(),
                what: "dropout",
                value: f64::from(self.dropout),
                allowed: "from 0 to 1".into(),
            });
        }
        Ok(())
    }
}

/// The list so far and the shape that the next layer reads.
struct Walk {
    layers: Vec<Layer>,
    shape: Image,
}

impl Walk {
    fn block(&mut self, name: &str, block: &ConvBlock) -> Result<(), NetworkError> {
        let input = self.shape;
        check_conv(name, block)?;
        let output = conv_output(name, block, input)?;
        let ConvBlock { kernel, stride, padding, bias, .. } = *block;
        self.push(format!("{name}.conv"), LayerKind::Conv { kernel, stride, padding, bias }, output)?;
        if let Some(norm) = block.norm {
            self.push(format!("{name}.norm"), norm_layer(name, norm, block.channels)?, output)?;
        }
        if block.residual {
            self.shortcut(name, input, output, stride)?;
        }
        if let Some(activation) = block.activation {
            self.push(format!("{name}.activation"), LayerKind::Activation(activation), output)?;
        }
        if let Some(pool) = block.pool {
            let pooled = pool_output(name, pool, output)?;
            self.push(format!("{name}.pool"), LayerKind::Pool(pool), pooled)?;
        }
        Ok(())
    }

    fn shortcut(&mut self, block: &str, input: Image, branch: Image, stride: usize) -> Result<(), NetworkError> {
        let strided = |side: usize| (side - 1) / stride + 1;
        let shortcut = Image::new(strided(input.height), strided(input.width), branch.channels);
        if shortcut != branch {
            return Err(NetworkError::ResidualShape { layer: block.into(), branch, shortcut });
        }
        let projection_stride = (input != branch).then_some(stride);
        self.shape = input;
        self.push(format!("{block}.shortcut"), LayerKind::Shortcut { projection_stride }, branch)
    }

    fn dense(&mut self, name: &str, what: &'static str, outputs: usize) -> Result<(), NetworkError> {
        in_range(name, what, outputs, 1, MAX_SIDE)?;
        self.push(name.into(), LayerKind::Dense, Image::vector(outputs))
    }

    fn push(&mut self, name: String, kind: LayerKind, output: Image) -> Result<(), NetworkError> {
        let layer = Layer { name, kind, input: self.shape, output };
        let too_large = |what| NetworkError::TooLarge { layer: layer.name.clone(), what, limit: MAX_VALUES };
        // Every factor is at most 2^17 (a flattened map 2^32), so these products fit in 64 bits.
        if layer.output.elements() as u64 > MAX_VALUES {
            return Err(too_large("the output of one image"));
        }
        if layer.parameters() > MAX_VALUES {
            return Err(too_large("the weights"));
        }
        self.layers.push(layer);
        self.shape = output;
        Ok(())
    }
}

fn check_conv(layer: &str, block: &ConvBlock) -> Result<(), NetworkError> {
    in_range(layer, "channels", block.channels, 1, MAX_SIDE)?;
    in_range(layer, "kernel", block.kernel, 1, 255)?;
    in_range(layer, "stride", block.stride, 1, 255)?;
    in_range(layer, "padding", block.padding, 0, block.kernel - 1)?;
    if let Some(pool) = block.pool {
        let Window { kernel, stride, padding } = pool.window;
        in_range(layer, "pool window", kernel, 1, 255)?;
        in_range(layer, "pool stride", stride, 1, 255)?;
        in_range(layer, "pool padding", padding, 0, kernel / 2)?;
    }
    Ok(())
}

fn norm_layer(layer: &str, norm: Norm, channels: usize) -> Result<LayerKind, NetworkError> {
    match norm {
        Norm::Batch => Ok(LayerKind::BatchNorm),
        Norm::Group { groups } if channels.is_multiple_of(groups) => Ok(LayerKind::GroupNorm { groups }),
        Norm::Group { groups } => Err(NetworkError::OutOfRange {
            layer: layer.into(),
            what: "norm_groups",
            value: groups as f64,
            allowed: format!("a divisor of its {channels} channels"),
        }),
    }
}

fn conv_output(layer: &str, block: &ConvBlock, input: Image) -> Result<Image, NetworkError> {
    let ConvBlock { kernel, stride, padding, channels, .. } = *block;
    window_output(Window { kernel, stride, padding }, input, channels).ok_or_else(|| NetworkError::KernelTooLarge {
        layer: format!("{layer}.conv"),
        kernel,
        padding,
        input,
    })
}

fn pool_output(layer: &str, pool: Pool, input: Image) -> Result<Image, NetworkError> {
    window_output(pool.window, input, input.channels).ok_or_else(|| NetworkError::PoolTooLarge {
        layer: format!("{layer}.pool"),
        window: pool.window.kernel,
        input,
    })
}

/// One pixel for each position of a window; `None` where it does not fit once.
fn window_output(window: Window, input: Image, channels: usize) -> Option<Image> {
    Some(Image::new(window.positions(input.height)?, window.positions(input.width)?, channels))
}

fn in_range(layer: &str, what: &'static str, value: usize, low: usize, high: usize) -> Result<(), NetworkError> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(NetworkError::OutOfRange {
        layer: layer.into(),
        what,
        value: value as f64,
        allowed: format!("from {low} to {high}"),
    })
}
