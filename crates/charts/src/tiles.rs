//! Bars and cells: what covers a rectangle.

use crate::limits::Refused;
use crate::mark::{Bar, Cell, Layer};
use crate::marks::Area;
use crate::palette::class_of;
use crate::pen::{Anchor, Pen, TICK, rectangle, width_of};

/// Half of the gap between two rectangles, where they are wide enough for one.
const GAP: f64 = 0.5;
/// What is shorter would not be seen.
const SHORTEST: f64 = 1.0;

type Rectangle = ((f64, f64), (f64, f64));

impl Area<'_, '_> {
    pub(crate) fn draw_bars(&self, pen: &mut Pen, layer: &Layer, bars: &[Bar]) {
        let mut labels = Vec::new();
        let mut bare = String::new();
        pen.open(&format!("b {}", class_of(layer.colour)), 0.0, 0.0);
        for bar in bars {
            let Some((x, y)) = pen.kept(self.rectangle_of(bar)) else { continue };
            let d = rectangle(apart(x), apart(y));
            if bar.tag.is_empty() {
                bare += &d;
            } else {
                pen.path("", &d, &bar.tag);
            }
            if let Some(label) = &bar.label {
                labels.push((label, x, y, bar.end < bar.start));
            }
        }
        pen.plain("", &bare);
        pen.close();
        for (label, x, y, is_negative) in labels {
            let (place, anchor) = match (self.lies, is_negative) {
                (true, false) => ((x.1 + 5.0, (y.0 + y.1) / 2.0 + 4.0), Anchor::Start),
                (true, true) => ((x.0 - 5.0, (y.0 + y.1) / 2.0 + 4.0), Anchor::End),
                (false, false) => (((x.0 + x.1) / 2.0, y.0 - 5.0), Anchor::Middle),
                (false, true) => (((x.0 + x.1) / 2.0, y.1 + 13.0), Anchor::Middle),
            };
            let wide = width_of(label, TICK);
            let room = if self.lies { f64::INFINITY } else { self.x.band() };
            // Between bars that are narrower than their labels there is no room for any.
            if wide <= room && (!self.lies || self.y.band() >= TICK) {
                pen.text("n", place, anchor, label, (2.0 * LONGEST_LABEL, TICK));
            }
        }
    }

    fn rectangle_of(&self, bar: &Bar) -> Result<Rectangle, Refused> {
        let (at, along) = if self.lies { (self.y, self.x) } else { (self.x, self.y) };
        let across = at.extent(bar.at, true)?;
        // On a logarithmic axis there is no 0, and a bar starts at its end.
        let start = along.within(bar.start).or_else(|refused| match refused {
            Refused::NotPositive => along.within(along.limits.low),
            _ => Err(refused),
        })?;
        let end = along.within(bar.end)?;
        let (low, high) = (start.min(end), start.max(end));
        let has_length = bar.start != bar.end;
        let high = if has_length { high.max(low + SHORTEST) } else { high };
        Ok(if self.lies { ((low, high), across) } else { (across, (low, high)) })
    }

    pub(crate) fn draw_cells(&self, pen: &mut Pen, cells: &[Cell]) {
        let Some(tones) = self.tones else { return };
        let mut groups: Vec<Vec<(&Cell, Rectangle)>> = vec![Vec::new(); tones.count()];
        for cell in cells {
            let place = self
                .x
                .extent(cell.x, false)
                .and_then(|x| Ok((tones.step(cell.value)?, (x, self.y.extent(cell.y, false)?))));
            if let Some((step, place)) = pen.kept(place) {
                groups[step].push((cell, place));
            }
        }
        for (step, group) in groups.iter().enumerate().filter(|(_, group)| !group.is_empty()) {
            pen.open(&format!("c {}", tones.class(step)), 0.0, 0.0);
            // Cells that nothing is known of but their colour are a surface, without gaps.
            let is_surface = |cell: &Cell| cell.tag.is_empty() && cell.label.is_none();
            let surface = group.iter().filter(|(cell, _)| is_surface(cell));
            pen.plain("", &joined(surface.map(|(_, place)| *place).collect()));
            for (cell, (x, y)) in group.iter().filter(|(cell, _)| !is_surface(cell)) {
                pen.path("", &rectangle(apart(*x), apart(*y)), &cell.tag);
            }
            pen.close();
        }
        self.draw_numbers(pen, &groups, |step| tones.class_of_text(step));
    }

    /// The numbers of cells: of all of a layer's, or of none, for some would look as if the others had none.
    fn draw_numbers(&self, pen: &mut Pen, groups: &[Vec<(&Cell, Rectangle)>], class: impl Fn(usize) -> &'static str) {
        let fits = |(cell, (x, y)): &(&Cell, Rectangle)| {
            let wide = cell.label.as_ref().map_or(0.0, |label| width_of(label, TICK));
            wide + 3.0 <= x.1 - x.0 && TICK + 3.0 <= y.1 - y.0
        };
        if !groups.iter().flatten().all(fits) {
            return;
        }
        for (step, group) in groups.iter().enumerate() {
            let mut labels = group.iter().filter_map(|(cell, place)| Some((cell.label.as_ref()?, place))).peekable();
            if labels.peek().is_none() {
                continue;
            }
            pen.open(&format!("x {}", class(step)), 0.0, 0.0);
            for (label, (x, y)) in labels {
                let middle = ((x.0 + x.1) / 2.0, (y.0 + y.1) / 2.0 + 4.0);
                pen.text("", middle, Anchor::Middle, label, (x.1 - x.0, TICK));
            }
            pen.close();
        }
    }
}

/// A label at a bar's end is shortened to this.
pub(crate) const LONGEST_LABEL: f64 = 90.0;

/// A little smaller on both sides, if there is something left.
fn apart((low, high): (f64, f64)) -> (f64, f64) {
    if high - low > 6.0 * GAP { (low + GAP, high - GAP) } else { (low, high) }
}

/// Rectangles as one path; neighbours of the same height become one.
fn joined(mut places: Vec<Rectangle>) -> String {
    places.sort_by(|one, other| one.1.0.total_cmp(&other.1.0).then(one.0.0.total_cmp(&other.0.0)));
    let mut joined: Vec<Rectangle> = Vec::new();
    for (x, y) in places {
        // On whole pixels, for between two halves of one the paper would shine through.
        let (x, y) = ((x.0.round(), x.1.round()), (y.0.round(), y.1.round()));
        match joined.last_mut() {
            Some((before, height)) if *height == y && before.1 == x.0 => before.1 = x.1,
            _ => joined.push((x, y)),
        }
    }
    joined.into_iter().map(|(x, y)| rectangle(x, y)).collect()
}

impl Bar {
    /// The room that its label needs.
    pub(crate) fn width_of_label(&self) -> f64 {
        self.label.as_ref().map_or(0.0, |label| width_of(label, TICK).min(LONGEST_LABEL))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_in_a_row_are_one_rectangle() {
        let row = (0.0, 1.0);
        let places = vec![((4.0, 6.0), row), ((0.0, 2.0), row), ((2.0, 4.0), row), ((0.0, 2.0), (1.0, 2.0))];
        assert_eq!(joined(places), "M0 0h6v1h-6zM0 1h2v1h-2z");
    }
}
