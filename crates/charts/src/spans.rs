//! From where to where the data of a chart go.

use crate::chart::{Chart, Parallel};
use crate::limits::{Span, is_drawable};
use crate::mark::{Extent, Layer, Mark};

/// The spans of a chart's axes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spans {
    pub(crate) x: Span,
    pub(crate) y: Span,
    pub(crate) colour: Span,
}

/// Whether bars and intervals lie: along the x axis, for only the y axis has categories.
pub(crate) fn lies(chart: &Chart) -> bool {
    chart.y.names().is_some() && chart.x.names().is_none()
}

pub(crate) fn of_chart(chart: &Chart) -> Spans {
    let mut spans = Spans::default();
    for layer in &chart.layers {
        add(&mut spans, chart, layer);
    }
    spans
}

/// The span of the colours of parallel coordinates.
pub(crate) fn of_colours(parallel: &Parallel) -> Span {
    let mut span = Span::default();
    if let Some((axis, _)) = &parallel.colour {
        parallel.lines.iter().filter_map(|line| line.value).for_each(|value| span.add(axis, value));
    }
    span
}

fn add(spans: &mut Spans, chart: &Chart, layer: &Layer) {
    match &layer.mark {
        Mark::Points(points) | Mark::Line(points) | Mark::Steps(points) => {
            // What is not drawn takes no room.
            let is_drawn = |x: f64, y: f64| is_drawable(&chart.x, x).is_ok() && is_drawable(&chart.y, y).is_ok();
            for point in points.iter().filter(|point| is_drawn(point.x, point.y)) {
                spans.x.add(&chart.x, point.x);
                spans.y.add(&chart.y, point.y);
                if let (Some(value), Some((axis, _))) = (point.value, &chart.colour) {
                    spans.colour.add(axis, value);
                }
            }
        }
        Mark::Bars(bars) => {
            for bar in bars {
                let (at, along) = sides(spans, lies(chart));
                let (axis_at, axis_along) = axes(chart);
                ends(bar.at).into_iter().for_each(|value| at.add(axis_at, value));
                // Other bars of a stack or of a time line begin anywhere.
                if bar.start == 0.0 {
                    along.add_edge(axis_along, 0.0);
                }
                along.add(axis_along, bar.start);
                along.add(axis_along, bar.end);
            }
        }
        Mark::Intervals(intervals) => {
            for interval in intervals {
                let (at, along) = sides(spans, lies(chart));
                let (axis_at, axis_along) = axes(chart);
                at.add(axis_at, interval.at);
                [interval.low, interval.middle, interval.high]
                    .into_iter()
                    .for_each(|value| along.add(axis_along, value));
            }
        }
        Mark::Cells(cells) => {
            for cell in cells {
                ends(cell.x).into_iter().for_each(|value| spans.x.add_edge(&chart.x, value));
                ends(cell.y).into_iter().for_each(|value| spans.y.add_edge(&chart.y, value));
                if let Some((axis, _)) = &chart.colour {
                    spans.colour.add(axis, cell.value);
                }
            }
        }
        Mark::RuleX(value) => spans.x.add(&chart.x, *value),
        Mark::RuleY(value) => spans.y.add(&chart.y, *value),
    }
}

/// The span that bars stand on, and the one that they go along.
fn sides(spans: &mut Spans, lies: bool) -> (&mut Span, &mut Span) {
    if lies { (&mut spans.y, &mut spans.x) } else { (&mut spans.x, &mut spans.y) }
}

fn axes(chart: &Chart) -> (&crate::Axis, &crate::Axis) {
    if lies(chart) { (&chart.y, &chart.x) } else { (&chart.x, &chart.y) }
}

fn ends(extent: Extent) -> [f64; 2] {
    match extent {
        Extent::At(value) => [value, value],
        Extent::Between(low, high) => [low, high],
    }
}
