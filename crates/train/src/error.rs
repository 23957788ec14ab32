//! Why training cannot start, go on or be taken up again.

use thiserror::Error;
use tunefork_graph::EngineError;
use tunefork_names::{bytes, number};
use tunefork_nn::{Image, NetworkError};

/// What a trainer can run into.
#[derive(Debug, Error)]
pub enum TrainError {
    /// A setting is outside its bounds.
    #[error("{what} is {}, must be {allowed}", number(*value))]
    Setting {
        /// Name of the setting.
        what: &'static str,
        /// The value that was given.
        value: f64,
        /// The bounds in words, after "must be".
        allowed: &'static str,
    },
    /// The network, the optimizer or the schedule is not valid.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The augmentation is not valid.
    #[error(transparent)]
    Data(#[from] tunefork_data::DataError),
    /// The graph cannot be planned.
    #[error(transparent)]
    Graph(#[from] tunefork_graph::GraphError),
    /// The images have another shape than the network's input.
    #[error("the images are {data}, but the network reads {network}")]
    ImageShape {
        /// Shape of the images.
        data: Image,
        /// Shape that the network reads.
        network: Image,
    },
    /// The data has another number of classes than the network has outputs.
    #[error("the data has {data} classes, but the network has {network} outputs")]
    Classes {
        /// Classes of the data.
        data: usize,
        /// Outputs of the network.
        network: usize,
    },
    /// The normalisation is made for another number of channels.
    #[error("the normalisation has {normalisation} channels, the images have {images}")]
    Channels {
        /// Channels of the normalisation.
        normalisation: usize,
        /// Channels of the images.
        images: usize,
    },
    /// A part of the split that is needed is empty.
    #[error("there are no {part} images; give some to the {part} part")]
    NoImages {
        /// Name of the part.
        part: &'static str,
    },
    /// The split names an image that the data does not have.
    #[error("the {part} part names image {index}, but the data has {images}")]
    NoSuchImage {
        /// Name of the part.
        part: &'static str,
        /// The index that names no image.
        index: u32,
        /// How many images there are.
        images: usize,
    },
    /// Not one batch can be filled, and partial batches are dropped.
    #[error(
        "batch_size is {batch_size}, but there are only {images} training images and partial batches are \
         dropped; use a batch of at most {images}, or keep the last batch"
    )]
    BatchTooLarge {
        /// Images that a step should have.
        batch_size: usize,
        /// How many training images there are.
        images: usize,
    },
    /// The plan needs more memory than it may have.
    #[error(
        "training in batches of {batch_size} needs {}, but {} only {}; {}",
        bytes(*wanted),
        if *of_device { "the device has" } else { "`memory` allows" },
        bytes(*budget),
        advice(*largest_batch)
    )]
    DoesNotFit {
        /// Images that a step should have.
        batch_size: usize,
        /// Bytes the plan needs.
        wanted: u64,
        /// Bytes it may have: allowed by the caller, or free on the device.
        budget: u64,
        /// Whether that is what the device has, and not what the caller allows.
        of_device: bool,
        /// Largest batch that would fit, if any.
        largest_batch: Option<usize>,
    },
    /// The loss is no number any more: the learning rate is too high, as a rule.
    #[error("the loss became {loss} in {at}; a smaller learning rate or `clip` may help")]
    Diverged {
        /// Epoch and step, or validation.
        at: LossAt,
        /// NaN or infinite.
        loss: f64,
    },
    /// Somebody asked to stop in the middle of an epoch.
    #[error("interrupted in epoch {epoch}; go on from the last checkpoint")]
    Interrupted {
        /// Epoch that was not finished, from 1.
        epoch: u32,
    },
    /// A trainer that failed or was interrupted in the middle of an epoch has lost its place.
    #[error("an earlier epoch was not finished; restore a checkpoint first")]
    Unfinished,
    /// The run is over: it had all its epochs, or its value did not get better any more.
    #[error("all {epochs} epochs are done")]
    Done {
        /// Epochs that it took.
        epochs: u32,
    },
    /// A checkpoint cannot be used.
    #[error("the checkpoint cannot be used: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// Weights that do not belong to the network.
    #[error("the weights do not fit the network: {0}")]
    Weights(#[from] WeightsError),
    /// The engine cannot be built or has failed.
    #[error("the engine failed: {0}")]
    Engine(#[from] EngineError),
}

impl TrainError {
    /// Whether what was given is at fault: settings, images, files. Otherwise something failed on the way.
    pub fn is_input(&self) -> bool {
        match self {
            Self::Data(error) => error.is_input(),
            Self::Setting { .. }
            | Self::Network(_)
            | Self::Graph(_)
            | Self::ImageShape { .. }
            | Self::Classes { .. }
            | Self::Channels { .. }
            | Self::NoImages { .. }
            | Self::NoSuchImage { .. }
            | Self::BatchTooLarge { .. }
            | Self::DoesNotFit { .. }
            | Self::Unfinished
            | Self::Done { .. }
            | Self::Checkpoint(_)
            | Self::Weights(_) => true,
            Self::Diverged { .. } | Self::Interrupted { .. } | Self::Engine(_) => false,
        }
    }
}

fn advice(largest_batch: Option<usize>) -> String {
    match largest_batch {
        Some(batch) => format!("the largest batch that fits is {batch}"),
        None => "not even a batch of 1 fits: use a smaller network or smaller images".into(),
    }
}

/// Where a loss was computed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LossAt {
    /// In a step of training.
    Step {
        /// Epoch, from 1.
        epoch: u32,
        /// Step within the epoch, from 1.
        step: u64,
    },
    /// On the validation images.
    Validation {
        /// Epoch, from 1.
        epoch: u32,
    },
}

impl std::fmt::Display for LossAt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Step { epoch, step } => write!(f, "epoch {epoch}, step {step}"),
            Self::Validation { epoch } => write!(f, "validation after epoch {epoch}"),
        }
    }
}

/// What is wrong with a checkpoint.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// It does not start as a checkpoint does.
    #[error("it is no checkpoint of a training run")]
    NotACheckpoint,
    /// It was written in another format.
    #[error("it has format {found}, this program reads format {expected}")]
    Version {
        /// Format of the checkpoint.
        found: u32,
        /// Format of this program.
        expected: u32,
    },
    /// Its digest does not match its content.
    #[error("it is damaged: its digest does not match its content")]
    Damaged,
    /// It is of another plan.
    #[error("it belongs to another network, batch size or engine (plan {found} instead of {expected})")]
    OtherPlan {
        /// Plan of the checkpoint.
        found: String,
        /// Plan of this trainer.
        expected: String,
    },
    /// It is of a run with other settings, data or seed.
    #[error("it belongs to a run with other settings, data or seed")]
    OtherRun,
    /// Its parts do not fit together although its digest is right.
    #[error("it is inconsistent: {what}")]
    Inconsistent {
        /// What does not fit.
        what: &'static str,
    },
}

/// What is wrong with a set of named weights.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// A tensor is not there.
    #[error("the tensor \"{name}\" is missing")]
    Missing {
        /// Name of the tensor.
        name: String,
    },
    /// A tensor has another shape.
    #[error("the tensor \"{name}\" is {found:?}, expected {expected:?}")]
    Shape {
        /// Name of the tensor.
        name: String,
        /// The shape that was given.
        found: Vec<usize>,
        /// The shape that the network needs.
        expected: Vec<usize>,
    },
    /// A tensor that the network does not have.
    #[error("the network has no tensor \"{name}\"")]
    Unknown {
        /// Name of the tensor.
        name: String,
    },
}
