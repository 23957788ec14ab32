//! Parallel coordinates: several vertical axes, and lines across them.

use crate::axes::{LINE, vertical_ticks};
use crate::chart::Parallel;
use crate::legend::Legend;
use crate::limits::{Limits, Span, tight};
use crate::mark::Tag;
use crate::palette::Tones;
use crate::pen::{Anchor, BOLD, LABEL, Pen, TICK, coordinate, width_of};
use crate::prepared::Room;
use crate::projection::Projection;
use crate::text::told_apart;
use crate::ticks::heading;

/// More lines than these hide each other less if they are fainter.
const MANY: usize = 200;
/// Labels at an axis, of which some stand over lines.
const GAP: f64 = 5.0;

/// Parallel coordinates whose limits are known.
#[derive(Debug)]
pub(crate) struct PreparedParallel<'a> {
    parallel: &'a Parallel,
    limits: Vec<Limits>,
    tones: Option<Tones<'a>>,
    pub(crate) legend: Legend,
}

impl<'a> PreparedParallel<'a> {
    pub(crate) fn new(parallel: &'a Parallel, colours: Span) -> Self {
        let tones = parallel.colour.as_ref().map(|(axis, palette)| Tones::new(axis, tight(colours, axis), *palette));
        let mut legend = Legend::default();
        if let Some(tones) = tones.as_ref().filter(|_| !colours.is_empty()) {
            legend.add_colours(tones, false);
        }
        let span = |i: usize| {
            let mut span = Span::default();
            let values = parallel.lines.iter().filter_map(|line| line.values.get(i));
            values.for_each(|&value| span.add(&parallel.axes[i], value));
            span
        };
        let limits = (0..parallel.axes.len()).map(|i| span(i).limits(&parallel.axes[i])).collect();
        Self { parallel, limits, tones, legend }
    }

    /// The axes stand in the middle of equal columns, so that each has room for its name and numbers.
    pub(crate) fn above(&self, width: f64, has_legend: bool) -> f64 {
        let title = if self.parallel.title.is_some() { LINE + 4.0 } else { 0.0 };
        let legend = if has_legend { self.legend.height(width) } else { 0.0 };
        // Names of neighbours stand in two rows where one is too narrow.
        title + legend + LINE + 8.0 + if self.has_two_rows(width) { LINE } else { 0.0 }
    }

    fn column(&self, width: f64) -> f64 {
        width / self.parallel.axes.len().max(1) as f64
    }

    fn has_two_rows(&self, width: f64) -> bool {
        let room = self.column(width) - 8.0;
        let headings = self.parallel.axes.iter().zip(&self.limits).map(|(axis, &limits)| heading(axis, limits));
        self.parallel.axes.len() > 1 && headings.into_iter().any(|heading| width_of(&heading, LABEL) > room)
    }

    pub(crate) fn draw(&self, pen: &mut Pen, (width, height): (f64, f64), room: Room, has_legend: bool) {
        let mut above = -room.top;
        if let Some(title) = &self.parallel.title {
            pen.text("h", (0.0, above + 12.0), Anchor::Start, title, (width, LABEL * BOLD));
            above += LINE + 4.0;
        }
        if has_legend {
            self.legend.draw(pen, (0.0, above), width);
        }
        let axes = self.parallel.axes.iter().zip(&self.limits);
        let projections: Vec<Projection<'_>> =
            axes.map(|(axis, &limits)| Projection::up(axis, limits, height)).collect();
        self.draw_lines(pen, &projections, width);
        self.draw_axes(pen, &projections, (width, height));
        if self.parallel.lines.is_empty() || projections.is_empty() {
            pen.text("k", (width / 2.0, height / 2.0), Anchor::Middle, "nothing to show", (width, LABEL));
        }
    }

    fn draw_lines(&self, pen: &mut Pen, projections: &[Projection<'_>], width: f64) {
        let steps = self.tones.as_ref().map_or(0, Tones::count);
        let mut groups: Vec<Vec<(&Tag, String)>> = vec![Vec::new(); steps + 1];
        for line in &self.parallel.lines {
            let step = match (&self.tones, line.value) {
                (Some(tones), Some(value)) => pen.kept(tones.step(value)),
                _ => None,
            };
            let d = self.path(pen, projections, &line.values, width);
            groups[step.map_or(0, |step| step + 1)].push((&line.tag, d));
        }
        for (i, group) in groups.iter().enumerate().filter(|(_, group)| !group.is_empty()) {
            let colour = match (i.checked_sub(1), &self.tones) {
                (Some(step), Some(tones)) => tones.class(step),
                _ => String::from("s0"),
            };
            let many = if self.parallel.lines.len() > MANY { " v" } else { "" };
            pen.open(&format!("l t w{many} {colour}"), 0.0, 0.0);
            for (tag, d) in group {
                pen.path("", d, tag);
            }
            pen.close();
        }
    }

    /// A line, which passes over the axes of which it has no value: that is no fault, as a parameter may exist under a condition only.
    fn path(&self, pen: &mut Pen, projections: &[Projection<'_>], values: &[f64], width: f64) -> String {
        let mut d = String::new();
        let mut length = 0;
        for (i, projection) in projections.iter().enumerate() {
            let x = (i as f64 + 0.5) * self.column(width);
            let place = match values.get(i) {
                Some(value) if !value.is_nan() => pen.kept(projection.place(*value)),
                _ => None,
            };
            if let Some(y) = place {
                d.push(['M', 'L', ' '][length.min(2)]);
                d += &format!("{} {}", coordinate(x), coordinate(y));
                length += 1;
            }
        }
        if length == 1 {
            d.push_str("h0");
        }
        d
    }

    fn draw_axes(&self, pen: &mut Pen, projections: &[Projection<'_>], (width, height): (f64, f64)) {
        let column = self.column(width);
        let two_rows = self.has_two_rows(width);
        for (i, projection) in projections.iter().enumerate() {
            let x = (i as f64 + 0.5) * column;
            pen.plain("a", &format!("M{} 0v{}", coordinate(x), coordinate(height)));
            let raised = if two_rows && i % 2 == 0 { LINE } else { 0.0 };
            let room = if two_rows { 2.0 * column - 12.0 } else { column - 8.0 };
            // The outermost names do not leave the picture.
            let heading = heading(projection.axis, projection.limits);
            let half = width_of(&heading, LABEL).min(room) / 2.0;
            let middle = x.max(half).min(width - half);
            pen.text("", (middle, -10.0 - raised), Anchor::Middle, &heading, (room, LABEL));
            pen.open("n k", x + GAP, 4.0);
            let room = column - 2.0 * GAP;
            for tick in vertical_ticks(projection) {
                let Ok(y) = projection.place(tick.value) else { continue };
                pen.text("", (0.0, y), Anchor::Start, &tick.label, (room, TICK));
            }
            let stride = (13.0 / projection.band()).ceil().max(1.0) as usize;
            let names = told_apart(projection.axis.names().unwrap_or_default(), room, TICK);
            for (i, (shown, whole)) in names.iter().enumerate().step_by(stride) {
                let Ok(y) = projection.place(i as f64) else { continue };
                pen.written("", (0.0, y), Anchor::Start, (shown, whole), 0);
            }
            pen.close();
        }
    }
}
