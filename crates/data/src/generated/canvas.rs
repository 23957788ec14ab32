//! Lines with soft edges on a grid of pixels.

use super::glyph::Point;

/// How much of each pixel is covered by strokes, 0 to 1.
pub(super) struct Canvas {
    width: usize,
    height: usize,
    cover: Vec<f64>,
}

impl Canvas {
    pub(super) fn new(height: usize, width: usize) -> Self {
        Self { width, height, cover: vec![0.0; height * width] }
    }

    /// The cover of every pixel, row by row.
    pub(super) fn cover(&self) -> &[f64] {
        &self.cover
    }

    /// Draws a line through `points` (in pixels), `thickness` pixels wide, with round ends.
    pub(super) fn stroke(&mut self, points: &[Point], thickness: f64) {
        for ends in points.windows(2) {
            self.segment(ends[0], ends[1], thickness / 2.0);
        }
    }

    /// One straight piece: a pixel's cover falls from 1 to 0 within one pixel around the edge.
    fn segment(&mut self, from: Point, to: Point, radius: f64) {
        let reach = radius + 1.0;
        let (left, right) = pixels_between(from[0].min(to[0]) - reach, from[0].max(to[0]) + reach, self.width);
        let (top, bottom) = pixels_between(from[1].min(to[1]) - reach, from[1].max(to[1]) + reach, self.height);
        for y in top..bottom {
            for x in left..right {
                let distance = distance([x as f64 + 0.5, y as f64 + 0.5], from, to);
                let cover = (radius + 0.5 - distance).clamp(0.0, 1.0);
                let pixel = &mut self.cover[y * self.width + x];
                *pixel = pixel.max(cover);
            }
        }
    }
}

/// The pixels of a row or column of `count` that lie between two coordinates.
fn pixels_between(low: f64, high: f64, count: usize) -> (usize, usize) {
    let clip = |coordinate: f64| coordinate.clamp(0.0, count as f64) as usize;
    (clip(low.floor()), clip(high.ceil()))
}

/// The distance of `point` from the straight line between two ends.
fn distance(point: Point, from: Point, to: Point) -> f64 {
    let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
    let (px, py) = (point[0] - from[0], point[1] - from[1]);
    let length = dx * dx + dy * dy;
    let along = if length > 0.0 { ((px * dx + py * dy) / length).clamp(0.0, 1.0) } else { 0.0 };
    let (x, y) = (px - along * dx, py - along * dy);
    (x * x + y * y).sqrt()
}
