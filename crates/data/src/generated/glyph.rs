//! The shapes, as lines through points of the square from -1 to 1 (y points down).

/// A point: x to the right, y down.
pub(super) type Point = [f64; 2];

/// A class's name and strokes, each a line through its points.
type Shape = (&'static str, fn() -> Vec<Vec<Point>>);

/// The classes, in the order of their labels.
const SHAPES: [Shape; 16] = [
    ("ring", || vec![arc(0.95, 0.0, 1.0)]),
    ("square", || vec![closed(&[[-0.8, -0.8], [0.8, -0.8], [0.8, 0.8], [-0.8, 0.8]])]),
    ("triangle", || vec![closed(&[[0.0, -0.95], [0.9, 0.7], [-0.9, 0.7]])]),
    ("cross", || lines(&[[[0.0, -0.95], [0.0, 0.95]], [[-0.95, 0.0], [0.95, 0.0]]])),
    ("tee", || lines(&[[[-0.85, -0.8], [0.85, -0.8]], [[0.0, -0.8], [0.0, 0.95]]])),
    ("zigzag", || vec![vec![[-0.8, -0.85], [0.8, -0.85], [-0.8, 0.85], [0.8, 0.85]]]),
    ("arch", || vec![joined(&[[-0.75, 0.95]], &arc(0.75, 0.5, 1.0), &[[0.75, 0.95]])]),
    ("star", || vec![pentagram()]),
    ("arrow", || vec![vec![[-0.95, 0.0], [0.95, 0.0]], vec![[0.3, -0.6], [0.95, 0.0], [0.3, 0.6]]]),
    ("hook", || vec![vec![[-0.6, -0.95], [-0.6, 0.8], [0.75, 0.8]]]),
    ("fork", || lines(&[[[0.0, 0.95], [0.0, 0.0]], [[0.0, 0.0], [-0.8, -0.9]], [[0.0, 0.0], [0.8, -0.9]]])),
    ("bars", || lines(&[[[-0.9, -0.45], [0.9, -0.45]], [[-0.9, 0.45], [0.9, 0.45]]])),
    ("hourglass", || vec![closed(&[[-0.75, -0.9], [0.75, -0.9], [-0.75, 0.9], [0.75, 0.9]])]),
    ("ladder", || lines(&[[[-0.7, -0.9], [-0.7, 0.9]], [[0.7, -0.9], [0.7, 0.9]], [[-0.7, 0.0], [0.7, 0.0]]])),
    ("spiral", || vec![spiral()]),
    ("flag", || vec![vec![[-0.6, 0.95], [-0.6, -0.9], [0.8, -0.45], [-0.6, 0.0]]]),
];

/// The classes' names, in the order of their labels.
pub const CLASS_NAMES: [&str; SHAPES.len()] = {
    let mut names = [""; SHAPES.len()];
    let mut label = 0;
    while label < names.len() {
        names[label] = SHAPES[label].0;
        label += 1;
    }
    names
};

/// The strokes of class `label`.
pub(super) fn strokes(label: usize) -> Vec<Vec<Point>> {
    (SHAPES[label].1)()
}

/// Straight lines between corners that make a circle look round at any size drawn here.
const CORNERS_OF_A_CIRCLE: usize = 20;

/// The point at `turn` (0 is right, 0.25 is down) on a circle around the middle.
fn on_circle(radius: f64, turn: f64) -> Point {
    let angle = turn * std::f64::consts::TAU;
    [radius * libm::cos(angle), radius * libm::sin(angle)]
}

/// A part of a circle, from turn `from` to turn `to`.
fn arc(radius: f64, from: f64, to: f64) -> Vec<Point> {
    let corners = ((to - from) * CORNERS_OF_A_CIRCLE as f64).ceil() as usize;
    let turn = |corner: usize| from + (to - from) * corner as f64 / corners as f64;
    (0..=corners).map(|corner| on_circle(radius, turn(corner))).collect()
}

/// Five-pointed, drawn in one line.
fn pentagram() -> Vec<Point> {
    (0..=5).map(|corner| on_circle(0.98, 0.75 + 0.4 * f64::from(corner))).collect()
}

/// Two turns outwards.
fn spiral() -> Vec<Point> {
    let corners = 2 * CORNERS_OF_A_CIRCLE;
    let at = |corner: usize| corner as f64 / corners as f64;
    (0..=corners).map(|corner| on_circle(0.95 * at(corner), 2.0 * at(corner))).collect()
}

fn closed(corners: &[Point]) -> Vec<Point> {
    joined(corners, &corners[..1], &[])
}

fn joined(first: &[Point], second: &[Point], third: &[Point]) -> Vec<Point> {
    [first, second, third].concat()
}

fn lines(ends: &[[Point; 2]]) -> Vec<Vec<Point>> {
    ends.iter().map(|line| line.to_vec()).collect()
}
