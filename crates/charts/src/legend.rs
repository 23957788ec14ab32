//! What colours and shapes mean, in a row above a chart.

use crate::axes::LINE;
use crate::mark::{Layer, Mark};
use crate::number::brief;
use crate::palette::{Tones, class_of};
use crate::pen::{Anchor, LABEL, Pen, TICK, rectangle, width_of};
use crate::shapes;
use crate::ticks::heading;
use crate::{Shape, Unit};

const SWATCH: f64 = 16.0;
const BAR: f64 = 112.0;
const APART: f64 = 18.0;
/// Longer names are shortened.
const LONGEST: f64 = 200.0;

#[derive(Clone, Debug, PartialEq)]
enum Entry {
    Mark { class: String, swatch: Swatch, name: String },
    Colours { label: String, ends: [String; 2], classes: Vec<String>, kind: &'static str },
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Swatch {
    Shape(Shape),
    Line,
    Area,
}

impl Entry {
    fn width(&self, most: f64) -> f64 {
        let width = match self {
            Self::Mark { name, .. } => SWATCH + 5.0 + width_of(name, LABEL).min(LONGEST),
            Self::Colours { label, ends, .. } => {
                let label = if label.is_empty() { 0.0 } else { width_of(label, LABEL).min(LONGEST) + 8.0 };
                label + BAR + ends.iter().map(|end| width_of(end, TICK)).sum::<f64>() + 10.0
            }
        };
        width.min(most)
    }

    fn draw(&self, pen: &mut Pen, most: f64) {
        match self {
            Self::Mark { class, swatch, name } => {
                match swatch {
                    Swatch::Shape(shape) => shapes::draw(pen, *shape, class, (SWATCH / 2.0, 8.0)),
                    Swatch::Line => pen.plain(&format!("l {class}"), &format!("M0 8H{SWATCH}")),
                    Swatch::Area => pen.plain(&format!("b {class}"), &rectangle((2.0, 14.0), (2.0, 14.0))),
                }
                let room = (most - SWATCH - 5.0).min(LONGEST);
                pen.text("", (SWATCH + 5.0, 12.0), Anchor::Start, name, (room, LABEL));
            }
            Self::Colours { label, ends: [low, high], classes, kind } => {
                let mut x = 0.0;
                let numbers = width_of(low, TICK) + width_of(high, TICK) + 10.0;
                if !label.is_empty() {
                    let room = LONGEST.min((most - BAR - numbers - 8.0).max(20.0));
                    pen.text("", (x, 12.0), Anchor::Start, label, (room, LABEL));
                    x += width_of(label, LABEL).min(room) + 8.0;
                }
                pen.text("k", (x, 12.0), Anchor::Start, low, (LONGEST, TICK));
                x += width_of(low, TICK) + 5.0;
                let step = BAR / classes.len() as f64;
                for (i, class) in classes.iter().enumerate() {
                    let left = x + i as f64 * step;
                    pen.plain(&format!("{kind} {class}"), &rectangle((left, left + step), (3.0, 13.0)));
                }
                pen.text("k", (x + BAR + 5.0, 12.0), Anchor::Start, high, (LONGEST, TICK));
            }
        }
    }
}

/// The entries of a chart or of a whole figure.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Legend {
    entries: Vec<Entry>,
}

impl Legend {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// An entry for a layer that has a name.
    pub(crate) fn add(&mut self, layer: &Layer) {
        let Some(name) = layer.name.clone() else { return };
        let swatch = match layer.mark {
            Mark::Points(_) | Mark::Intervals(_) => Swatch::Shape(layer.shape),
            Mark::Line(_) | Mark::Steps(_) | Mark::RuleX(_) | Mark::RuleY(_) => Swatch::Line,
            Mark::Bars(_) | Mark::Cells(_) => Swatch::Area,
        };
        let entry = Entry::Mark { class: class_of(layer.colour), swatch, name };
        if !self.entries.contains(&entry) {
            self.entries.push(entry);
        }
    }

    /// A colour bar. Low values of cells are paler than those of points, which would not be seen.
    pub(crate) fn add_colours(&mut self, tones: &Tones<'_>, has_cells: bool) {
        let limits = tones.limits();
        let factor = if tones.axis().unit == Unit::Percent { 100.0 } else { 1.0 };
        let mut classes: Vec<String> = (0..tones.count()).map(|step| tones.class(step)).collect();
        if tones.axis().is_reversed {
            classes.reverse();
        }
        let ends = match tones.axis().names() {
            Some(names) => [names.first(), names.last()].map(|name| name.cloned().unwrap_or_default()),
            None => [limits.low, limits.high].map(|end| brief(end * factor)),
        };
        let label = heading(&plain_seconds(tones.axis()), limits);
        self.entries.push(Entry::Colours { label, ends, classes, kind: if has_cells { "c" } else { "b" } });
    }

    /// How high it is in a row of this width.
    pub(crate) fn height(&self, width: f64) -> f64 {
        self.places(width).last().map_or(0.0, |last| last.1 + LINE + 8.0)
    }

    /// Draws it from the corner at the left and the top.
    pub(crate) fn draw(&self, pen: &mut Pen, corner: (f64, f64), width: f64) {
        for (entry, (x, y)) in self.entries.iter().zip(self.places(width)) {
            pen.open("", corner.0 + x, corner.1 + y);
            entry.draw(pen, width);
            pen.close();
        }
    }

    /// One after the other, in as many rows as it takes.
    fn places(&self, width: f64) -> Vec<(f64, f64)> {
        let (mut x, mut y) = (0.0, 0.0);
        let mut places = Vec::new();
        for entry in &self.entries {
            let wide = entry.width(width);
            if x > 0.0 && x + wide > width {
                (x, y) = (0.0, y + LINE + 2.0);
            }
            places.push((x, y));
            x += wide + APART;
        }
        places
    }
}

/// A colour bar has two numbers, which say seconds plainly.
fn plain_seconds(axis: &crate::Axis) -> crate::Axis {
    match axis.unit {
        Unit::Seconds => axis.clone().unit(Unit::Named(String::from("s"))),
        _ => axis.clone(),
    }
}
