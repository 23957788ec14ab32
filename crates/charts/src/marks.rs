//! The marks of a chart, layer by layer.

use crate::limits::Refused;
use crate::mark::{Layer, Mark, Tag};
use crate::palette::{Tones, class_of};
use crate::pen::{Pen, coordinate};
use crate::projection::Projection;
use crate::{Interval, Point, Shape, shapes};

/// More points than these are small, unasked.
const MANY: usize = 500;

/// What marks are drawn between.
pub(crate) struct Area<'p, 'a> {
    pub(crate) x: &'p Projection<'a>,
    pub(crate) y: &'p Projection<'a>,
    pub(crate) tones: Option<&'p Tones<'a>>,
    /// Bars and intervals lie along the x axis.
    pub(crate) lies: bool,
}

impl Area<'_, '_> {
    /// Draws a layer. Bars and cells are in `tiles.rs`.
    pub(crate) fn draw(&self, pen: &mut Pen, layer: &Layer) {
        match &layer.mark {
            Mark::Points(points) => self.draw_points(pen, layer, points),
            Mark::Line(points) => self.draw_line(pen, layer, points, false),
            Mark::Steps(points) => self.draw_line(pen, layer, points, true),
            Mark::Bars(bars) => self.draw_bars(pen, layer, bars),
            Mark::Intervals(intervals) => self.draw_intervals(pen, layer, intervals),
            Mark::Cells(cells) => self.draw_cells(pen, cells),
            Mark::RuleX(value) => {
                if let Some(x) = pen.kept(self.x.place(*value)) {
                    let d = format!("M{} 0v{}", coordinate(x), coordinate(self.y.length()));
                    pen.path(&format!("r {}", class_of(layer.colour)), &d, &layer.tag);
                }
            }
            Mark::RuleY(value) => {
                if let Some(y) = pen.kept(self.y.place(*value)) {
                    let d = format!("M0 {}h{}", coordinate(y), coordinate(self.x.length()));
                    pen.path(&format!("r {}", class_of(layer.colour)), &d, &layer.tag);
                }
            }
        }
    }

    /// Where a point lies; if it is not in the picture, that is counted once.
    fn place(&self, point: &Point) -> Result<(f64, f64), Refused> {
        Ok((self.x.place(point.x)?, self.y.place(point.y)?))
    }

    fn draw_points(&self, pen: &mut Pen, layer: &Layer, points: &[Point]) {
        // By colour, for a group says it once: those without a value, then from pale to strong, which lie on top.
        let steps = self.tones.map_or(0, Tones::count);
        let mut groups: Vec<Vec<(&Tag, (f64, f64))>> = vec![Vec::new(); steps + 1];
        for (i, point) in points.iter().enumerate() {
            let Some((mut x, mut y)) = pen.kept(self.place(point)) else { continue };
            if layer.is_spread {
                // The multiples of the golden ratio fill an interval evenly, however many there are.
                let aside = ((i as f64 * 0.618_033_988_749_895).fract() - 0.5) / 2.0;
                match (self.x.axis.names(), self.y.axis.names()) {
                    (Some(_), _) => x += aside * self.x.band(),
                    (None, Some(_)) => y += aside * self.y.band(),
                    (None, None) => {}
                }
            }
            let step = match (self.tones, point.value) {
                (Some(tones), Some(value)) => tones.step(value).ok(),
                _ => None,
            };
            groups[step.map_or(0, |step| step + 1)].push((&point.tag, (x, y)));
        }
        for (i, group) in groups.iter().enumerate().filter(|(_, group)| !group.is_empty()) {
            let colour = match (i.checked_sub(1), self.tones) {
                (Some(step), Some(tones)) => tones.class(step),
                _ => class_of(layer.colour),
            };
            let size = if layer.is_thin || points.len() > MANY { " t" } else { "" };
            pen.open(&format!("{} {colour}{size}", shapes::class(layer.shape)), 0.0, 0.0);
            let bare = group.iter().filter(|(tag, _)| tag.is_empty());
            pen.plain("", &bare.map(|&(_, place)| shapes::path(layer.shape, place)).collect::<String>());
            for &(tag, place) in group.iter().filter(|(tag, _)| !tag.is_empty()) {
                pen.path("", &shapes::path(layer.shape, place), tag);
            }
            pen.close();
        }
    }

    fn draw_line(&self, pen: &mut Pen, layer: &Layer, points: &[Point], in_steps: bool) {
        let mut d = String::new();
        let mut last: Option<(f64, f64)> = None;
        let mut length = 0;
        for point in points {
            let place = self.x.place_beyond(point.x).and_then(|x| Ok((x, self.y.place_beyond(point.y)?)));
            let Some((x, y)) = pen.kept(place) else {
                close(&mut d, &mut length);
                last = None;
                continue;
            };
            match last {
                None => d += &format!("M{} {}", coordinate(x), coordinate(y)),
                Some((_, before)) if in_steps => {
                    d += &format!("H{}", coordinate(x));
                    if coordinate(before) != coordinate(y) {
                        d += &format!("V{}", coordinate(y));
                    }
                }
                Some(_) => {
                    d.push(if length == 1 { 'L' } else { ' ' });
                    d += &format!("{} {}", coordinate(x), coordinate(y));
                }
            }
            length += 1;
            last = Some((x, y));
        }
        close(&mut d, &mut length);
        let thin = if layer.is_thin { " t" } else { "" };
        let colour = class_of(layer.colour);
        pen.path(&format!("l {colour}{thin}"), &without_standstill(&d), &layer.tag);
        if let (Some(shape), Some((x, y))) = (layer.end, last) {
            let d = shapes::path(shape, (x, y));
            pen.path(&format!("{} {colour}{thin}", shapes::class(shape)), &d, &layer.tag);
        }
    }

    fn draw_intervals(&self, pen: &mut Pen, layer: &Layer, intervals: &[Interval]) {
        let (at, along) = if self.lies { (self.y, self.x) } else { (self.x, self.y) };
        pen.open(&class_of(layer.colour), 0.0, 0.0);
        for interval in intervals {
            let place = at.place(interval.at).and_then(|at| Ok((at, along.place(interval.middle)?)));
            let Some((place, middle)) = pen.kept(place) else { continue };
            let ends = along.within(interval.low).and_then(|low| Ok((low, along.within(interval.high)?)));
            if let Some((low, high)) = pen.kept(ends) {
                let (place, low, high) = (coordinate(place), coordinate(low), coordinate(high));
                let d = if self.lies { format!("M{low} {place}H{high}") } else { format!("M{place} {low}V{high}") };
                pen.path("l", &d, &interval.tag);
            }
            let centre = if self.lies { (middle, place) } else { (place, middle) };
            pen.path("p", &shapes::path(Shape::Dot, centre), &interval.tag);
        }
        pen.close();
    }

    /// Whether a line of a layer leaves the area, so that it has to be cut off.
    pub(crate) fn is_left_by(&self, layer: &Layer) -> bool {
        let (Mark::Line(points) | Mark::Steps(points)) = &layer.mark else { return false };
        points.iter().any(|point| {
            let is_outside = |place: Result<f64, Refused>| place == Err(Refused::Outside);
            is_outside(self.x.place(point.x)) || is_outside(self.y.place(point.y))
        })
    }
}

/// Ends a part of a line. One point alone becomes a dot.
fn close(d: &mut String, length: &mut usize) {
    if *length == 1 {
        d.push_str("h0");
    }
    *length = 0;
}

/// A step after which the height is the same again is drawn in one with the next: only the last of several H in a row counts.
fn without_standstill(d: &str) -> String {
    let mut kept = String::with_capacity(d.len());
    let mut parts = d.split('H').peekable();
    kept.push_str(parts.next().unwrap_or_default());
    while let Some(part) = parts.next() {
        let goes_on = parts.peek().is_some();
        let is_number = part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-'));
        if !(goes_on && is_number) {
            kept.push('H');
            kept.push_str(part);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_at_the_same_height_are_one() {
        assert_eq!(without_standstill("M0 0H1H2H3V5H6"), "M0 0H3V5H6");
        assert_eq!(without_standstill("M0 0L1 1 2 2"), "M0 0L1 1 2 2");
    }
}
