//! What a graph is run on: parameters, running statistics, a batch, run-time settings.

use ndarray::{Array1, IxDyn};
use tunefork_graph::Graph;

use crate::{ReferenceError, Tensor};

/// Mean and variance of each channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Running {
    /// One mean per channel.
    pub mean: Array1<f64>,
    /// One variance per channel.
    pub variance: Array1<f64>,
}

/// All that training changes, the optimizer's state aside.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The parameters, in the order and the shapes of [`Graph::parameters`].
    pub parameters: Vec<Tensor>,
    /// The running statistics, in the order of [`Graph::norms`].
    pub running: Vec<Running>,
}

impl State {
    /// Parameters of zeros, running means of 0 and variances of 1.
    pub fn new(graph: &Graph) -> Self {
        let parameters = graph.parameters().iter().map(|p| Tensor::zeros(IxDyn(p.shape.sizes()))).collect();
        let fresh = |channels| Running { mean: Array1::zeros(channels), variance: Array1::ones(channels) };
        Self { parameters, running: graph.norms().iter().map(|norm| fresh(norm.channels)).collect() }
    }

    pub(crate) fn check(&self, graph: &Graph) -> Result<(), ReferenceError> {
        expect_len("the list of parameters", self.parameters.len(), graph.parameters().len())?;
        for (tensor, parameter) in self.parameters.iter().zip(graph.parameters()) {
            expect_len(&parameter.name, tensor.len(), parameter.shape.elements())?;
        }
        expect_len("the list of running statistics", self.running.len(), graph.norms().len())?;
        for (running, norm) in self.running.iter().zip(graph.norms()) {
            expect_len(&norm.name, running.mean.len(), norm.channels)?;
            expect_len(&norm.name, running.variance.len(), norm.channels)?;
        }
        Ok(())
    }
}

/// Images and labels. A batch of fewer rows than the graph was built for is what engines call a
/// masked batch: the other rows do not exist.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    pub(crate) images: Tensor,
    pub(crate) labels: Vec<u16>,
}

impl Batch {
    /// A batch of one image per label; `pixels` in the order (n, h, w, c).
    ///
    /// # Errors
    /// If there are more labels than images in the graph's batch, or the number of pixels is wrong.
    pub fn new(graph: &Graph, pixels: Vec<f64>, labels: Vec<u16>) -> Result<Self, ReferenceError> {
        let (image, rows) = (graph.image(), labels.len());
        expect_len("the batch", pixels.len(), rows * image.elements())?;
        let shape = IxDyn(&[rows, image.height, image.width, image.channels]);
        let images = Tensor::from_shape_vec(shape, pixels).expect("the length was checked");
        Ok(Self { images, labels })
    }

    /// Images that there are: at most the graph's batch.
    pub fn rows(&self) -> usize {
        self.labels.len()
    }

    /// The pixels, `[N, H, W, C]`.
    pub fn images(&self) -> &Tensor {
        &self.images
    }

    /// The class of each image.
    pub fn labels(&self) -> &[u16] {
        &self.labels
    }

    pub(crate) fn check(&self, batch: usize, classes: usize) -> Result<(), ReferenceError> {
        let rows = self.rows();
        if rows == 0 || rows > batch {
            return Err(ReferenceError::WrongRows { rows, batch });
        }
        match self.labels.iter().position(|&label| usize::from(label) >= classes) {
            Some(row) => Err(ReferenceError::WrongLabel { row, label: self.labels[row], classes }),
            None => Ok(()),
        }
    }
}

/// Where the masks of dropout come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Masks {
    /// Drawn by the rule of [`tunefork_graph::dropout`], as every engine draws them.
    Drawn {
        /// The key of the trial's dropout stream.
        key: [u32; 2],
        /// The number of the step.
        step: u64,
    },
    /// For each dropout layer, whether each element is kept.
    Given(Vec<Vec<bool>>),
}

/// The run-time scalars that no plan contains.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Label smoothing, in [0, 1].
    pub smoothing: f64,
    /// Weight of each class, not negative; empty: all weigh the same.
    pub class_weights: Vec<f64>,
    /// Share of the next row's label in each row's target, in [0, 1].
    pub mixing: f64,
    /// The probability of each dropout layer, in [0, 1].
    pub dropout: Vec<f64>,
    /// Which elements are dropped.
    pub masks: Masks,
}

impl Default for Settings {
    /// No smoothing, no weights, no mixing, no dropout layers.
    fn default() -> Self {
        Self {
            smoothing: 0.0,
            class_weights: Vec::new(),
            mixing: 0.0,
            dropout: Vec::new(),
            masks: Masks::Drawn { key: [0; 2], step: 0 },
        }
    }
}

impl Settings {
    pub(crate) fn check(&self, dropouts: usize) -> Result<(), ReferenceError> {
        expect_len("the list of dropout probabilities", self.dropout.len(), dropouts)?;
        match &self.masks {
            Masks::Given(masks) => expect_len("the list of dropout masks", masks.len(), dropouts),
            Masks::Drawn { .. } => Ok(()),
        }
    }
}

pub(crate) fn expect_len(what: &str, got: usize, expected: usize) -> Result<(), ReferenceError> {
    match got == expected {
        true => Ok(()),
        false => Err(ReferenceError::WrongLength { what: what.into(), got, expected }),
    }
}
