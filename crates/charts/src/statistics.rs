//! What is counted before it is drawn: histograms, distribution functions, surfaces between points.

use crate::limits::{Limits, Span};
use crate::projection::Projection;
use crate::ticks::ticks;
use crate::{Axis, Bar, Cell, Point, Scale};

/// Most bars of a histogram.
const MOST_BARS: usize = 40;
/// Cells of a surface along each axis.
const CELLS: usize = 40;
/// Points that decide the value of a cell.
const NEIGHBOURS: usize = 12;

/// A histogram: bars over equal ranges of an axis (equal on its scale) with how many values lie in each. The ranges begin and
/// end at round numbers, and are about as many as the values' square root, at most 40. Values that the axis cannot have are
/// not counted.
pub fn histogram(axis: &Axis, values: &[f64]) -> Vec<Bar> {
    let mut span = Span::default();
    values.iter().for_each(|&value| span.add(axis, value));
    if span.is_empty() || axis.names().is_some() {
        return Vec::new();
    }
    let limits = span.limits(axis);
    let count = (values.len() as f64).sqrt().ceil().clamp(4.0, MOST_BARS as f64) as usize;
    let edges = match axis.scale {
        Scale::Log10 => even_edges(axis, limits, count),
        // Ticks are round numbers already; one more on each side holds what lies outside of them.
        Scale::Linear | Scale::Band(_) => round_edges(axis, limits, count),
    };
    let mut counts = vec![0u32; edges.len() - 1];
    let (first, last) = (edges[0], edges[edges.len() - 1]);
    for value in values.iter().filter(|&&value| value >= first && value <= last) {
        let bar = edges.partition_point(|edge| edge <= value);
        counts[bar.clamp(1, edges.len() - 1) - 1] += 1;
    }
    let bars = edges.windows(2).zip(counts);
    let mut bars: Vec<Bar> = bars.map(|(ends, count)| Bar::new((ends[0], ends[1]), count.into())).collect();
    // Empty ones at the ends say nothing.
    bars.truncate(bars.iter().rposition(|bar| bar.end > 0.0).map_or(0, |last| last + 1));
    bars.drain(..bars.iter().position(|bar| bar.end > 0.0).unwrap_or(0));
    bars
}

fn even_edges(axis: &Axis, limits: Limits, count: usize) -> Vec<f64> {
    let (low, high) = (limits.low.log10(), limits.high.log10());
    debug_assert_eq!(axis.scale, Scale::Log10);
    (0..=count).map(|i| 10f64.powf(low + (high - low) * i as f64 / count as f64)).collect()
}

fn round_edges(axis: &Axis, limits: Limits, count: usize) -> Vec<f64> {
    let plain = Axis { is_whole: axis.is_whole, ..Axis::linear("") };
    let mut edges: Vec<f64> = ticks(&plain, limits, count).into_iter().map(|tick| tick.value).collect();
    let step = match edges[..] {
        [one, other, ..] => other - one,
        _ => return vec![limits.low, limits.high],
    };
    edges.insert(0, edges[0] - step);
    edges.push(edges[edges.len() - 1] + step);
    edges
}

/// The empirical distribution function: for each value the part of all values that are not larger, as the points of a
/// [`Layer::steps`](crate::Layer::steps). It begins at 0. Values that are no numbers are not counted.
pub fn distribution(values: &[f64]) -> Vec<Point> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let mut points: Vec<Point> = sorted.first().map(|&first| Point::new(first, 0.0)).into_iter().collect();
    for (i, &value) in sorted.iter().enumerate() {
        if sorted.get(i + 1) != Some(&value) {
            points.push(Point::new(value, (i + 1) as f64 / sorted.len() as f64));
        }
    }
    points
}

/// A surface through points with values: cells over the whole area of two axes, each with the mean of the values of the
/// nearest points, weighted by the inverse square of their distances on the axes' scales (Shepard 1968). It goes through the
/// points, and is flat where there are none; it shows where values are high, not what they are.
pub fn surface(x: &Axis, y: &Axis, points: &[Point]) -> Vec<Cell> {
    let (mut across, mut up) = (Span::default(), Span::default());
    for point in points {
        across.add(x, point.x);
        up.add(y, point.y);
    }
    if across.is_empty() || up.is_empty() || x.names().is_some() || y.names().is_some() {
        return Vec::new();
    }
    let (across, up) = (Projection::unit(x, across.limits(x)), Projection::unit(y, up.limits(y)));
    let known: Vec<[f64; 3]> = points
        .iter()
        .filter_map(|point| {
            let value = point.value.filter(|value| value.is_finite())?;
            Some([across.place(point.x).ok()?, up.place(point.y).ok()?, value])
        })
        .collect();
    if known.is_empty() {
        return Vec::new();
    }
    let middle = |i: usize| (i as f64 + 0.5) / CELLS as f64;
    let places = (0..CELLS).flat_map(|row| (0..CELLS).map(move |column| (column, row)));
    places
        .map(|(column, row)| {
            let value = interpolated(&known, middle(column), middle(row));
            Cell::new(between(x, across.limits, column), between(y, up.limits, row), value)
        })
        .collect()
}

/// What a cell covers of an axis.
fn between(axis: &Axis, limits: Limits, cell: usize) -> (f64, f64) {
    let end = |i: usize| {
        let part = i as f64 / CELLS as f64;
        let part = if axis.is_reversed { 1.0 - part } else { part };
        match axis.scale {
            Scale::Log10 => 10f64.powf(limits.low.log10() * (1.0 - part) + limits.high.log10() * part),
            Scale::Linear | Scale::Band(_) => limits.low * (1.0 - part) + limits.high * part,
        }
    };
    (end(cell), end(cell + 1))
}

fn interpolated(known: &[[f64; 3]], x: f64, y: f64) -> f64 {
    let mut nearest: Vec<(f64, f64)> =
        known.iter().map(|&[px, py, value]| ((px - x) * (px - x) + (py - y) * (py - y), value)).collect();
    if nearest.len() > NEIGHBOURS {
        nearest.select_nth_unstable_by(NEIGHBOURS - 1, |one, other| {
            one.0.total_cmp(&other.0).then(one.1.total_cmp(&other.1))
        });
        nearest.truncate(NEIGHBOURS);
        // The order of sums is the same however the nearest were found.
        nearest.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.total_cmp(&other.1)));
    }
    // Nearer than a quarter of a cell is as near as can be.
    let least = 1.0 / (16 * CELLS * CELLS) as f64;
    let weights: f64 = nearest.iter().map(|(distance, _)| 1.0 / distance.max(least)).sum();
    nearest.iter().map(|(distance, value)| value / distance.max(least) / weights).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Extent;

    #[test]
    fn a_histogram_counts_every_value_once_between_round_numbers() {
        let values: Vec<f64> = (0..100).map(|i| f64::from(i) / 100.0).chain([f64::NAN]).collect();
        let bars = histogram(&Axis::linear(""), &values);
        assert_eq!(bars.iter().map(|bar| bar.end).sum::<f64>(), 100.0);
        assert!(bars.iter().any(|bar| bar.at == Extent::Between(0.2, 0.3) && bar.end == 10.0));
        assert_eq!(bars.len(), 10);
        assert!(histogram(&Axis::linear(""), &[]).is_empty());
        let equal = histogram(&Axis::log10(""), &[0.1; 7]);
        assert_eq!(equal.iter().map(|bar| bar.end).sum::<f64>(), 7.0);
    }

    #[test]
    fn a_distribution_function_rises_from_0_to_1() {
        let points = distribution(&[2.0, 1.0, 2.0, f64::NAN, 4.0]);
        let pairs: Vec<(f64, f64)> = points.iter().map(|point| (point.x, point.y)).collect();
        assert_eq!(pairs, [(1.0, 0.0), (1.0, 0.25), (2.0, 0.75), (4.0, 1.0)]);
        assert!(distribution(&[]).is_empty());
    }

    #[test]
    fn a_surface_stays_between_the_values_of_its_points() {
        let points = [(0.0, 0.0, 1.0), (1.0, 1.0, 3.0), (0.5, 0.2, 2.0)];
        let points = points.map(|(x, y, value)| Point::new(x, y).value(value));
        let cells = surface(&Axis::linear(""), &Axis::linear(""), &points);
        assert_eq!(cells.len(), CELLS * CELLS);
        assert!(cells.iter().all(|cell| (1.0..=3.0).contains(&cell.value)));
        assert!(cells[0].value < 1.1 && cells[CELLS * CELLS - 1].value > 2.9);
    }
}
