//! One image of a drawn set: a shape, clutter, ground, light and noise.

use tunefork_rng::{Key, Purpose, Stream};

use super::Generated;
use super::canvas::Canvas;
use super::glyph::{Point, strokes};

// The strengths below were chosen by training on the result: at the default difficulty a linear
// model stays under 50 % and a small network ends between 60 and 85 % after a few epochs on 4,000
// images. Lengths are fractions of the image's shorter side.

/// Half the shape's side: from, to.
const SIZE: [f64; 2] = [0.24, 0.40];
/// Thickness of strokes: from, to.
const THICKNESS: [f64; 2] = [0.05, 0.10];
/// Largest turn at difficulty 1, as a fraction of a full turn.
const TURN: f64 = 0.17;
/// Largest stretch of width against height at difficulty 1.
const STRETCH: f64 = 0.5;
/// Largest shift of each corner at difficulty 1, as a fraction of the shape's half side.
const WOBBLE: f64 = 0.25;
/// Most stray strokes at difficulty 1.
const STRAYS: f64 = 8.0;
/// Standard deviation of the noise at difficulty 1; white is 1.
const NOISE: f64 = 0.30;
/// Largest difference of the ground between opposite borders at difficulty 1.
const SLOPE: f64 = 0.5;
/// Least difference between a stroke and the ground: at difficulty 0, at difficulty 1.
const CONTRAST: [f64; 2] = [0.6, 0.2];

/// Draws image `number` of a set, which shows class `label`, into `out` (HWC).
pub(super) fn draw(set: &Generated, label: usize, number: u64, out: &mut [u8]) {
    let mut random = Key::study(set.seed).stream_at(Purpose::Generate, number);
    let mut shape = Canvas::new(set.height, set.width);
    draw_shape(set, label, &mut random, &mut shape);
    let mut clutter = Canvas::new(set.height, set.width);
    draw_strays(set, &mut random, &mut clutter);
    paint(set, &shape, &clutter, &mut random, out);
}

/// A number drawn evenly between two bounds.
fn between(random: &mut Stream, low: f64, high: f64) -> f64 {
    low + (high - low) * random.f64()
}

/// A number drawn evenly between `-bound` and `bound`.
fn around_zero(random: &mut Stream, bound: f64) -> f64 {
    between(random, -bound, bound)
}

fn shorter_side(set: &Generated) -> f64 {
    set.height.min(set.width) as f64
}

fn draw_shape(set: &Generated, label: usize, random: &mut Stream, canvas: &mut Canvas) {
    let side = shorter_side(set);
    let half = side * between(random, SIZE[0], SIZE[1]);
    let thickness = side * between(random, THICKNESS[0], THICKNESS[1]);
    let stretch = 1.0 + around_zero(random, STRETCH * set.difficulty);
    let (wide, high) = (half * stretch.sqrt(), half / stretch.sqrt());
    let angle = around_zero(random, TURN * set.difficulty) * std::f64::consts::TAU;
    let (sin, cos) = (libm::sin(angle), libm::cos(angle));
    let mut middle = |length: usize| {
        let room = (length as f64 / 2.0 - half).max(0.0);
        length as f64 / 2.0 + around_zero(random, room)
    };
    let (x, y) = (middle(set.width), middle(set.height));
    for stroke in strokes(label) {
        let mut place = |corner: &Point| {
            let wobble = WOBBLE * set.difficulty;
            let u = (corner[0] + around_zero(random, wobble)) * wide;
            let v = (corner[1] + around_zero(random, wobble)) * high;
            [x + cos * u - sin * v, y + sin * u + cos * v]
        };
        let points: Vec<Point> = stroke.iter().map(&mut place).collect();
        canvas.stroke(&points, thickness);
    }
}

/// Short lines with one bend, anywhere.
fn draw_strays(set: &Generated, random: &mut Stream, canvas: &mut Canvas) {
    let side = shorter_side(set);
    let most = (STRAYS * set.difficulty + 0.5).floor() as u64;
    for _ in 0..random.below(most + 1) {
        let thickness = side * between(random, THICKNESS[0], THICKNESS[1]);
        let mut point = [random.f64() * set.width as f64, random.f64() * set.height as f64];
        let mut points = vec![point];
        for _ in 0..2 {
            point = [point[0] + around_zero(random, 0.2 * side), point[1] + around_zero(random, 0.2 * side)];
            points.push(point);
        }
        canvas.stroke(&points, thickness);
    }
}

/// Colours of one channel: the ground in the middle, its slope, and the two kinds of strokes.
struct Light {
    ground: f64,
    slope: [f64; 2],
    shape: f64,
    clutter: f64,
}

impl Light {
    fn draw(set: &Generated, random: &mut Stream) -> Self {
        let least = CONTRAST[0] + (CONTRAST[1] - CONTRAST[0]) * set.difficulty;
        let ground = random.f64();
        let slope = SLOPE * set.difficulty / 2.0;
        Self {
            ground,
            slope: [around_zero(random, slope), around_zero(random, slope)],
            shape: away_from(ground, least, random),
            clutter: away_from(ground, least / 2.0, random),
        }
    }
}

/// A brightness from 0 to 1 that differs from `ground` by at least `least` (at most 1/2 or what
/// there is room for), above or below it.
fn away_from(ground: f64, least: f64, random: &mut Stream) -> f64 {
    let (below, above) = ((ground - least).max(0.0), (1.0 - ground - least).max(0.0));
    let place = random.f64() * (below + above);
    if below + above == 0.0 {
        return if ground < 0.5 { 1.0 } else { 0.0 };
    }
    if place < below { place } else { 1.0 - (place - below) }
}

/// Lays clutter over the ground and the shape over both, adds noise, rounds to bytes.
fn paint(set: &Generated, shape: &Canvas, clutter: &Canvas, random: &mut Stream, out: &mut [u8]) {
    let lights: Vec<Light> = (0..set.channels).map(|_| Light::draw(set, random)).collect();
    let noise = NOISE * set.difficulty;
    let covers = shape.cover().iter().zip(clutter.cover());
    for (place, (pixel, (shape, clutter))) in out.chunks_exact_mut(set.channels).zip(covers).enumerate() {
        let across = (place % set.width) as f64 / set.width as f64 - 0.5;
        let down = (place / set.width) as f64 / set.height as f64 - 0.5;
        for (byte, light) in pixel.iter_mut().zip(&lights) {
            let ground = light.ground + light.slope[0] * across + light.slope[1] * down;
            let cluttered = ground + (light.clutter - ground) * clutter;
            let drawn = cluttered + (light.shape - cluttered) * shape;
            let noisy = drawn + noise * random.normal();
            *byte = (noisy.clamp(0.0, 1.0) * 255.0 + 0.5).floor() as u8;
        }
    }
}
