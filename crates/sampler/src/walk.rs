//! Drawing from a region that is so small a part of its space that random draws meet none of it.
//!
//! From a point that is admitted, one parameter after the other is drawn anew, from a range that shrinks around its old value
//! until the point is admitted: slice sampling (Neal, "Slice sampling", Annals of Statistics 2003, figure 5) of a density that is 1 in
//! the region and 0 outside. Where such steps lead everywhere, all admitted points come alike often in the end.

use tunefork_rng::Stream;
use tunefork_space::{Domain, Point, Space};

use crate::Ask;
use crate::random::{draw, others};

/// How often each parameter is drawn anew until the point is taken.
const ROUNDS: usize = 4;

/// How often the parameters that decide which others exist are drawn to find a beginning.
const BRANCHES: usize = 8;

/// Draws of one parameter before it keeps its value: a range of 2^32 shrinks to 1 in half as many on average.
const SHRINKS: usize = 64;

/// An admitted point, if one is found to begin from: one of all lowest or of all highest values, or a trial's.
pub(crate) fn walk(ask: &Ask<'_>, stream: &mut Stream) -> Option<Point> {
    let space = ask.history.space();
    let mut decides = vec![false; space.len()];
    (0..space.len()).flat_map(|index| space.parents(index)).for_each(|parent| decides[parent] = true);
    let mut point = begin(ask, &decides, stream)?;
    // What decides which others exist was drawn to begin with: what would come into being with another value of it had to be drawn from
    // its whole range, where hardly anything is admitted.
    for index in (0..ROUNDS).flat_map(|_| 0..space.len()).filter(|index| !decides[*index]) {
        if point.has(index) {
            redraw(ask, &mut point, index, stream);
        }
    }
    Some(point)
}

fn begin(ask: &Ask<'_>, decides: &[bool], stream: &mut Stream) -> Option<Point> {
    let space = ask.history.space();
    let branches = if decides.contains(&true) { BRANCHES } else { 0 };
    for end in (0..branches).flat_map(|_| [lowest, highest]) {
        let point = corner(space, |index| match decides[index] {
            true => draw(space.domain(index), stream),
            false => end(space.domain(index)),
        });
        if ask.region.admits(&point) {
            return Some(point);
        }
    }
    let trials = others(ask).map(|trial| ask.history.point(trial)).filter(|point| is_whole(space, point));
    let corners = [lowest, highest].map(|end: fn(&Domain) -> f64| corner(space, |index| end(space.domain(index))));
    corners.into_iter().chain(trials).find(|point| ask.region.admits(point))
}

/// Gives one parameter another value with which the point is admitted, if one is found.
fn redraw(ask: &Ask<'_>, point: &mut Point, index: usize, stream: &mut Stream) {
    let domain = ask.history.space().domain(index);
    let old = point.get(index);
    let mut range = domain.bounds().filter(|_| !domain.is_single());
    for _ in 0..SHRINKS {
        let drawn = range.map(|(low, high)| low + stream.f64() * (high - low));
        point.set(index, drawn.map_or_else(|| draw(domain, stream), |drawn| domain.untransform(drawn)));
        if ask.region.admits(point) {
            return;
        }
        range = range.zip(drawn).map(|((low, high), drawn)| match drawn < domain.transform(old) {
            true => (drawn, high),
            false => (low, drawn),
        });
    }
    point.set(index, old);
}

/// The point of which each active parameter has the value that `value` says.
fn corner(space: &Space, mut value: impl FnMut(usize) -> f64) -> Point {
    let mut point = Point::absent(space.len());
    for &index in space.topological_order() {
        if space.is_active(&point, index) {
            point.set(index, value(index));
        }
    }
    point
}

fn lowest(domain: &Domain) -> f64 {
    match domain.bounds() {
        Some((low, _)) if domain.size().is_none() => domain.untransform(low),
        _ => domain.nth(0),
    }
}

fn highest(domain: &Domain) -> f64 {
    match (domain.bounds(), domain.size()) {
        (_, Some(size)) => domain.nth(size - 1),
        (Some((_, high)), None) => domain.untransform(high),
        (None, None) => domain.nth(0),
    }
}

/// Whether a trial's point is one of the space as it is now.
fn is_whole(space: &Space, point: &Point) -> bool {
    (0..space.len()).all(|index| match space.is_active(point, index) {
        true => point.has(index) && space.domain(index).contains_internal(point.get(index)),
        false => !point.has(index),
    })
}
