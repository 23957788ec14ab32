//! Adding operations to a graph: shapes are worked out and checked at once.

use crate::graph::{BatchNorm, Graph, Init, Node, NodeId, NormId, Parameter, ParameterId};
use crate::{Activation, GraphError, Op, Shape, Window};

/// Settings of a convolution.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Conv {
    /// Number of filters, which is the number of channels of the result.
    pub channels: usize,
    /// Height and width of a filter.
    pub kernel: usize,
    /// Pixels from one position to the next.
    pub stride: usize,
    /// Rows and columns of zeros on each side.
    pub padding: usize,
    /// Whether a value per filter is added.
    pub bias: bool,
}

const IMAGES: &str = "images [N, H, W, C]";
const FEATURES: &str = "features [N, F] (flatten images first)";
const VALUES: &str = "images [N, H, W, C] or features [N, F]";

impl Graph {
    /// A graph with nothing but its input: `batch` images of height, width, channels.
    ///
    /// # Errors
    /// If a size is zero or the batch is too large.
    pub fn new(batch: usize, [height, width, channels]: [usize; 3]) -> Result<Self, GraphError> {
        let sizes = [batch, height, width, channels];
        if sizes.contains(&0) {
            return Err(GraphError::EmptyInput { shape: Shape::new(&sizes) });
        }
        let shape = fits("input", &sizes)?;
        let mut graph = Self { nodes: Vec::new(), parameters: Vec::new(), norms: Vec::new(), dropouts: 0, loss: None };
        graph.push(Op::Input, vec![], shape);
        Ok(graph)
    }

    /// A convolution of images, with the parameters `name.weight` `[R, S, C, K]` and, if asked for,
    /// `name.bias`.
    ///
    /// # Errors
    /// If the input is no batch of images, a setting is zero, or the filter is larger than the image.
    pub fn conv2d(&mut self, x: NodeId, name: &str, conv: Conv) -> Result<NodeId, GraphError> {
        let layer = format!("conv2d \"{name}\"");
        let [n, height, width, c] = self.image_sizes(&layer, x)?;
        let window = Window { kernel: conv.kernel, stride: conv.stride, padding: conv.padding };
        require(&layer, "channels", conv.channels)?;
        let (p, q) = self.positions(&layer, x, window, height, width)?;
        let weight = fits(&layer, &[conv.kernel, conv.kernel, c, conv.channels])?;
        let output = fits(&layer, &[n, p, q, conv.channels])?;
        self.new_name(name)?;
        let fan_in = conv.kernel * conv.kernel * c;
        let inputs = self.affine(x, name, weight, conv.bias, fan_in);
        Ok(self.push(Op::Conv2d(window), inputs, output))
    }

    /// Batch normalisation by channel, with the parameters `name.weight` (scale) and `name.bias`
    /// (shift) and running statistics.
    ///
    /// # Errors
    /// If there is only one value per channel, so that it has no variance.
    pub fn batch_norm(&mut self, x: NodeId, name: &str) -> Result<NodeId, GraphError> {
        let layer = format!("batch_norm \"{name}\"");
        let shape = self.values(&layer, x)?;
        let channels = shape.sizes()[shape.rank() - 1];
        if shape.elements() == channels {
            return Err(GraphError::SingleValue { name: name.into(), shape });
        }
        self.new_name(name)?;
        let norm = NormId(self.norms.len());
        self.norms.push(BatchNorm { name: name.into(), channels });
        let [scale, shift] = self.scale_and_shift(name, channels);
        Ok(self.push(Op::BatchNorm(norm), vec![x, scale, shift], shape))
    }

    /// Normalisation of each image by groups of neighbouring channels, with the parameters `name.weight`
    /// (scale) and `name.bias` (shift) per channel. One group is layer normalisation over channels and pixels.
    ///
    /// # Errors
    /// If `groups` is zero or does not divide the channels, or a group of an image has only one value, so
    /// that it has no variance.
    pub fn group_norm(&mut self, x: NodeId, name: &str, groups: usize) -> Result<NodeId, GraphError> {
        let layer = format!("group_norm \"{name}\"");
        let shape = self.values(&layer, x)?;
        let sizes = shape.sizes();
        let channels = sizes[shape.rank() - 1];
        require(&layer, "the number of groups", groups)?;
        if !channels.is_multiple_of(groups) {
            return Err(GraphError::UnevenGroups { layer, groups, channels });
        }
        if sizes[1..].iter().product::<usize>() == groups {
            return Err(GraphError::SingleValueGroup { layer, groups, shape });
        }
        self.new_name(name)?;
        let [scale, shift] = self.scale_and_shift(name, channels);
        Ok(self.push(Op::GroupNorm { groups }, vec![x, scale, shift], shape))
    }

    /// A function of each value.
    ///
    /// # Errors
    /// If the input is neither images nor features.
    pub fn activation(&mut self, x: NodeId, activation: Activation) -> Result<NodeId, GraphError> {
        let shape = self.values(activation.name(), x)?;
        Ok(self.push(Op::Activation(activation), vec![x], shape))
    }

    /// The largest value of each window. Positions are rounded down, as PyTorch does by default.
    ///
    /// # Errors
    /// If the input is no batch of images or the window does not fit.
    pub fn max_pool(&mut self, x: NodeId, window: Window) -> Result<NodeId, GraphError> {
        self.pool(x, window, Op::MaxPool(window))
    }

    /// The mean of each window. Padding counts as zeros, as PyTorch does by default.
    ///
    /// # Errors
    /// If the input is no batch of images or the window does not fit.
    pub fn average_pool(&mut self, x: NodeId, window: Window) -> Result<NodeId, GraphError> {
        self.pool(x, window, Op::AveragePool(window))
    }

    /// The mean over all pixels: `[N, H, W, C]` to `[N, C]`.
    ///
    /// # Errors
    /// If the input is no batch of images.
    pub fn global_average_pool(&mut self, x: NodeId) -> Result<NodeId, GraphError> {
        let layer = Op::GlobalAveragePool.name();
        let [n, _, _, c] = self.image_sizes(layer, x)?;
        Ok(self.push(Op::GlobalAveragePool, vec![x], Shape::new(&[n, c])))
    }

    /// The sum of two tensors.
    ///
    /// # Errors
    /// If their shapes differ.
    pub fn add(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, GraphError> {
        let (left, right) = (self.values("add", a)?, self.values("add", b)?);
        if left != right {
            return Err(GraphError::ShapesDiffer { layer: "add".into(), left, right });
        }
        Ok(self.push(Op::Add, vec![a, b], left))
    }

    /// Images as features, in the order (h, w, c); features stay as they are.
    ///
    /// # Errors
    /// If the input is neither images nor features.
    pub fn flatten(&mut self, x: NodeId) -> Result<NodeId, GraphError> {
        let shape = self.values("flatten", x)?;
        let batch = shape.sizes()[0];
        let flat = Shape::new(&[batch, shape.elements() / batch]);
        Ok(self.push(Op::Flatten, vec![x], flat))
    }

    /// A fully connected layer of features, with the parameters `name.weight` `[in, out]` and, if
    /// asked for, `name.bias`.
    ///
    /// # Errors
    /// If the input is images, or `outputs` is zero.
    pub fn dense(&mut self, x: NodeId, name: &str, outputs: usize, bias: bool) -> Result<NodeId, GraphError> {
        let layer = format!("dense \"{name}\"");
        let [n, fan_in] = self.feature_sizes(&layer, x)?;
        require(&layer, "outputs", outputs)?;
        let weight = fits(&layer, &[fan_in, outputs])?;
        let output = fits(&layer, &[n, outputs])?;
        self.new_name(name)?;
        let inputs = self.affine(x, name, weight, bias, fan_in);
        Ok(self.push(Op::Dense, inputs, output))
    }

    /// Dropout; its probability is given for every step, by the order of the dropout layers.
    ///
    /// # Errors
    /// If the input is neither images nor features.
    pub fn dropout(&mut self, x: NodeId) -> Result<NodeId, GraphError> {
        let shape = self.values("dropout", x)?;
        let layer = self.dropouts;
        self.dropouts += 1;
        Ok(self.push(Op::Dropout { layer }, vec![x], shape))
    }

    /// The loss: mean cross entropy of the softmax of `logits` against the labels.
    ///
    /// # Errors
    /// If `logits` are not `[N, classes]`, or there is a loss already.
    pub fn softmax_cross_entropy(&mut self, logits: NodeId, classes: usize) -> Result<NodeId, GraphError> {
        let layer = Op::SoftmaxCrossEntropy.name();
        let [_, outputs] = self.feature_sizes(layer, logits)?;
        if outputs != classes {
            return Err(GraphError::WrongClasses { shape: self.nodes[logits.0].shape, classes });
        }
        if self.loss.is_some() {
            return Err(GraphError::SecondLoss);
        }
        let loss = self.push(Op::SoftmaxCrossEntropy, vec![logits], Shape::new(&[]));
        self.loss = Some(loss);
        Ok(loss)
    }

    fn pool(&mut self, x: NodeId, window: Window, op: Op) -> Result<NodeId, GraphError> {
        let layer = op.name();
        let [n, height, width, c] = self.image_sizes(layer, x)?;
        let (p, q) = self.positions(layer, x, window, height, width)?;
        if window.padding > window.kernel / 2 {
            return Err(GraphError::PaddingTooLarge { layer: layer.into(), window });
        }
        let output = fits(layer, &[n, p, q, c])?;
        Ok(self.push(op, vec![x], output))
    }

    fn positions(
        &self,
        layer: &str,
        x: NodeId,
        window: Window,
        height: usize,
        width: usize,
    ) -> Result<(usize, usize), GraphError> {
        require(layer, "the kernel", window.kernel)?;
        require(layer, "the stride", window.stride)?;
        let shape = self.nodes[x.0].shape;
        // Sums of numbers this large would overflow; their tensors would be refused anyway.
        if window.padding > Self::MAX_ELEMENTS || window.kernel > Self::MAX_ELEMENTS {
            return Err(GraphError::WindowTooLarge { layer: layer.into(), window, shape });
        }
        match (window.positions(height), window.positions(width)) {
            (Some(p), Some(q)) => Ok((p, q)),
            _ => Err(GraphError::WindowTooLarge { layer: layer.into(), window, shape }),
        }
    }

    /// The parameters of a norm, one value per channel each.
    fn scale_and_shift(&mut self, name: &str, channels: usize) -> [NodeId; 2] {
        let per_channel = Shape::new(&[channels]);
        [("weight", Init::Ones), ("bias", Init::Zeros)]
            .map(|(part, init)| self.parameter(format!("{name}.{part}"), per_channel, init))
    }

    /// The inputs of a convolution or a dense layer: x, weights and, if asked for, bias.
    fn affine(&mut self, x: NodeId, name: &str, weight: Shape, bias: bool, fan_in: usize) -> Vec<NodeId> {
        let init = Init::Weights { fan_in };
        let outputs = weight.sizes()[weight.rank() - 1];
        let mut inputs = vec![x, self.parameter(format!("{name}.weight"), weight, init)];
        if bias {
            inputs.push(self.parameter(format!("{name}.bias"), Shape::new(&[outputs]), init));
        }
        inputs
    }

    fn parameter(&mut self, name: String, shape: Shape, init: Init) -> NodeId {
        let id = ParameterId(self.parameters.len());
        self.parameters.push(Parameter { name, shape, init });
        self.push(Op::Parameter(id), vec![], shape)
    }

    fn push(&mut self, op: Op, inputs: Vec<NodeId>, shape: Shape) -> NodeId {
        self.nodes.push(Node { op, inputs, shape, of: None });
        NodeId(self.nodes.len() - 1)
    }

    fn new_name(&self, name: &str) -> Result<(), GraphError> {
        match self.parameters.iter().any(|parameter| parameter.layer() == name) {
            true => Err(GraphError::DuplicateName { name: name.into() }),
            false => Ok(()),
        }
    }

    /// The shape of a tensor with one row per image; parameters and the loss are none.
    fn values(&self, layer: &str, x: NodeId) -> Result<Shape, GraphError> {
        match self.nodes.get(x.0) {
            Some(Node { op: Op::Parameter(_), .. }) | None => Err(GraphError::UnknownTensor { layer: layer.into() }),
            Some(node) if node.shape.rank() == 0 => {
                Err(GraphError::WrongInput { layer: layer.into(), shape: node.shape, expected: VALUES })
            }
            Some(node) => Ok(node.shape),
        }
    }

    fn image_sizes(&self, layer: &str, x: NodeId) -> Result<[usize; 4], GraphError> {
        let shape = self.values(layer, x)?;
        shape.sizes().try_into().map_err(|_| GraphError::WrongInput { layer: layer.into(), shape, expected: IMAGES })
    }

    fn feature_sizes(&self, layer: &str, x: NodeId) -> Result<[usize; 2], GraphError> {
        let shape = self.values(layer, x)?;
        shape.sizes().try_into().map_err(|_| GraphError::WrongInput { layer: layer.into(), shape, expected: FEATURES })
    }
}

fn require(layer: &str, what: &'static str, value: usize) -> Result<(), GraphError> {
    match value {
        0 => Err(GraphError::Zero { layer: layer.into(), what }),
        _ => Ok(()),
    }
}

/// The shape, unless it has more elements than a tensor may have.
fn fits(layer: &str, sizes: &[usize]) -> Result<Shape, GraphError> {
    let shape = Shape::new(sizes);
    match shape.checked_elements() {
        Some(elements) if elements <= Graph::MAX_ELEMENTS => Ok(shape),
        _ => Err(GraphError::TooLarge { layer: layer.into(), shape }),
    }
}
