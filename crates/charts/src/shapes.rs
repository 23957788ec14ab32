//! Points as paths: shorter than circles, and any number of them in one path.

use crate::Shape;
use crate::pen::{Pen, coordinate};

const RADIUS: f64 = 3.0;

/// The class that draws a shape.
pub(crate) fn class(shape: Shape) -> &'static str {
    match shape {
        Shape::Dot => "p",
        Shape::Ring | Shape::Cross => "o",
    }
}

/// The path of a shape around a place. A dot is a line without length with round ends.
pub(crate) fn path(shape: Shape, (x, y): (f64, f64)) -> String {
    let corner = |dx: f64, dy: f64| format!("M{} {}", coordinate(x + dx), coordinate(y + dy));
    match shape {
        Shape::Dot => corner(0.0, 0.0) + "h0",
        Shape::Ring => corner(-RADIUS, 0.0) + "a3 3 0 1 0 6 0a3 3 0 1 0-6 0",
        Shape::Cross => corner(-RADIUS, -RADIUS) + "l6 6m0-6l-6 6",
    }
}

/// One shape in a colour.
pub(crate) fn draw(pen: &mut Pen, shape: Shape, colour: &str, place: (f64, f64)) {
    pen.plain(&format!("{} {colour}", class(shape)), &path(shape, place));
}
