//! The frame of a chart: grid, ticks, names of categories, labels.

use crate::pen::{Anchor, LABEL, Pen, TICK, coordinate, width_of};
use crate::projection::Projection;
use crate::text::told_apart;
use crate::ticks::{Tick, heading, ticks};

/// Between a tick's label and the axis.
const GAP: f64 = 6.0;
/// Between two labels in a row.
const APART: f64 = 8.0;
/// The height of a line of text.
pub(crate) const LINE: f64 = 16.0;
/// Turned names go down at this angle.
const ANGLE: i32 = -45;
const SINE: f64 = 0.707;
const COSINE: f64 = SINE;
/// Between the baselines of turned names.
const TURNED_LINE: f64 = 12.0;
/// How far down turned names may reach.
const DEEPEST: f64 = 96.0;

/// The ticks of a vertical axis of this length.
pub(crate) fn vertical_ticks(projection: &Projection<'_>) -> Vec<Tick> {
    ticks(projection.axis, projection.limits, (projection.length() / 34.0).clamp(2.0, 9.0) as usize)
}

/// The ticks of a horizontal axis: as many as their labels leave room for.
pub(crate) fn horizontal_ticks(projection: &Projection<'_>) -> Vec<Tick> {
    let most = (projection.length() / 52.0).clamp(3.0, 11.0) as usize;
    let choices = (1..=most).rev().map(|most| ticks(projection.axis, projection.limits, most));
    choices.into_iter().find(|ticks| are_apart(ticks, projection)).unwrap_or_default()
}

fn are_apart(ticks: &[Tick], projection: &Projection<'_>) -> bool {
    ticks.windows(2).all(|pair| {
        let [one, other] = [&pair[0], &pair[1]].map(|tick| projection.place_beyond(tick.value).unwrap_or(0.0));
        let widths = pair.iter().map(|tick| width_of(&tick.label, TICK)).sum::<f64>();
        (other - one).abs() >= widths / 2.0 + APART
    })
}

/// How wide the labels at a vertical axis are, at most this much.
pub(crate) fn width_at_left(projection: &Projection<'_>, most: f64) -> f64 {
    let widest = match projection.axis.names() {
        Some(names) => names.iter().map(|name| width_of(name, TICK)).fold(0.0, f64::max),
        None => vertical_ticks(projection).iter().map(|tick| width_of(&tick.label, TICK)).fold(0.0, f64::max),
    };
    if widest > 0.0 { widest.min(most) + GAP + 2.0 } else { 0.0 }
}

/// How names of categories stand below a horizontal axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Names {
    /// Every so many of them has a label.
    stride: usize,
    is_turned: bool,
    /// The room that each has.
    room: f64,
    /// How far down they reach.
    pub(crate) depth: f64,
}

impl Names {
    pub(crate) fn below(projection: &Projection<'_>) -> Option<Self> {
        let names = projection.axis.names()?;
        let widest = names.iter().map(|name| width_of(name, TICK)).fold(0.0, f64::max);
        let band = projection.band();
        if widest + APART / 2.0 <= band {
            return Some(Self { stride: 1, is_turned: false, room: band, depth: LINE });
        }
        // Names that are a little too long are read more easily shortened than turned.
        let is_nearly = band >= 60.0 && widest * 0.75 <= band;
        if is_nearly {
            return Some(Self { stride: 1, is_turned: false, room: band - APART / 2.0, depth: LINE });
        }
        let stride = (TURNED_LINE / SINE / band).ceil().max(1.0) as usize;
        // Short ones, as numbers, stay upright with some left out.
        let upright = ((widest + APART) / band).ceil().max(1.0) as usize;
        if upright <= stride.max(2) && widest < 40.0 {
            return Some(Self { stride: upright, is_turned: false, room: widest + 1.0, depth: LINE });
        }
        // In a narrow chart they would reach into its neighbour.
        let room = widest.min((DEEPEST - TICK) / SINE).min(0.6 * projection.length());
        Some(Self { stride, is_turned: true, room, depth: room * SINE + TICK + 4.0 })
    }

    /// How far the first ones reach beyond the left end of the axis.
    pub(crate) fn overhang(&self, projection: &Projection<'_>) -> f64 {
        if self.is_turned { (self.room * COSINE - projection.band() / 2.0).max(0.0) } else { 0.0 }
    }

    fn draw(&self, pen: &mut Pen, projection: &Projection<'_>, height: f64) {
        let names = told_apart(projection.axis.names().unwrap_or_default(), self.room, TICK);
        for (i, (shown, whole)) in names.iter().enumerate().step_by(self.stride) {
            let Ok(x) = projection.place(i as f64) else { continue };
            if self.is_turned {
                pen.written("", (x + 3.0, height + GAP + 6.0), Anchor::End, (shown, whole), ANGLE);
            } else {
                pen.written("", (x, height + GAP + TICK - 1.0), Anchor::Middle, (shown, whole), 0);
            }
        }
    }
}

/// How far down the labels of a horizontal axis reach.
pub(crate) fn depth_below(projection: &Projection<'_>, has_data: bool) -> f64 {
    let labels = match Names::below(projection) {
        Some(names) => names.depth + GAP,
        None if has_data => LINE + GAP,
        None => GAP,
    };
    labels + if projection.axis.label.is_empty() { 0.0 } else { LINE + 2.0 }
}

/// The two axes of a chart, and whether they have labels here or elsewhere in the grid.
pub(crate) struct Axes<'p, 'a> {
    pub(crate) x: &'p Projection<'a>,
    pub(crate) y: &'p Projection<'a>,
    pub(crate) shows_x: bool,
    pub(crate) shows_y: bool,
    /// The room of the label above the vertical axis, if it has one.
    pub(crate) heading: Option<f64>,
    /// How far labels may reach to the left and to the right of the area.
    pub(crate) left: f64,
    pub(crate) right: f64,
    /// What lies between the area and its heading.
    pub(crate) above: f64,
    /// Without data, numbers would mean nothing.
    pub(crate) has_data: bool,
}

impl Axes<'_, '_> {
    /// The grid, below the marks.
    pub(crate) fn draw_grid(&self, pen: &mut Pen) {
        let (width, height) = (self.x.length(), self.y.length());
        let mut grid = String::new();
        let shown = |ticks: Vec<Tick>| if self.has_data { ticks } else { Vec::new() };
        for y in places(self.y, &shown(vertical_ticks(self.y))) {
            grid += &format!("M0 {}H{}", coordinate(y), coordinate(width));
        }
        for x in places(self.x, &shown(horizontal_ticks(self.x))) {
            grid += &format!("M{} 0V{}", coordinate(x), coordinate(height));
        }
        pen.plain("g", &grid);
    }

    /// Ticks, names and labels, around the marks.
    pub(crate) fn draw_labels(&self, pen: &mut Pen) {
        let (width, height) = (self.x.length(), self.y.length());
        pen.open("k", 0.0, 0.0);
        if self.shows_y {
            self.draw_vertical(pen);
        }
        if self.shows_x {
            self.draw_horizontal(pen);
        }
        pen.close();
        let room = self.left + width + self.right;
        if let Some(room) = self.heading {
            let heading = heading(self.y.axis, self.y.limits);
            pen.text("", (-self.left, -9.0 - self.above), Anchor::Start, &heading, (room, LABEL));
        }
        if self.shows_x {
            let heading = heading(self.x.axis, self.x.limits);
            let depth = Names::below(self.x).map_or(LINE, |names| names.depth);
            let shown = width_of(&heading, LABEL).min(room);
            let middle = (width / 2.0).max(shown / 2.0 - self.left).min(width + self.right - shown / 2.0);
            pen.text("", (middle, height + GAP + depth + 13.0), Anchor::Middle, &heading, (room, LABEL));
        }
    }

    fn draw_vertical(&self, pen: &mut Pen) {
        if let Some(names) = self.y.axis.names() {
            let stride = (13.0 / self.y.band()).ceil().max(1.0) as usize;
            let names = told_apart(names, self.left - GAP, TICK);
            for (i, (shown, whole)) in names.iter().enumerate().step_by(stride) {
                let Ok(y) = self.y.place(i as f64) else { continue };
                pen.written("", (-GAP, y + 4.0), Anchor::End, (shown, whole), 0);
            }
        }
        for tick in vertical_ticks(self.y).iter().filter(|_| self.has_data) {
            let Ok(y) = self.y.place(tick.value) else { continue };
            pen.text("", (-GAP, y + 4.0), Anchor::End, &tick.label, (self.left, TICK));
        }
    }

    fn draw_horizontal(&self, pen: &mut Pen) {
        let (width, height) = (self.x.length(), self.y.length());
        if let Some(names) = Names::below(self.x) {
            names.draw(pen, self.x, height);
        }
        for tick in horizontal_ticks(self.x).iter().filter(|_| self.has_data) {
            let Ok(x) = self.x.place(tick.value) else { continue };
            let half = width_of(&tick.label, TICK) / 2.0;
            // The outermost ones do not leave the picture.
            let x = x.max(half - self.left).min((width + self.right - half).max(0.0));
            pen.text("", (x, height + GAP + TICK - 1.0), Anchor::Middle, &tick.label, (2.0 * half + 1.0, TICK));
        }
    }
}

fn places(projection: &Projection<'_>, ticks: &[Tick]) -> Vec<f64> {
    ticks.iter().filter_map(|tick| projection.place(tick.value).ok()).collect()
}
