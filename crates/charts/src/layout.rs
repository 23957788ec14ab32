//! The grid of a figure: what is shared, how large each area is, and where it stands.

use crate::chart::Chart;
use crate::figure::{Figure, Panel, Sharing};
use crate::legend::Legend;
use crate::parallel::PreparedParallel;
use crate::pen::Pen;
use crate::prepared::{Heading, Place, PreparedChart, Room};
use crate::spans::{self, Spans, lies};

/// Between two columns and between two rows.
const GAP: f64 = 14.0;
/// Around the whole.
const MARGIN: f64 = 8.0;
/// The height of a row of bars, and of a row of cells.
const ROW: f64 = 22.0;

/// What stands in a place of the grid.
enum Prepared<'a> {
    Chart(Box<PreparedChart<'a>>),
    Parallel(Box<PreparedParallel<'a>>),
    Empty,
}

impl Prepared<'_> {
    fn legend(&self) -> Option<&Legend> {
        match self {
            Self::Chart(chart) => Some(&chart.legend),
            Self::Parallel(parallel) => Some(&parallel.legend),
            Self::Empty => None,
        }
    }

    /// What lies between its area and its heading.
    fn above(&self) -> f64 {
        match self {
            Self::Chart(chart) => chart.above_bars(),
            Self::Parallel(_) | Self::Empty => 0.0,
        }
    }
}

/// A figure that is laid out.
pub(crate) struct Layout<'a> {
    figure: &'a Figure,
    panels: Vec<Prepared<'a>>,
    columns: usize,
    /// One legend for all panels, if they have the same.
    legend: Option<Legend>,
}

impl<'a> Layout<'a> {
    pub(crate) fn new(figure: &'a Figure) -> Self {
        let columns = figure.columns.min(figure.panels.len()).max(1);
        let spans = shared(figure, columns);
        let panels: Vec<Prepared<'a>> = figure
            .panels
            .iter()
            .enumerate()
            .map(|(i, panel)| match panel {
                Panel::Chart(chart) => {
                    let place = place(figure, columns, i);
                    Prepared::Chart(Box::new(PreparedChart::new(chart, spans[i], place)))
                }
                Panel::Parallel(parallel) => {
                    Prepared::Parallel(Box::new(PreparedParallel::new(parallel, spans::of_colours(parallel))))
                }
                Panel::Empty => Prepared::Empty,
            })
            .collect();
        let mut legends = panels.iter().filter_map(Prepared::legend).filter(|legend| !legend.is_empty());
        let first = legends.next();
        let mut others = legends.peekable();
        let is_common = others.peek().is_some() && others.all(|legend| Some(legend) == first);
        let legend = if is_common { first.cloned() } else { None };
        Self { figure, panels, columns, legend }
    }

    /// Draws the panels below a height, and gives the height of the whole.
    pub(crate) fn draw(&self, pen: &mut Pen, below: f64) -> f64 {
        let inner = self.figure.width - 2.0 * MARGIN;
        let mut y = below;
        if let Some(legend) = &self.legend {
            legend.draw(pen, (MARGIN, y), inner);
            y += legend.height(inner) + 4.0;
        }
        let panel_width = (inner - GAP * (self.columns - 1) as f64) / self.columns as f64;
        let rows: Vec<&[Prepared<'a>]> = self.panels.chunks(self.columns).collect();
        let heights: Vec<f64> = rows.iter().map(|row| self.height_of(row, panel_width)).collect();
        let sides = self.sides(&rows, &heights, panel_width);
        let taken: f64 = sides.iter().map(|(left, right)| left + right).sum();
        let width = ((inner - GAP * (self.columns - 1) as f64 - taken) / self.columns as f64).max(24.0);
        for (i, (row, &height)) in rows.iter().zip(&heights).enumerate() {
            let (top, bottom) = self.above_and_below(row, &sides, (width, height));
            let above = row.iter().map(Prepared::above).fold(0.0, f64::max);
            let top = top + above;
            // Shared numbers stand at the last panel of a column, where there is nothing below it.
            let is_last = i + 1 == rows.len();
            let bottom = if is_last || self.figure.sharing == Sharing::Nothing { bottom } else { 4.0 };
            let mut x = MARGIN;
            for (panel, &(left, right)) in row.iter().zip(&sides) {
                let room = Room { left, right, top, above };
                self.draw_panel(pen, panel, (x + left, y + top), (width, height), room);
                x += left + width + right + GAP;
            }
            y += top + height + bottom + GAP;
        }
        y - GAP + MARGIN
    }

    fn draw_panel(&self, pen: &mut Pen, panel: &Prepared<'a>, at: (f64, f64), size: (f64, f64), room: Room) {
        let has_legend = self.legend.is_none();
        match panel {
            Prepared::Empty => {}
            Prepared::Chart(chart) => {
                let class = if size.0 < 200.0 { "small" } else { "" };
                pen.open(class, at.0, at.1);
                let (width, room) = narrowed(chart.chart, size, room);
                chart.draw(pen, (width, size.1), room, has_legend);
                pen.close();
            }
            Prepared::Parallel(parallel) => {
                pen.open("", at.0 - room.left, at.1);
                parallel.draw(pen, (room.left + size.0 + room.right, size.1), room, has_legend);
                pen.close();
            }
        }
    }

    /// The height of the areas in a row: what its panels would like, or what was said.
    fn height_of(&self, row: &[Prepared<'a>], width: f64) -> f64 {
        if let Some(height) = self.figure.height {
            return height;
        }
        let wide = if self.columns > 1 { (0.6 * width).clamp(70.0, 200.0) } else { (0.4 * width).clamp(170.0, 260.0) };
        let wishes = row.iter().map(|panel| match panel {
            Prepared::Empty => 0.0,
            Prepared::Parallel(_) => wide.max(220.0),
            Prepared::Chart(chart) => match (chart.chart.is_square, chart.chart.y.names()) {
                (true, Some(names)) => (0.7 * width).min(40.0 * names.len().max(3) as f64).clamp(60.0, 460.0),
                (true, None) => (0.75 * width).min(400.0),
                (false, Some(names)) if lies(chart.chart) => (ROW * names.len().max(1) as f64).min(900.0),
                (false, Some(names)) => (28.0 * names.len().max(1) as f64).clamp(40.0, 560.0),
                (false, None) => wide,
            },
        });
        wishes.fold(0.0, f64::max).max(24.0)
    }

    /// The room at the left and at the right of each column.
    fn sides(&self, rows: &[&[Prepared<'a>]], heights: &[f64], width: f64) -> Vec<(f64, f64)> {
        let mut sides = vec![(0.0f64, 0.0f64); self.columns];
        for (row, &height) in rows.iter().zip(heights) {
            for (panel, side) in row.iter().zip(&mut sides) {
                if let Prepared::Chart(chart) = panel {
                    let (left, right) = chart.sides(height, width);
                    *side = (side.0.max(left), side.1.max(right));
                }
            }
        }
        sides
    }

    /// The room above and below the areas of a row.
    fn above_and_below(&self, row: &[Prepared<'a>], sides: &[(f64, f64)], size: (f64, f64)) -> (f64, f64) {
        let has_legend = self.legend.is_none();
        let rooms = row.iter().zip(sides).map(|(panel, &(left, right))| match panel {
            Prepared::Empty => (0.0, 0.0),
            Prepared::Chart(chart) => {
                let (width, room) = narrowed(chart.chart, size, Room { left, right, ..Room::default() });
                chart.above_and_below(width, (left, room.right), has_legend)
            }
            Prepared::Parallel(parallel) => (parallel.above(left + size.0 + right, has_legend), 8.0),
        });
        rooms.fold((0.0, 0.0), |most, room| (most.0.max(room.0), most.1.max(room.1)))
    }
}

/// A square chart leaves at the right what it does not need.
fn narrowed(chart: &Chart, (width, height): (f64, f64), room: Room) -> (f64, Room) {
    if chart.is_square && width > height {
        (height, Room { right: room.right + width - height, ..room })
    } else {
        (width, room)
    }
}

/// The spans of all panels, joined where they share their axes.
fn shared(figure: &Figure, columns: usize) -> Vec<Spans> {
    let charts: Vec<Option<&Chart>> = figure
        .panels
        .iter()
        .map(|panel| match panel {
            Panel::Chart(chart) => Some(chart.as_ref()),
            Panel::Parallel(_) | Panel::Empty => None,
        })
        .collect();
    let own: Vec<Spans> = charts.iter().map(|chart| chart.map_or_else(Spans::default, spans::of_chart)).collect();
    let mut joined = own.clone();
    for (i, chart) in charts.iter().enumerate() {
        let Some(chart) = chart else { continue };
        for (j, other) in own.iter().enumerate().filter(|&(j, _)| j != i && charts[j].is_some()) {
            let (x, y) = match figure.sharing {
                Sharing::Nothing => (false, false),
                Sharing::RowsAndColumns => (i % columns == j % columns, i / columns == j / columns),
                Sharing::Everything => (true, true),
            };
            if x {
                joined[i].x.join(&chart.x, other.x);
            }
            if y {
                joined[i].y.join(&chart.y, other.y);
            }
            if let (Some((axis, _)), true) = (&chart.colour, figure.sharing != Sharing::Nothing) {
                joined[i].colour.join(axis, other.colour);
            }
        }
    }
    joined
}

/// What the panel shows at this place: axes that are shared have numbers at the left and at the bottom only.
fn place(figure: &Figure, columns: usize, i: usize) -> Place {
    let is_there = |j: usize| figure.panels.get(j).is_some_and(|panel| *panel != Panel::Empty);
    let is_shared = figure.sharing != Sharing::Nothing;
    let row = i / columns;
    let has_one_below = (i + columns..figure.panels.len()).step_by(columns).any(is_there);
    let has_one_before = (row * columns..i).any(is_there);
    Place {
        shows_x: !is_shared || !has_one_below,
        shows_y: !is_shared || !has_one_before,
        heading: match figure.sharing {
            Sharing::Nothing => Heading::Panel,
            Sharing::RowsAndColumns => Heading::Row(figure.width - 2.0 * MARGIN),
            Sharing::Everything if row == 0 => Heading::Row(figure.width - 2.0 * MARGIN),
            Sharing::Everything => Heading::None,
        },
        has_names_at_right: columns == 1,
    }
}
