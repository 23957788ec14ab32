//! What stands between the images that a program has and those that the network reads.

use tunefork_data::Normalisation;
use tunefork_nn::Image;

use super::builder::{Builder, Side, int, ints, value};
use super::proto::{DataType, ValueInfoProto};
use super::{OnnxInput, resize};
use crate::Model;

/// The name of the input.
pub(super) const IMAGES: &str = "images";
/// What the operators before the network belong to.
const LAYER: &str = "input";

/// The input, and what it says of itself.
pub(super) fn declared(input: OnnxInput, shape: Image) -> ValueInfoProto {
    let Image { height, width, channels } = shape;
    let fixed = [Side::Any("batch"), Side::Fixed(channels), Side::Fixed(height), Side::Fixed(width)];
    let any = [Side::Any("batch"), Side::Any("height"), Side::Any("width"), Side::Fixed(channels)];
    let form = input.form(shape);
    match input {
        OnnxInput::Scaled | OnnxInput::Normalised => value(IMAGES, DataType::Float, fixed, &form),
        OnnxInput::Raw => value(IMAGES, DataType::Uint8, any, &form),
    }
}

impl OnnxInput {
    /// What stands in `images`, in words, for a network that reads images of this shape.
    pub fn form(self, shape: Image) -> String {
        let Image { height, width, channels } = shape;
        let fixed = format!("float32 [batch, {channels}, {height}, {width}]");
        match self {
            Self::Scaled => format!("{fixed} in 0 to 1: bytes / 255"),
            Self::Raw => format!("uint8 [batch, height, width, {channels}], of any height and width"),
            Self::Normalised => format!("{fixed}, normalised: (bytes / 255 - mean) / std"),
        }
    }
}

/// The images as the network reads them.
pub(super) fn add(graph: &mut Builder, input: OnnxInput, model: &Model) -> String {
    let images = IMAGES.to_owned();
    match input {
        OnnxInput::Normalised => images,
        OnnxInput::Scaled => normalised(graph, &images, &model.normalisation),
        OnnxInput::Raw => {
            let images = graph.node(LAYER, "Transpose", &[&images], vec![ints("perm", [0, 3, 1, 2])]);
            let images = graph.node(LAYER, "Cast", &[&images], vec![int("to", DataType::Float as i64)]);
            let images = resize::add(graph, LAYER, &images, model.network.input, model.fit);
            let scale = graph.number(LAYER, 255.0);
            let images = graph.node(LAYER, "Div", &[&images, &scale], vec![]);
            normalised(graph, &images, &model.normalisation)
        }
    }
}

/// (x - mean) / std by channel, in the order in which the bytes that were trained on became numbers.
fn normalised(graph: &mut Builder, images: &str, normalisation: &Normalisation) -> String {
    let (mean, std) = (normalisation.mean(), normalisation.std());
    let mean = graph.floats("normalisation.mean", &[mean.len(), 1, 1], mean);
    let std = graph.floats("normalisation.std", &[std.len(), 1, 1], std);
    let centred = graph.node(LAYER, "Sub", &[images, &mean], vec![]);
    graph.node(LAYER, "Div", &[&centred, &std], vec![])
}
