//! Names of lines and rules where they end, and words beside points.

use crate::Point;
use crate::axes::LINE;
use crate::mark::{Layer, Mark};
use crate::palette::class_of;
use crate::pen::{Anchor, LABEL, Pen, TICK, coordinate, width_of};
use crate::projection::Projection;

/// The stroke before a name, in the colour of its line.
const STROKE: f64 = 14.0;
/// More lines than these have a legend.
const MOST: usize = 8;

/// Whether a layer's name stands at its end.
pub(crate) fn ends_in_name(layer: &Layer) -> bool {
    layer.name.is_some() && matches!(layer.mark, Mark::Line(_) | Mark::Steps(_) | Mark::RuleY(_))
}

/// Whether there are few enough names for all of them to stand at the ends of their lines.
pub(crate) fn are_few(layers: &[Layer]) -> bool {
    layers.iter().filter(|layer| ends_in_name(layer)).count() <= MOST
}

/// The room that the names need at the right, at most this much.
pub(crate) fn width_at_right(layers: &[Layer], most: f64) -> f64 {
    let names = layers.iter().filter(|layer| ends_in_name(layer)).filter_map(|layer| layer.name.as_ref());
    let widest = names.map(|name| width_of(name, LABEL)).fold(0.0, f64::max);
    if widest > 0.0 { STROKE + 4.0 + widest.min(most) } else { 0.0 }
}

/// Draws the names at the right of the area, each as near to its line's end as the others let it.
pub(crate) fn draw_names(pen: &mut Pen, layers: &[Layer], x: &Projection<'_>, y: &Projection<'_>, room: f64) {
    let mut names: Vec<(f64, f64, &Layer)> = Vec::new();
    for layer in layers.iter().filter(|layer| ends_in_name(layer)) {
        let end = match &layer.mark {
            Mark::Line(points) | Mark::Steps(points) => {
                let place = |point: &Point| Some((x.within(point.x).ok()?, y.within(point.y).ok()?));
                points.iter().rev().find_map(place)
            }
            Mark::RuleY(value) => y.place(*value).ok().map(|y| (x.length(), y)),
            _ => None,
        };
        if let Some((end, height)) = end {
            names.push((end, height, layer));
        }
    }
    names.sort_by(|one, other| one.1.total_cmp(&other.1));
    let wanted: Vec<f64> = names.iter().map(|name| name.1).collect();
    for ((end, height, layer), shown) in names.into_iter().zip(spaced(&wanted, LINE - 1.0, y.length())) {
        let class = class_of(layer.colour);
        let width = x.length();
        let kind = if matches!(layer.mark, Mark::RuleY(_)) { "r" } else { "l t" };
        // A line that ends near to the border is led to its name; another one is found by its colour.
        let (from, height) = if end > 0.92 * width { (end + 2.0, height) } else { (width + 2.0, shown) };
        let [from, before] = [from, width + 10.0].map(coordinate);
        let d = format!("M{from} {}L{before} {}h2", coordinate(height), coordinate(shown));
        pen.plain(&format!("{kind} {class}"), &d);
        let name = layer.name.as_deref().unwrap_or_default();
        pen.text("", (width + STROKE + 2.0, shown + 4.0), Anchor::Start, name, (room - STROKE - 2.0, LABEL));
    }
}

/// Heights that are at least so far apart and near to the wanted ones, which ascend. Neighbours that are too close become a
/// block around their mean, as often as it takes.
fn spaced(wanted: &[f64], apart: f64, length: f64) -> Vec<f64> {
    // A block: the sum of where its members would have its first one, and how many they are.
    let mut blocks: Vec<(f64, usize)> = Vec::new();
    let first = |&(sum, count): &(f64, usize)| {
        let end = length - (count - 1) as f64 * apart;
        (sum / count as f64).min(end).max(0.0)
    };
    for &height in wanted {
        let mut block = (height, 1);
        while let Some(last) = blocks.last() {
            if first(last) + last.1 as f64 * apart <= first(&block) {
                break;
            }
            // The members of the later block would have the first one higher by what stands before them.
            block = (last.0 + block.0 - (block.1 * last.1) as f64 * apart, last.1 + block.1);
            blocks.pop();
        }
        blocks.push(block);
    }
    blocks.iter().flat_map(|block| (0..block.1).map(move |i| first(block) + i as f64 * apart)).collect()
}

/// Draws the names of vertical rules at the top (above the area, right of what stands there up to `taken`, if they fit), and of
/// horizontal ones that do not stand at the right.
pub(crate) fn draw_rules(
    pen: &mut Pen,
    layers: &[Layer],
    (x, y): (&Projection<'_>, &Projection<'_>),
    at_right: bool,
    mut taken: f64,
) {
    let mut lines_taken = 0.0;
    for layer in layers {
        let Some(name) = &layer.name else { continue };
        let width = width_of(name, TICK);
        match layer.mark {
            Mark::RuleX(value) => {
                let Ok(place) = x.place(value) else { continue };
                if place - width / 2.0 > taken && place + width / 2.0 <= x.length() {
                    pen.text("n", (place, -5.0), Anchor::Middle, name, (width + 1.0, TICK));
                    taken = place + width / 2.0 + 8.0;
                    continue;
                }
                let fits_right = place + 5.0 + width <= x.length() || place < x.length() / 2.0;
                let (anchor, aside) = if fits_right { (Anchor::Start, 5.0) } else { (Anchor::End, -5.0) };
                let room = if fits_right { x.length() - place } else { place } - 5.0;
                pen.text("n", (place + aside, 11.0 + lines_taken), anchor, name, (room, TICK));
                // Names beside each other might meet.
                lines_taken += LINE - 2.0;
            }
            Mark::RuleY(value) if !at_right => {
                let Ok(place) = y.place(value) else { continue };
                let baseline = if place < 18.0 { place + 13.0 } else { place - 5.0 };
                pen.text("n", (x.length() - 2.0, baseline), Anchor::End, name, (x.length(), TICK));
            }
            _ => {}
        }
    }
}

/// Draws the words beside points: at the first of four sides where they lie in the area and on no other word.
pub(crate) fn draw_words(pen: &mut Pen, layers: &[Layer], x: &Projection<'_>, y: &Projection<'_>) {
    let mut taken: Vec<[f64; 4]> = Vec::new();
    let points = layers.iter().filter_map(|layer| match &layer.mark {
        Mark::Points(points) | Mark::Line(points) | Mark::Steps(points) => Some(points),
        _ => None,
    });
    for point in points.flatten() {
        let (Some(label), Ok(left), Ok(top)) = (&point.label, x.place(point.x), y.place(point.y)) else { continue };
        let width = width_of(label, TICK);
        let sides = [
            (left + 7.0, top + 4.0, Anchor::Start, left + 7.0),
            (left - 7.0, top + 4.0, Anchor::End, left - 7.0 - width),
            (left, top - 8.0, Anchor::Middle, left - width / 2.0),
            (left, top + 17.0, Anchor::Middle, left - width / 2.0),
        ];
        for (at, baseline, anchor, start) in sides {
            let [from, to, high, low] = [start, start + width, baseline - TICK, baseline + 3.0];
            let is_inside = from >= 0.0 && to <= x.length() && high >= 0.0 && low <= y.length();
            let meets = |other: &[f64; 4]| from < other[1] && other[0] < to && high < other[3] && other[2] < low;
            if is_inside && !taken.iter().any(meets) {
                pen.text("n", (at, baseline), anchor, label, (x.length(), TICK));
                taken.push([from, to, high, low]);
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_apart_and_near_to_their_lines() {
        assert_eq!(spaced(&[10.0, 50.0], 15.0, 100.0), [10.0, 50.0]);
        assert_eq!(spaced(&[50.0, 50.0], 15.0, 100.0), [42.5, 57.5]);
        assert_eq!(spaced(&[0.0, 1.0, 2.0], 15.0, 100.0), [0.0, 15.0, 30.0]);
        assert_eq!(spaced(&[99.0, 100.0, 100.0], 15.0, 100.0), [70.0, 85.0, 100.0]);
        assert_eq!(spaced(&[], 15.0, 100.0), [0.0; 0]);
    }
}
