//! What the launches of a training step have to do, in their order, from the steps of a plan.
//!
//! Which launches a step becomes is decided in `crates/cuda`; here stands the same once more for what the reports'
//! networks have, and a test holds the two lists against each other, name by name.

use tunefork_graph::{
    self as graph, BlockBackward, BlockForward, Dense, DenseBackward, Gradient, Image, ParameterId, Plan, Shortcut,
    SlabLayout, Step, UpdateRule, Window,
};
use tunefork_kernels::launch::average::Average;
use tunefork_kernels::launch::block::{Add, Block};
use tunefork_kernels::launch::conv::{DataGradient, Forward, WeightGradient};
use tunefork_kernels::launch::loss::Loss;
use tunefork_kernels::launch::optimizer::Update;
use tunefork_kernels::launch::{dense, gather};
use tunefork_kernels::{Conv2d, Precision};

use super::layers::shape;
use super::least::{self, Least};

/// What a launch has to do.
#[derive(Clone, PartialEq, Debug)]
pub struct Described {
    /// As [`Work::name`](super::Work::name).
    pub name: &'static str,
    /// As [`Work::shape`](super::Work::shape).
    pub shape: String,
    /// Operations and bytes.
    pub least: Least,
    /// Rows, columns and depth of its products of matrices.
    pub products: Vec<[usize; 3]>,
    /// What its blocks leave and the last ones add.
    pub parts: Parts,
    /// Whether it computes again what was not kept: a plan's cost does not count that.
    pub again: bool,
    /// Whether it updates the weights whose gradient it forms.
    pub applied: bool,
}

impl Described {
    /// Whether a block makes several tiles, one after the other: all that belong to some rows of the weights, where those that
    /// read them and those that change them are in one launch.
    pub fn is_in_strips(&self) -> bool {
        self.applied && self.products.len() > 1
    }
}

/// Parts of sums.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Parts {
    /// Parts of each sum; 0 or 1 where a block has all of it.
    pub count: usize,
    /// Bytes of all parts, which are written and read.
    pub bytes: usize,
}

impl Parts {
    /// So many floats in all, `sums` of which are one part of each sum.
    fn new(floats: usize, sums: usize) -> Self {
        Self { count: floats / sums, bytes: floats * size_of::<f32>() }
    }
}

/// The launches of a training step of a network whose blocks all have a convolution and no pooling but of 2x2 pixels.
///
/// # Panics
/// If there is a step that the reports' networks do not have.
pub fn step_launches(plan: &Plan, precision: Precision, clips: bool) -> Vec<Described> {
    let steps = &plan.training.steps;
    let mut list = List { launches: Vec::new(), batch: plan.training.batch, precision, clips, applied: Vec::new() };
    list.gather(plan.image);
    for (number, step) in steps.iter().enumerate() {
        let before = number.checked_sub(1).map(|before| &steps[before]);
        list.step(step, before);
    }
    list.update(&plan.slab);
    list.launches
}

struct List {
    launches: Vec<Described>,
    batch: usize,
    precision: Precision,
    clips: bool,
    /// Weights that layers have updated.
    applied: Vec<ParameterId>,
}

impl List {
    fn push(&mut self, name: &'static str, shape: String, least: Least) -> &mut Described {
        let parts = Parts::default();
        self.launches.push(Described { name, shape, least, products: Vec::new(), parts, again: false, applied: false });
        self.launches.last_mut().expect("just added")
    }

    fn gather(&mut self, image: Image) {
        let Image { height, width, channels } = image;
        let gather = gather::Gather { batch: self.batch, height, width, channels, precision: self.precision };
        self.push("gather", image_shape(self.batch, image), least::gather(&gather));
    }

    fn step(&mut self, step: &Step, before: Option<&Step>) {
        match step {
            Step::BlockForward(s) => self.block_forward(s),
            Step::BlockBackward(s) => self.block_backward(s),
            Step::DenseForward(s) => self.dense_forward(&s.dense),
            Step::DenseBackward(s) => {
                let is_folded = matches!(before, Some(Step::DenseBackward(before)) if folds(before, s));
                self.dense_backward(s, is_folded);
            }
            Step::GlobalAverageForward(s) => {
                let average = self.average(s.image);
                self.push("average forward", image_shape(self.batch, s.image), least::average_forward(&average));
            }
            Step::GlobalAverageBackward(s) => {
                let least = least::average_backward(&self.average(s.image), s.input_gradient.accumulate);
                self.push("average backward", image_shape(self.batch, s.image), least);
            }
            Step::Loss(s) => {
                let loss = Loss { batch: self.batch, classes: s.classes, precision: self.precision };
                self.push("loss", format!("{}x{}", self.batch, s.classes), least::loss(&loss));
            }
            Step::GroupNormForward(_)
            | Step::GroupNormBackward(_)
            | Step::DropoutForward(_)
            | Step::DropoutBackward(_) => panic!("the reports' networks have no such step: {step:?}"),
        }
    }

    fn average(&self, image: Image) -> Average {
        let (pixels, channels) = (image.pixels(), image.channels);
        Average { batch: self.batch, pixels, channels, precision: self.precision }
    }

    fn conv(&self, block: &graph::Block) -> Conv2d {
        let part = block.conv.expect("blocks with a convolution");
        Conv2d::new(self.batch, block.input, block.convolved.channels, part.window)
    }

    fn projection(&self, block: &graph::Block) -> Option<Conv2d> {
        match block.shortcut {
            Shortcut::Projected { stride, input, .. } => {
                let window = Window { kernel: 1, stride, padding: 0 };
                Some(Conv2d::new(self.batch, input, block.convolved.channels, window))
            }
            Shortcut::None | Shortcut::Identity => None,
        }
    }

    fn rest(&self, block: &graph::Block) -> Block {
        let Image { height, width, channels } = block.convolved;
        Block {
            batch: self.batch,
            height,
            width,
            channels,
            norm: block.norm.is_some(),
            shortcut: block.shortcut != Shortcut::None,
            activation: block.activation,
            pool: block.pool,
            saved_output: block.saves_output(),
            precision: self.precision,
        }
    }

    fn conv_forward(&mut self, conv: Conv2d, statistics: bool) -> &mut Described {
        let precision = self.precision;
        let launch = self.push("conv forward", shape(&conv), least::conv_forward(&conv, precision));
        launch.products.push(least::forward_product(&conv));
        if statistics {
            let forward = Forward { conv, precision, bias: false, activation: None, statistics };
            launch.parts = Parts::new(forward.partials_len(), 2 * conv.filters);
        }
        launch
    }

    fn block_forward(&mut self, s: &BlockForward) {
        let block = &*s.block;
        self.conv_forward(self.conv(block), block.norm.is_some());
        if let Some(projection) = self.projection(block) {
            self.conv_forward(projection, false);
        }
        if !block.saves_output() || block.shortcut != Shortcut::None {
            let rest = self.rest(block);
            self.push("block forward", image_shape(self.batch, block.convolved), least::block_forward(&rest));
        }
    }

    fn block_backward(&mut self, s: &BlockBackward) {
        let block = &*s.block;
        let (conv, projection, rest) = (self.conv(block), self.projection(block), self.rest(block));
        if let Some(projection) = projection.filter(|_| rest.reads_shortcut()) {
            self.conv_forward(projection, false).again = true;
        }
        let shape = image_shape(self.batch, block.convolved);
        let sums = 1 + usize::from(rest.norm);
        let chunks = rest.workspace_len() / (sums * rest.channels);
        if rest.norm {
            let launch = self.push("block sums", shape.clone(), least::block_sums(&rest));
            launch.parts = Parts::new(chunks * 2 * rest.channels, 2 * rest.channels);
        }
        let needs_sum = rest.norm && (projection.is_some() || s.shortcut_gradient.is_some());
        let launch = self.push("block backward", shape, least::block_backward(&rest, 1 + usize::from(needs_sum)));
        if block.conv.is_some_and(|part| part.bias.is_some()) {
            launch.parts = Parts::new(chunks * rest.channels, rest.channels);
        }
        self.weight_gradient(conv);
        if let Some(projection) = projection {
            self.weight_gradient(projection);
        }
        let beside = projection.filter(|projection| {
            let is_added = s.input_gradient.zip(s.shortcut_gradient).is_some_and(|(x, r)| r.accumulate && r.to == x.to);
            is_added && DataGradient { conv, precision: self.precision }.takes(projection)
        });
        if let Some(gradient) = s.input_gradient {
            self.data_gradient(conv, gradient);
            if let Some(projection) = beside {
                self.add_projection(projection);
            }
        }
        match (s.shortcut_gradient, projection) {
            (None, _) => {}
            (Some(_), Some(_)) if beside.is_some() => {}
            (Some(gradient), Some(projection)) => self.data_gradient(projection, gradient),
            (Some(gradient), None) => {
                let elements = block.convolved.elements();
                let add = Add { batch: self.batch, elements, precision: self.precision };
                let shape = image_shape(self.batch, block.convolved);
                self.push("add", shape, least::add(&add, gradient.accumulate));
            }
        }
    }

    fn weight_gradient(&mut self, conv: Conv2d) {
        let precision = self.precision;
        let launch = self.push("conv weight gradient", shape(&conv), least::conv_weight_gradient(&conv, precision));
        launch.products.push(least::weight_product(&conv));
        launch.parts = Parts::new(WeightGradient { conv, precision }.workspace_len(), conv.weights_len());
    }

    fn data_gradient(&mut self, conv: Conv2d, gradient: Gradient) {
        let least = least::conv_data_gradient(&conv, self.precision, gradient.accumulate);
        self.push("conv data gradient", shape(&conv), least).products.push(least::data_product(&conv));
    }

    /// To the last launch the gradient through a projection of the same input, which needs no bytes of dx.
    fn add_projection(&mut self, conv: Conv2d) {
        let alone = least::conv_data_gradient(&conv, self.precision, false);
        let launch = self.launches.last_mut().expect("a data gradient");
        launch.least.flops += alone.flops;
        launch.least.read += alone.read;
        let [_, _, depth] = least::data_product(&conv);
        launch.products[0][2] += depth;
        launch.shape.push_str(" + 1x1");
    }

    fn dense(&self, layer: &Dense) -> dense::Dense {
        dense::Dense {
            batch: self.batch,
            inputs: layer.inputs,
            outputs: layer.outputs,
            activation: layer.activation,
            dropout: layer.dropout.map(|layer| layer as u32),
            precision: self.precision,
        }
    }

    fn dense_forward(&mut self, layer: &Dense) {
        let dense = self.dense(layer);
        let launch = self.push("dense forward", dense_shape(&dense), least::dense_forward(&dense));
        launch.products.push([dense.batch, dense.outputs, dense.inputs]);
        launch.parts = Parts::new(dense.workspace_len(), dense.batch * dense.outputs);
    }

    fn dense_backward(&mut self, s: &DenseBackward, is_folded: bool) {
        let dense = self.dense(&s.dense);
        if !is_folded && (dense.activation.is_some() || dense.dropout.is_some()) {
            self.push("dense derivative", dense_shape(&dense), least::dense_derivative(&dense));
        }
        let data = s.input_gradient.map(|gradient| gradient.accumulate);
        let applied = !self.clips && dense.updates(data.is_some());
        let least = match applied {
            true => least::dense_applied(&dense, data, UpdateRule::ADAM.states()),
            false => least::dense_backward(&dense, data),
        };
        let launch = self.push("dense backward", dense_shape(&dense), least);
        launch.products = least::dense_products(&dense, data.is_some());
        launch.applied = applied;
        if applied {
            self.applied.push(s.dense.weights);
        }
    }

    fn update(&mut self, slab: &SlabLayout) {
        let all = Update { len: slab.trainable_len, precision: self.precision, clips: self.clips };
        let mut applied: Vec<_> = self.applied.iter().map(|&weights| slab.parameter(weights).range()).collect();
        applied.sort_by_key(|range| range.start);
        let len = all.parts(&applied).chunks_exact(2).map(|part| (part[1] - part[0]) as usize).sum();
        let update = Update { len, ..all };
        if self.clips {
            self.push("squares", len.to_string(), least::squares(&update));
        }
        self.push("update (Adam)", len.to_string(), least::update(&update, UpdateRule::ADAM.states()));
    }
}

/// Whether a dense layer's backward pass takes the gradient through the activation of the one before, as
/// `crates/cuda/src/launches.rs` has it.
fn folds(s: &DenseBackward, next: &DenseBackward) -> bool {
    let is_its_gradient = |gradient: Gradient| !gradient.accumulate && gradient.to == next.output_gradient;
    s.input_gradient.is_some_and(is_its_gradient) && next.output.is_none_or(|output| output == s.input)
}

fn image_shape(batch: usize, image: Image) -> String {
    format!("{batch}x{}x{}x{}", image.height, image.width, image.channels)
}

fn dense_shape(dense: &dense::Dense) -> String {
    format!("{}x{} * {}", dense.batch, dense.inputs, dense.outputs)
}
