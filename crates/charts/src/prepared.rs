//! A chart whose limits are known: what it needs around it, and how it is drawn.

use crate::Bar;
use crate::axes::{Axes, LINE, Names, depth_below, width_at_left};
use crate::chart::Chart;
use crate::labels;
use crate::legend::Legend;
use crate::limits::{Limits, tight};
use crate::mark::Mark;
use crate::marks::Area;
use crate::palette::Tones;
use crate::pen::{Anchor, BOLD, LABEL, Pen, coordinate, width_of};
use crate::projection::Projection;
use crate::spans::{Spans, lies};
use crate::ticks::heading;

/// The room at the right of a chart that has nothing there.
const MARGIN: f64 = 14.0;

/// How much room there is above a chart for the label of its vertical axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Heading {
    /// It stands elsewhere.
    None,
    /// As much as the panel is wide.
    Panel,
    /// As much as the figure is wide.
    Row(f64),
}

/// What a chart shows beside its marks, which depends on its place in the grid.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) shows_x: bool,
    pub(crate) shows_y: bool,
    /// The room of the label above the vertical axis: that of the panel, or in a grid with shared axes that of the row.
    pub(crate) heading: Heading,
    /// Names stand at the ends of lines.
    pub(crate) has_names_at_right: bool,
}

/// The room around an area.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Room {
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) top: f64,
    /// The part of `top` between the areas of the row and their headings.
    pub(crate) above: f64,
}

/// A chart, its limits, and its place.
#[derive(Debug)]
pub(crate) struct PreparedChart<'a> {
    pub(crate) chart: &'a Chart,
    pub(crate) has_data: bool,
    x: Limits,
    y: Limits,
    tones: Option<Tones<'a>>,
    pub(crate) place: Place,
    pub(crate) legend: Legend,
}

impl<'a> PreparedChart<'a> {
    pub(crate) fn new(chart: &'a Chart, spans: Spans, place: Place) -> Self {
        let tones = chart.colour.as_ref().map(|(axis, palette)| Tones::new(axis, tight(spans.colour, axis), *palette));
        let place = Place { has_names_at_right: place.has_names_at_right && labels::are_few(&chart.layers), ..place };
        let mut legend = Legend::default();
        for layer in &chart.layers {
            let is_named_elsewhere = (place.has_names_at_right && labels::ends_in_name(layer))
                || matches!(layer.mark, Mark::RuleX(_) | Mark::RuleY(_));
            if !is_named_elsewhere {
                legend.add(layer);
            }
        }
        if let Some(tones) = tones.as_ref().filter(|_| !spans.colour.is_empty()) {
            let has_cells = chart.layers.iter().any(|layer| matches!(layer.mark, Mark::Cells(_)));
            legend.add_colours(tones, has_cells);
        }
        let has_data = !spans.x.is_empty() && !spans.y.is_empty();
        Self { chart, has_data, x: spans.x.limits(&chart.x), y: spans.y.limits(&chart.y), tones, place, legend }
    }

    /// The room at both sides of an area of this height, in a panel of about this width.
    pub(crate) fn sides(&self, height: f64, width: f64) -> (f64, f64) {
        let y = Projection::up(&self.chart.y, self.y, height);
        let mut left = if self.place.shows_y { width_at_left(&y, 0.34 * width) } else { 0.0 };
        if self.place.shows_x {
            let x = Projection::across(&self.chart.x, self.x, (width - left - MARGIN).max(40.0));
            left = left.max(Names::below(&x).map_or(0.0, |names| names.overhang(&x)).min(0.28 * width));
        }
        let names =
            if self.place.has_names_at_right { labels::width_at_right(&self.chart.layers, 0.28 * width) } else { 0.0 };
        (left, names.max(self.labels_of_bars()).max(MARGIN))
    }

    fn bars(&self) -> impl Iterator<Item = &'a Bar> {
        let bars = self.chart.layers.iter().filter_map(|layer| match &layer.mark {
            Mark::Bars(bars) => Some(bars),
            _ => None,
        });
        bars.flatten()
    }

    /// The room at the right for the labels of bars that lie.
    fn labels_of_bars(&self) -> f64 {
        let widest = self.bars().map(|bar| bar.width_of_label() + 8.0).fold(0.0, f64::max);
        if lies(self.chart) { widest } else { 0.0 }
    }

    /// The room above the area for the labels of bars that stand.
    pub(crate) fn above_bars(&self) -> f64 {
        if !lies(self.chart) && self.bars().any(|bar| bar.label.is_some()) { 10.0 } else { 0.0 }
    }

    /// The room above and below an area of this width, in a panel with this room beside it.
    pub(crate) fn above_and_below(&self, width: f64, (left, right): (f64, f64), has_legend: bool) -> (f64, f64) {
        let title = if self.chart.title.is_some() { LINE + 4.0 } else { 0.0 };
        let legend = if has_legend { self.legend.height(left + width + right) } else { 0.0 };
        let is_headed = self.place.shows_y && self.place.heading != Heading::None && !self.chart.y.label.is_empty();
        let heading = if is_headed { LINE + 4.0 } else { 6.0 };
        let x = Projection::across(&self.chart.x, self.x, width);
        let below = if self.place.shows_x { depth_below(&x, self.has_data) } else { 4.0 };
        (title + legend + heading, below)
    }

    /// Draws it with the area's corner at (0, 0).
    pub(crate) fn draw(&self, pen: &mut Pen, (width, height): (f64, f64), room: Room, has_legend: bool) {
        let x = Projection::across(&self.chart.x, self.x, width);
        let y = Projection::up(&self.chart.y, self.y, height);
        let mut above = -room.top;
        if let Some(title) = &self.chart.title {
            let wide = room.left + width + room.right;
            pen.text("h", (-room.left, above + 12.0), Anchor::Start, title, (wide, LABEL * BOLD));
            above += LINE + 4.0;
        }
        if has_legend {
            self.legend.draw(pen, (-room.left, above), room.left + width + room.right);
        }
        let place = self.place;
        let heading_room = match place.heading {
            Heading::Panel if place.shows_y => Some(room.left + width + room.right),
            Heading::Row(room) if place.shows_y => Some(room),
            _ => None,
        };
        let axes = Axes {
            x: &x,
            y: &y,
            shows_x: place.shows_x,
            shows_y: place.shows_y,
            heading: heading_room,
            above: room.above,
            left: room.left,
            right: room.right,
            has_data: self.has_data,
        };
        axes.draw_grid(pen);
        self.draw_marks(pen, &x, &y);
        axes.draw_labels(pen);
        if !self.has_data {
            pen.text("k", (width / 2.0, height / 2.0), Anchor::Middle, "nothing to show", (width, LABEL));
        }
        let heading = heading(&self.chart.y, self.y);
        let taken = if heading_room.is_some() { width_of(&heading, LABEL) + 10.0 } else { 0.0 };
        labels::draw_rules(pen, &self.chart.layers, (&x, &y), place.has_names_at_right, taken - room.left);
        labels::draw_words(pen, &self.chart.layers, &x, &y);
        if place.has_names_at_right {
            labels::draw_names(pen, &self.chart.layers, &x, &y, room.right);
        }
    }

    fn draw_marks(&self, pen: &mut Pen, x: &Projection<'a>, y: &Projection<'a>) {
        let area = Area { x, y, tones: self.tones.as_ref(), lies: lies(self.chart) };
        // A nested picture cuts off what leaves it, and needs no name as a clip path does.
        let is_cut = self.chart.layers.iter().any(|layer| area.is_left_by(layer));
        if is_cut {
            let (width, height) = (coordinate(x.length()), coordinate(y.length()));
            pen.raw(&format!("<svg width=\"{width}\" height=\"{height}\" overflow=\"hidden\">"));
        }
        for layer in &self.chart.layers {
            area.draw(pen, layer);
        }
        if is_cut {
            pen.raw("</svg>");
        }
    }
}
