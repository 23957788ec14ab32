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

/// How often the parameters that decide which others exist are drawn before the first and last of them are tried.
const BRANCHES: usize = 8;

/// Draws of one parameter before it keeps its value: a range of 2^32 shrinks to 1 in half as many on average.
const SHRINKS: usize = 64;

/// An admitted point, if one is found to begin from: one of all lowest or of all highest values, or a trial's.
pub(crate) fn walk(ask: &Ask<'_>, stream: &mut Stream) -> Option<Point> {
    let space = ask.history.space();
    let mut point = begin(ask, stream)?;
    for index in (0..ROUNDS).flat_map(|_| 0..space.len()) {
        if point.has(index) {
            point = redrawn(ask, &point, index, stream);
        }
    }
    Some(point)
}

fn begin(ask: &Ask<'_>, stream: &mut Stream) -> Option<Point> {
    let space = ask.history.space();
    let mut decides = vec![false; space.len()];
    (0..space.len()).flat_map(|index| space.parents(index)).for_each(|parent| decides[parent] = true);
    // Other values of what decides are hardly ever reached by steps, since what comes into being with them is drawn from its whole range.
    let branches = (0..BRANCHES).map(|_| {
        corner(space, |index| match decides[index] {
            true => draw(space.domain(index), stream),
            false => lowest(space.domain(index)),
        })
    });
    if let Some(point) = branches.into_iter().find(|point| ask.region.admits(point)) {
        return Some(point);
    }
    let corners = [lowest, highest].map(|value: fn(&Domain) -> f64| corner(space, |index| value(space.domain(index))));
    let trials = others(ask).map(|trial| ask.history.point(trial)).filter(|point| is_whole(space, point));
    corners.into_iter().chain(trials).find(|point| ask.region.admits(point))
}

/// The point with another value of one parameter, if one is found with which it is admitted.
fn redrawn(ask: &Ask<'_>, point: &Point, index: usize, stream: &mut Stream) -> Point {
    let space = ask.history.space();
    let domain = space.domain(index);
    let old = domain.transform(point.get(index));
    let mut range = domain.bounds();
    for _ in 0..SHRINKS {
        let (value, drawn) = match range {
            Some((low, high)) if !domain.is_single() => {
                let drawn = low + stream.f64() * (high - low);
                (domain.untransform(drawn), drawn)
            }
            _ => (draw(domain, stream), old),
        };
        let next = with(space, point, index, value, stream);
        if ask.region.admits(&next) {
            return next;
        }
        range = range.map(|(low, high)| if drawn < old { (drawn, high) } else { (low, drawn) });
    }
    point.clone()
}

/// The point with another value of one parameter; those that exist only with it are drawn.
fn with(space: &Space, point: &Point, chosen: usize, value: f64, stream: &mut Stream) -> Point {
    let mut next = Point::absent(space.len());
    for &index in space.topological_order() {
        if space.is_active(&next, index) {
            next.set(
                index,
                match index {
                    _ if index == chosen => value,
                    _ if point.has(index) => point.get(index),
                    _ => draw(space.domain(index), stream),
                },
            );
        }
    }
    next
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
