//! What stands between the images that a program has and those that the network reads.

use tunefork_data::{Fit, Normalisation};
use tunefork_nn::Image;

use super::OnnxInput;
use super::builder::{Builder, Side, int, ints, string, value};
use super::proto::{DataType, ValueInfoProto};
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
            let images = resized(graph, &images, model.network.input, model.fit);
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

/// Images of any size in that of the network, with a triangle filter as wide as the reduction and in whole bytes, as the data are prepared.
/// There bytes are also rounded between rows and columns, so this is the same only for images that have the size.
fn resized(graph: &mut Builder, images: &str, shape: Image, fit: Fit) -> String {
    let images = match fit {
        Fit::Crop => cropped(graph, images, shape),
        Fit::Stretch => images.to_owned(),
    };
    let sizes = graph.integers("input/size", &[shape.height as i64, shape.width as i64]);
    let attributes = vec![
        string("mode", "linear"),
        string("coordinate_transformation_mode", "half_pixel"),
        int("antialias", 1),
        ints("axes", [2, 3]),
    ];
    // The second and third input, a region and factors, are not there.
    let images = graph.node(LAYER, "Resize", &[&images, "", "", &sizes], attributes);
    graph.node(LAYER, "Round", &[&images], vec![])
}

/// The largest part in the middle that has the proportions of the network's images, in whole pixels.
fn cropped(graph: &mut Builder, images: &str, shape: Image) -> String {
    let (height, width) = (shape.height as i64, shape.width as i64);
    let axes = graph.integers("input/axes", &[2, 3]);
    let swapped = graph.integers("input/swapped", &[1, 0]);
    let [one, two] = [1, 2].map(|number| graph.integers(&format!("input/{number}"), &[number]));
    let own = graph.integers("input/numerators", &[height, width]);
    let other = graph.integers("input/denominators", &[width, height]);
    let half = graph.integers("input/rounding", &[width / 2, height / 2]);
    let mut node = |operator: &str, inputs: &[&str]| graph.node(LAYER, operator, inputs, vec![]);
    let whole = node("Shape", &[images]);
    let sides = node("Gather", &[&whole, &axes]);
    // The height that belongs to the width, and the width that belongs to the height.
    let across = node("Gather", &[&sides, &swapped]);
    let product = node("Mul", &[&across, &own]);
    let product = node("Add", &[&product, &half]);
    let belonging = node("Div", &[&product, &other]);
    let belonging = node("Max", &[&belonging, &one]);
    let kept = node("Min", &[&belonging, &sides]);
    let rest = node("Sub", &[&sides, &kept]);
    let start = node("Div", &[&rest, &two]);
    let end = node("Add", &[&start, &kept]);
    node("Slice", &[images, &start, &end, &axes])
}
