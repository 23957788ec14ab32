//! Images of any size in that of the network, as `tunefork-data` prepares them: the part in the middle that has the proportions asked for, whose sides
//! need not be whole pixels, through a triangle filter as wide as the reduction, in whole bytes after columns and after rows.
//!
//! ONNX's own operator for images that are made smaller knows no such parts and rounds nothing: on photos a probability was up to 0.06 beside ours. So
//! the filter's weights are a matrix for each direction, made from the size of the images, and two products do the work. They multiply with zeros
//! most of the time, which is bearable: a photo of 12 megapixels is classified in 0.4 s by a network of 224 x 224 pixels, on two busy cores.

use tunefork_data::Fit;
use tunefork_nn::Image;

use super::builder::{Builder, int};
use super::proto::DataType;

/// Where the operators go, and what they belong to.
struct Resize<'a> {
    graph: &'a mut Builder,
    layer: &'a str,
}

/// A direction.
struct Axis {
    name: &'static str,
    /// Its place in height and width.
    place: i64,
    /// Pixels of the result.
    length: usize,
}

/// Images `[N, C, any, any]` in the height and width of `shape`.
pub(super) fn add(graph: &mut Builder, layer: &str, images: &str, shape: Image, fit: Fit) -> String {
    let mut resize = Resize { graph, layer };
    let sides = resize.sides(images);
    let kept = match fit {
        Fit::Crop => resize.kept(&sides, shape),
        Fit::Stretch => sides.clone(),
    };
    let columns = Axis { name: "columns", place: 1, length: shape.width };
    let rows = Axis { name: "rows", place: 0, length: shape.height };
    // Of pixels by columns of the result, and of rows of the result by pixels, as the products need them.
    let weights = resize.weights(&sides, &kept, &columns, [-1, 1]);
    let images = resize.node("MatMul", &[images, &weights]);
    let images = resize.node("Round", &[&images]);
    let weights = resize.weights(&sides, &kept, &rows, [1, -1]);
    let images = resize.node("MatMul", &[&weights, &images]);
    resize.node("Round", &[&images])
}

impl Resize<'_> {
    fn node(&mut self, operator: &str, inputs: &[&str]) -> String {
        self.graph.node(self.layer, operator, inputs, vec![])
    }

    fn floats(&mut self, name: &str, values: &[f32]) -> String {
        self.graph.floats(&format!("{}/{name}", self.layer), &[values.len()], values)
    }

    fn integers(&mut self, name: &str, values: &[i64]) -> String {
        self.graph.integers(&format!("{}/{name}", self.layer), values)
    }

    /// Height and width of the images.
    fn sides(&mut self, images: &str) -> String {
        let places = self.integers("height_and_width", &[2, 3]);
        let shape = self.node("Shape", &[images]);
        let sides = self.node("Gather", &[&shape, &places]);
        self.graph.node(self.layer, "Cast", &[&sides], vec![int("to", DataType::Float as i64)])
    }

    /// Height and width of the largest part that has the proportions of the result: the other side's share, if there is as much.
    fn kept(&mut self, sides: &str, shape: Image) -> String {
        let (height, width) = (shape.height as f32, shape.width as f32);
        let swapped = self.integers("width_and_height", &[1, 0]);
        let numerators = self.floats("numerators", &[height, width]);
        let denominators = self.floats("denominators", &[width, height]);
        let others = self.node("Gather", &[sides, &swapped]);
        let product = self.node("Mul", &[&others, &numerators]);
        let share = self.node("Div", &[&product, &denominators]);
        self.node("Min", &[&share, sides])
    }

    /// The weight of each pixel for each of the result: 1 where their middles meet, falling to 0 at the distance of one pixel of the coarser of both,
    /// divided by their sum. `pixels` is the shape in which the pixels stand, -1 being their number; those of the result stand across.
    fn weights(&mut self, sides: &str, kept: &str, axis: &Axis, pixels: [i64; 2]) -> String {
        let Axis { name, place, length } = axis;
        let [half, one, two] = [0.5, 1.0, 2.0].map(|value| self.graph.number(self.layer, value));
        let lengths = self.graph.number(self.layer, *length as f32);
        let place = self.graph.integer(&format!("{}/{name}.place", self.layer), *place);
        let [side, kept] = [sides, kept].map(|sides| self.node("Gather", &[sides, &place]));
        let scale = self.node("Div", &[&kept, &lengths]);
        let reach = self.node("Max", &[&scale, &one]);
        let rest = self.node("Sub", &[&side, &kept]);
        let start = self.node("Div", &[&rest, &two]);
        // The middles of the result's pixels among those of the images.
        let results = pixels.map(|side| if side == 1 { *length } else { 1 });
        let middles: Vec<f32> = (0..*length).map(|pixel| pixel as f32 + 0.5).collect();
        let middles = self.graph.floats(&format!("{}/{name}.middles", self.layer), &results, &middles);
        let middles = self.node("Mul", &[&middles, &scale]);
        let middles = self.node("Add", &[&middles, &start]);
        // The middles of the images' pixels.
        let shape = self.integers(&format!("{name}.pixels"), &pixels);
        let own = self.node("Range", &[&half, &side, &one]);
        let own = self.node("Reshape", &[&own, &shape]);
        let distance = self.node("Sub", &[&own, &middles]);
        let distance = self.node("Abs", &[&distance]);
        let distance = self.node("Div", &[&distance, &reach]);
        let weights = self.node("Sub", &[&one, &distance]);
        let weights = self.node("Relu", &[&weights]);
        let along = self.integers(&format!("{name}.along"), &[if pixels[0] == -1 { 0 } else { 1 }]);
        let sum = self.node("ReduceSum", &[&weights, &along]);
        self.node("Div", &[&weights, &sum])
    }
}
