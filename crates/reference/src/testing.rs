//! Random graphs, parameters and batches, each a function of a seed, for the tests of engines.
//!
//! All values are f32 numbers, so that an f32 engine starts from exactly the same ones.
//!
//! ```
//! use tunefork_graph::{NoWorkspace, Plan};
//! use tunefork_reference::{Mode, run_program, testing};
//!
//! let graph = testing::random_graph(3);
//! let plan = Plan::new(&graph, 2, &NoWorkspace)?;
//! let batch = testing::random_batch(&graph, graph.batch(), 3);
//! let report = run_program(
//!     &plan,
//!     Mode::Training,
//!     &testing::random_state(&graph, 3),
//!     &batch,
//!     &testing::random_settings(&graph, 3),
//! )?;
//! assert!(report.loss.is_finite());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use ndarray::{Array1, ArrayViewD, Axis, IxDyn};
use tunefork_graph::{Activation, Conv, Graph, GraphError, Init, NodeId, Op, Window};
use tunefork_rng::{Key, Purpose, Stream};

use crate::{Batch, Masks, Outcome, Running, Settings, State, Tensor, ops};

fn stream(seed: u64, index: u64) -> Stream {
    Key::study(seed).stream_at(Purpose::Generate, index)
}

/// A small graph of up to a dozen layers in any order that the builder takes: branches, tensors
/// shared by several layers, residual connections with and without projection, windows that leave
/// the image, batch and group norm on features, odd sizes, strides 1 to 3, batches of 1 to 5.
pub fn random_graph(seed: u64) -> Graph {
    let mut random = stream(seed, 0);
    let mut below = |n: u64| random.below(n) as usize;
    let sizes = [1 + below(5), 1 + below(9), 1 + below(9), 1 + below(4)];
    let graph = Graph::new(sizes[0], [sizes[1], sizes[2], sizes[3]]).expect("no size is zero");
    let input = graph.input();
    let mut growth = Growth { graph, random, norms: stream(seed, 4), layers: 0, tensors: vec![input] };
    for _ in 0..growth.below(9) {
        growth.grow();
    }
    growth.finish().expect("every tensor can be flattened and joined")
}

struct Growth {
    graph: Graph,
    random: Stream,
    /// Draws which norms there are.
    norms: Stream,
    layers: usize,
    tensors: Vec<NodeId>,
}

impl Growth {
    fn below(&mut self, n: usize) -> usize {
        self.random.below(n as u64) as usize
    }

    fn name(&mut self) -> String {
        self.layers += 1;
        format!("layer{}", self.layers)
    }

    /// A tensor made so far, more often than not the last one.
    fn pick(&mut self) -> NodeId {
        match self.below(10) {
            0..7 => self.tensors[self.tensors.len() - 1],
            _ => {
                let index = self.below(self.tensors.len());
                self.tensors[index]
            }
        }
    }

    /// Adds an operation, unless it does not fit the tensor that was picked.
    fn grow(&mut self) {
        let x = self.pick();
        let grown = match self.below(12) {
            0..3 => self.conv(x),
            3 => self.norm(x),
            4 | 5 => self.activation(x),
            6 => self.pool(x),
            7 | 8 => self.residual(x),
            9 => self.sum(x),
            10 => self.graph.dropout(x),
            _ => self.features(x),
        };
        if let Ok(tensor) = grown {
            self.tensors.push(tensor);
        }
    }

    fn window(&mut self, padding_up_to: usize) -> Window {
        let kernel = [1, 2, 3, 3, 5, 7][self.below(6)];
        let stride = [1, 1, 2, 3][self.below(4)];
        let padding = self.below(kernel / padding_up_to + 1);
        Window { kernel, stride, padding }
    }

    fn conv(&mut self, x: NodeId) -> Result<NodeId, GraphError> {
        let Window { kernel, stride, padding } = self.window(1);
        let conv = Conv { channels: 1 + self.below(6), kernel, stride, padding, bias: self.below(2) == 0 };
        let name = self.name();
        self.graph.conv2d(x, &name, conv)
    }

    /// Batch norm, or up to four groups of those that divide the channels.
    fn norm(&mut self, x: NodeId) -> Result<NodeId, GraphError> {
        let name = self.name();
        match self.norms.below(8) as usize {
            groups @ 1..=4 => self.graph.group_norm(x, &name, groups),
            _ => self.graph.batch_norm(x, &name),
        }
    }

    fn activation(&mut self, x: NodeId) -> Result<NodeId, GraphError> {
        let activation = Activation::ALL[self.below(Activation::ALL.len())];
        self.graph.activation(x, activation)
    }

    fn pool(&mut self, x: NodeId) -> Result<NodeId, GraphError> {
        let window = self.window(2);
        match self.below(2) {
            0 => self.graph.max_pool(x, window),
            _ => self.graph.average_pool(x, window),
        }
    }

    /// conv -> norm? -> + shortcut -> activation? -> pool?
    fn residual(&mut self, x: NodeId) -> Result<NodeId, GraphError> {
        let image = self.graph.node(x).shape.image().expect("images or features");
        let (channels, stride) = match self.below(2) {
            0 => (image.channels, 1),
            _ => (1 + self.below(6), 1 + self.below(2)),
        };
        let name = self.name();
        let conv = Conv { channels, kernel: 3, stride, padding: 1, bias: self.below(2) == 0 };
        let mut y = self.graph.conv2d(x, &name, conv)?;
        if self.below(3) > 0 {
            y = self.norm(y).unwrap_or(y);
        }
        let mut shortcut = x;
        if self.graph.node(x).shape != self.graph.node(y).shape {
            let projection = Conv { channels, kernel: 1, stride, padding: 0, bias: self.below(4) == 0 };
            shortcut = self.graph.conv2d(x, &format!("{name}.shortcut"), projection)?;
        }
        y = match self.below(2) {
            0 => self.graph.add(y, shortcut)?,
            _ => self.graph.add(shortcut, y)?,
        };
        if self.below(3) > 0 {
            y = self.activation(y)?;
        }
        if self.below(2) > 0 {
            y = self.pool(y).unwrap_or(y);
        }
        Ok(y)
    }

    /// The sum with the last tensor of the same shape, which may be the same tensor.
    fn sum(&mut self, x: NodeId) -> Result<NodeId, GraphError> {
        let shape = self.graph.node(x).shape;
        let alike: Vec<NodeId> = self.tensors.iter().copied().filter(|&y| self.graph.node(y).shape == shape).collect();
        let other = alike[self.below(alike.len())];
        self.graph.add(x, other)
    }

    fn features(&mut self, x: NodeId) -> Result<NodeId, GraphError> {
        match self.below(3) {
            0 => self.graph.global_average_pool(x),
            1 => self.graph.flatten(x),
            _ => self.dense(x),
        }
    }

    fn dense(&mut self, x: NodeId) -> Result<NodeId, GraphError> {
        let flat = self.graph.flatten(x)?;
        let (outputs, bias, name) = (1 + self.below(8), self.below(2) == 0, self.name());
        self.graph.dense(flat, &name, outputs, bias)
    }

    /// Joins every tensor that nobody reads into one, so that all layers reach the loss.
    fn finish(mut self) -> Result<Graph, GraphError> {
        let read: Vec<NodeId> = self.graph.nodes().iter().flat_map(|node| node.inputs.clone()).collect();
        let is_loose = |id: &NodeId| !read.contains(id) && !matches!(self.graph.node(*id).op, Op::Parameter(_));
        let loose: Vec<NodeId> = self.graph.ids().filter(is_loose).collect();
        let width = 1 + self.below(7);
        let mut joined: Option<NodeId> = None;
        for tensor in loose {
            let flat = match self.graph.node(tensor).shape.rank() {
                4 if self.below(2) == 0 => self.graph.global_average_pool(tensor)?,
                _ => self.graph.flatten(tensor)?,
            };
            let name = self.name();
            let features = self.graph.dense(flat, &name, width, true)?;
            joined = Some(match joined {
                Some(sum) => self.graph.add(sum, features)?,
                None => features,
            });
        }
        let mut x = joined.expect("at least the input is loose");
        if self.below(2) == 0 {
            x = self.norm(x).unwrap_or(x);
        }
        if self.below(2) == 0 {
            x = self.activation(x)?;
        }
        if self.below(2) == 0 {
            x = self.graph.dropout(x)?;
        }
        let classes = 2 + self.below(5);
        let logits = self.graph.dense(x, "head", classes, true)?;
        self.graph.softmax_cross_entropy(logits, classes)?;
        Ok(self.graph)
    }
}

/// Parameters by PyTorch's ranges, except that scales and shifts of batch norms vary (scales may be
/// negative), and running statistics as if training had begun.
pub fn random_state(graph: &Graph, seed: u64) -> State {
    let mut random = stream(seed, 1);
    let mut uniform = |low: f64, high: f64| f64::from((low + (high - low) * random.f64()) as f32);
    let parameters = graph.parameters().iter().map(|parameter| {
        Tensor::from_shape_fn(IxDyn(parameter.shape.sizes()), |_| match parameter.init {
            Init::Weights { fan_in } => uniform(-1.0, 1.0) / (fan_in as f64).sqrt(),
            Init::Ones => uniform(-0.5, 1.5),
            Init::Zeros => uniform(-0.5, 0.5),
        })
        .mapv(|value| f64::from(value as f32))
    });
    let parameters = parameters.collect();
    let running = graph.norms().iter().map(|norm| Running {
        mean: Array1::from_shape_fn(norm.channels, |_| uniform(-0.5, 0.5)),
        variance: Array1::from_shape_fn(norm.channels, |_| uniform(0.5, 1.5)),
    });
    let running = running.collect();
    State { parameters, running }
}

/// `rows` images of standard normal pixels with random labels.
///
/// # Panics
/// If the graph has no loss.
pub fn random_batch(graph: &Graph, rows: usize, seed: u64) -> Batch {
    let mut random = stream(seed, 2);
    let pixels = (0..rows * graph.image().elements()).map(|_| f64::from(random.normal() as f32)).collect();
    let classes = graph.classes().expect("a graph with a loss") as u64;
    let labels = (0..rows).map(|_| random.below(classes) as u16).collect();
    Batch::new(graph, pixels, labels).expect("one label per image, as many pixels as the images have")
}

/// Label smoothing up to 0.3, class weights up to 2 in half of the cases, mixing up to 0.3, dropout up
/// to 0.8, masks drawn under a random key.
pub fn random_settings(graph: &Graph, seed: u64) -> Settings {
    let mut random = stream(seed, 3);
    let mut up_to = |high: f64| f64::from((high * random.f64()) as f32);
    Settings {
        smoothing: up_to(0.3),
        // Near a half two images become one, and the variance of a batch norm over them nothing.
        mixing: up_to(0.3),
        class_weights: match seed % 2 {
            0 => Vec::new(),
            _ => (0..graph.classes().unwrap_or(0)).map(|_| 0.1 + up_to(1.9)).collect(),
        },
        dropout: (0..graph.dropouts()).map(|_| up_to(0.8)).collect(),
        masks: Masks::Drawn { key: [random.next_u32(), random.next_u32()], step: random.below(1 << 40) },
    }
}

/// By how much the norms of a run magnify the rounding of what they normalise: the largest of max |x| / sqrt(variance + eps), and 1 where
/// there are none. Where few values lie close together, hardly anything is left of them but what they were rounded by.
pub fn magnification(graph: &Graph, outcome: &Outcome) -> f64 {
    let largest = |values: ArrayViewD<'_, f64>| values.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
    let forward = graph.nodes().iter().filter(|node| node.of.is_none());
    let magnified = forward.filter_map(|node| {
        let x = || outcome.value(node.inputs[0]);
        let rstd = match node.op {
            Op::GroupNorm { groups } => largest(ops::group_norm::statistics(x(), groups).index_axis(Axis(1), 1)),
            Op::BatchNorm(_) => largest(ops::norm::rstd(&ops::norm::statistics(x())).view().into_dyn()),
            _ => return None,
        };
        Some(rstd * largest(x().view()))
    });
    magnified.fold(1.0, f64::max)
}

/// How far the values of a run are from the nearest point where the loss has no derivative: the
/// smallest distance from a kink in front of an activation, the smallest lead of a maximum over the next value of its
/// window. Where rounding could cross such a point, gradients of two engines may rightly differ.
/// Exact zeros and ties do not count: they come from an earlier relu or dropout, which pass no
/// gradient there.
pub fn kink_distance(graph: &Graph, outcome: &Outcome) -> f64 {
    let forward = graph.nodes().iter().filter(|node| node.of.is_none());
    let distances = forward.map(|node| match node.op {
        Op::Activation(activation) => {
            let values = outcome.value(node.inputs[0]).iter();
            let distances =
                values.flat_map(|x| ops::activation::kinks(activation).iter().map(move |at| (x - at).abs()));
            distances.filter(|&distance| distance > 0.0).fold(f64::INFINITY, f64::min)
        }
        Op::MaxPool(window) => ops::pool::smallest_lead(window, outcome.value(node.inputs[0])),
        _ => f64::INFINITY,
    });
    distances.fold(f64::INFINITY, f64::min)
}
