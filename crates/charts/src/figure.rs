//! A figure: panels in a grid, with a title and an alternative text.

use crate::layout::Layout;
use crate::pen::{Anchor, BOLD, HEADING, Pen, coordinate};
use crate::style::standalone;
use crate::text::{clean, escaped};
use crate::{Chart, Parallel};

/// What stands in a place of a figure's grid.
#[derive(Clone, Debug, PartialEq)]
pub enum Panel {
    /// A chart.
    Chart(Box<Chart>),
    /// Parallel coordinates.
    Parallel(Box<Parallel>),
    /// Nothing, as above the diagonal of a scatter matrix.
    Empty,
}

impl From<Chart> for Panel {
    fn from(chart: Chart) -> Self {
        Self::Chart(Box::new(chart))
    }
}

impl From<Parallel> for Panel {
    fn from(parallel: Parallel) -> Self {
        Self::Parallel(Box::new(parallel))
    }
}

/// Which charts of a figure have the same limits. Axes that are shared have numbers at the left and at the bottom only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sharing {
    /// Each has its own.
    #[default]
    Nothing,
    /// The x axes in a column and the y axes in a row: a scatter matrix.
    RowsAndColumns,
    /// All x axes and all y axes: the same thing many times.
    Everything,
}

/// Panels in a grid, with a title and an alternative text; [`svg`](Figure::svg) and [`inline`](Figure::inline) draw it.
///
/// The same figure gives the same bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) panels: Vec<Panel>,
    pub(crate) columns: usize,
    pub(crate) width: f64,
    pub(crate) height: Option<f64>,
    pub(crate) sharing: Sharing,
}

impl Figure {
    /// A figure without panels, 720 wide. `id` is its name in the page, and should differ from that of every other figure there.
    pub fn new(id: impl Into<String>, title: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            title: title.into(),
            description: String::new(),
            panels: Vec::new(),
            columns: 1,
            width: 720.0,
            height: None,
            sharing: Sharing::Nothing,
        }
    }

    /// Its name in the page.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its title.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// What somebody who does not see it is told: what it shows, and what can be seen in it.
    pub fn description(self, description: impl Into<String>) -> Self {
        Self { description: description.into(), ..self }
    }

    /// Adds a panel, row by row from the left.
    pub fn panel(mut self, panel: impl Into<Panel>) -> Self {
        self.panels.push(panel.into());
        self
    }

    /// Adds panels, row by row from the left.
    pub fn panels<P: Into<Panel>>(mut self, panels: impl IntoIterator<Item = P>) -> Self {
        self.panels.extend(panels.into_iter().map(Into::into));
        self
    }

    /// How many panels stand side by side: 1 if nothing is said.
    pub fn columns(self, columns: usize) -> Self {
        Self { columns: columns.max(1), ..self }
    }

    /// How wide it is, in CSS pixels: 720 if nothing is said, at least 240.
    pub fn width(self, width: u32) -> Self {
        Self { width: f64::from(width.clamp(240, 10_000)), ..self }
    }

    /// How high the area between the axes of each panel is, in CSS pixels; without it, that follows from the width and
    /// from the number of categories.
    pub fn height(self, height: u32) -> Self {
        Self { height: Some(f64::from(height.clamp(40, 10_000))), ..self }
    }

    /// Which axes have the same limits.
    pub fn sharing(self, sharing: Sharing) -> Self {
        Self { sharing, ..self }
    }

    /// A file of its own: with its style, a background, and the title above it.
    pub fn svg(&self) -> String {
        self.drawn(true).0
    }

    /// For an HTML page that has [`STYLE`](crate::STYLE): without a style, and without the title, which the page has as a
    /// heading (for those who do not see the figure, it is there).
    pub fn inline(&self) -> String {
        self.drawn(false).0
    }

    /// As [`inline`](Figure::inline), with what somebody who does not see it is told: the [`description`](Figure::description), and
    /// what could not be drawn.
    pub fn inline_and_told(&self) -> (String, String) {
        self.drawn(false)
    }

    /// The picture, and what is told of it.
    fn drawn(&self, stands_alone: bool) -> (String, String) {
        let layout = Layout::new(self);
        let mut pen = Pen::default();
        let mut top = 8.0;
        if stands_alone && !clean(&self.title).is_empty() {
            pen.text("title", (8.0, 24.0), Anchor::Start, &self.title, (self.width - 16.0, HEADING * BOLD));
            top = 40.0;
        }
        let height = coordinate(layout.draw(&mut pen, top).ceil());
        let (width, id) = (coordinate(self.width), name_of(&self.id));
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" id=\"{id}\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" role=\"img\" aria-labelledby=\"{id}-title {id}-text\">"
        );
        let told = format!("{}{}", clean(&self.description), pen.omissions()).trim().to_string();
        svg += &format!("<title id=\"{id}-title\">{}</title>", escaped(&clean(&self.title)));
        svg += &format!("<desc id=\"{id}-text\">{}</desc>", escaped(&told));
        if stands_alone {
            svg += &format!("<style>{}</style><rect class=\"paper\" width=\"100%\" height=\"100%\"/>", standalone());
        }
        (svg + &pen.out + "</svg>", told)
    }
}

/// A name as an `id` can be: letters, digits, hyphens. What differs stays different, by a digest at its end.
fn name_of(id: &str) -> String {
    let is_kept = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let is_name = id.starts_with(|c: char| c.is_ascii_alphabetic()) && id.chars().all(is_kept) && id.len() <= 64;
    if is_name {
        return id.to_string();
    }
    // FNV-1a.
    let digest = id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325u64, |digest, byte| (digest ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let kept: String = id.chars().filter(|&c| is_kept(c)).take(40).collect();
    format!("figure-{kept}-{digest:016x}")
}
