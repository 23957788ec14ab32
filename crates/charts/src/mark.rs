//! What can be drawn: points, lines, bars, intervals, cells and rules, in layers.

/// What ties a mark to the thing that it shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tag {
    /// Becomes `data-key`.
    pub(crate) key: Option<u32>,
    /// Becomes `<title>`, which programs show as a tooltip.
    pub(crate) tip: Option<String>,
}

impl Tag {
    pub(crate) fn is_empty(&self) -> bool {
        self.key.is_none() && self.tip.is_none()
    }
}

/// The methods that every mark has for its tag.
macro_rules! tagged {
    ($($mark:ty),*) => {$(
        impl $mark {
            /// The number of what it shows; it becomes `data-key`, by which a page finds all marks of one thing.
            pub fn key(mut self, key: u32) -> Self {
                self.tag.key = Some(key);
                self
            }

            /// A tooltip.
            pub fn tip(mut self, tip: impl Into<String>) -> Self {
                self.tag.tip = Some(tip.into());
                self
            }
        }
    )*};
}

tagged!(Point, Bar, Interval, Cell, Polyline, Layer);

/// A place in a chart: a dot of its own, or a corner of a line.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) value: Option<f64>,
    pub(crate) label: Option<String>,
    pub(crate) tag: Tag,
}

impl Point {
    /// A point at these values of the axes; on an axis of categories, `i` is the middle of category `i`.
    pub fn new(x: f64, y: f64) -> Self {
        Self { x, y, value: None, label: None, tag: Tag::default() }
    }

    /// Its value on the y axis.
    pub fn y(&self) -> f64 {
        self.y
    }

    /// The value that its colour shows, on the chart's colour axis ([`Chart::colour`](crate::Chart::colour)).
    pub fn value(self, value: f64) -> Self {
        Self { value: Some(value), ..self }
    }

    /// A word beside it, drawn where there is room.
    pub fn label(self, label: impl Into<String>) -> Self {
        Self { label: Some(label.into()), ..self }
    }
}

/// What a bar or a cell covers along an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Extent {
    /// A category: value `i` of an axis of categories; a short stretch around the value on others.
    At(f64),
    /// From one value to another.
    Between(f64, f64),
}

impl From<f64> for Extent {
    fn from(value: f64) -> Self {
        Self::At(value)
    }
}

impl From<usize> for Extent {
    fn from(category: usize) -> Self {
        Self::At(category as f64)
    }
}

impl From<(f64, f64)> for Extent {
    fn from((low, high): (f64, f64)) -> Self {
        Self::Between(low, high)
    }
}

/// A bar. It stands on the x axis, or lies on the y axis if only that has categories.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    pub(crate) at: Extent,
    pub(crate) start: f64,
    pub(crate) end: f64,
    pub(crate) label: Option<String>,
    pub(crate) tag: Tag,
}

impl Bar {
    /// A bar from 0 to this value.
    pub fn new(at: impl Into<Extent>, value: f64) -> Self {
        Self::between(at, 0.0, value)
    }

    /// A bar that starts elsewhere: a stretch of time, or a part of a stack.
    pub fn between(at: impl Into<Extent>, start: f64, end: f64) -> Self {
        Self { at: at.into(), start, end, label: None, tag: Tag::default() }
    }

    /// A word at its end, as its value.
    pub fn label(self, label: impl Into<String>) -> Self {
        Self { label: Some(label.into()), ..self }
    }
}

/// A value with what it may be off by: a dot and whiskers along the same axis as bars.
#[derive(Clone, Debug, PartialEq)]
pub struct Interval {
    pub(crate) at: f64,
    pub(crate) low: f64,
    pub(crate) middle: f64,
    pub(crate) high: f64,
    pub(crate) tag: Tag,
}

impl Interval {
    /// An interval from `low` to `high` with a dot at `middle`.
    pub fn new(at: f64, low: f64, middle: f64, high: f64) -> Self {
        Self { at, low, middle, high, tag: Tag::default() }
    }
}

/// A rectangle whose colour shows a value, on the chart's colour axis ([`Chart::colour`](crate::Chart::colour)).
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    pub(crate) x: Extent,
    pub(crate) y: Extent,
    pub(crate) value: f64,
    pub(crate) label: Option<String>,
    pub(crate) tag: Tag,
}

impl Cell {
    /// A cell that covers these categories, or ranges of values.
    pub fn new(x: impl Into<Extent>, y: impl Into<Extent>, value: f64) -> Self {
        Self { x: x.into(), y: y.into(), value, label: None, tag: Tag::default() }
    }

    /// Its number, written into it if there is room.
    pub fn label(self, label: impl Into<String>) -> Self {
        Self { label: Some(label.into()), ..self }
    }
}

/// A line across the axes of [`Parallel`](crate::Parallel): one value for each of them, NaN where it has none and passes over the axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Polyline {
    pub(crate) values: Vec<f64>,
    pub(crate) value: Option<f64>,
    pub(crate) tag: Tag,
}

impl Polyline {
    /// A line through these values.
    pub fn new(values: impl Into<Vec<f64>>) -> Self {
        Self { values: values.into(), value: None, tag: Tag::default() }
    }

    /// The value that its colour shows.
    pub fn value(self, value: f64) -> Self {
        Self { value: Some(value), ..self }
    }
}

/// The form of a point, or of a line's end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// A filled disc.
    #[default]
    Dot,
    /// A circle.
    Ring,
    /// Two strokes that cross.
    Cross,
}

/// The colour of a layer, where values do not decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// One of eight that are told apart, from 1; 9 is 1 again.
    Series(u8),
    /// Grey: what stands behind the rest.
    Muted,
    /// That of the text.
    Ink,
}

/// What a layer is made of.
#[derive(Clone, Debug, PartialEq)]
pub enum Mark {
    /// Dots.
    Points(Vec<Point>),
    /// A line through points in their order; a value that is no number breaks it.
    Line(Vec<Point>),
    /// A line that keeps its height from each point to the next one's x.
    Steps(Vec<Point>),
    /// Bars: a bar chart, a histogram, a time line.
    Bars(Vec<Bar>),
    /// Dots with whiskers.
    Intervals(Vec<Interval>),
    /// A heat map.
    Cells(Vec<Cell>),
    /// A reference line at a value of the x axis, from bottom to top.
    RuleX(f64),
    /// A reference line at a value of the y axis, from left to right.
    RuleY(f64),
}

/// Marks of one kind that look alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    pub(crate) mark: Mark,
    pub(crate) name: Option<String>,
    pub(crate) colour: Colour,
    pub(crate) shape: Shape,
    pub(crate) end: Option<Shape>,
    pub(crate) is_thin: bool,
    pub(crate) is_spread: bool,
    pub(crate) tag: Tag,
}

impl Layer {
    /// A layer in the first colour; rules are grey.
    pub fn new(mark: Mark) -> Self {
        let colour = if matches!(mark, Mark::RuleX(_) | Mark::RuleY(_)) { Colour::Muted } else { Colour::Series(1) };
        Self {
            mark,
            name: None,
            colour,
            shape: Shape::Dot,
            end: None,
            is_thin: false,
            is_spread: false,
            tag: Tag::default(),
        }
    }

    /// Dots.
    pub fn points(points: impl Into<Vec<Point>>) -> Self {
        Self::new(Mark::Points(points.into()))
    }

    /// A line.
    pub fn line(points: impl Into<Vec<Point>>) -> Self {
        Self::new(Mark::Line(points.into()))
    }

    /// A line in steps.
    pub fn steps(points: impl Into<Vec<Point>>) -> Self {
        Self::new(Mark::Steps(points.into()))
    }

    /// Bars.
    pub fn bars(bars: impl Into<Vec<Bar>>) -> Self {
        Self::new(Mark::Bars(bars.into()))
    }

    /// Dots with whiskers.
    pub fn intervals(intervals: impl Into<Vec<Interval>>) -> Self {
        Self::new(Mark::Intervals(intervals.into()))
    }

    /// A heat map.
    pub fn cells(cells: impl Into<Vec<Cell>>) -> Self {
        Self::new(Mark::Cells(cells.into()))
    }

    /// A reference line at a value of the x axis; its [`name`](Layer::name) stands beside it.
    pub fn rule_x(x: f64) -> Self {
        Self::new(Mark::RuleX(x))
    }

    /// A reference line at a value of the y axis; its [`name`](Layer::name) stands beside it.
    pub fn rule_y(y: f64) -> Self {
        Self::new(Mark::RuleY(y))
    }

    /// What it is called: at the end of a line, beside a rule, in the legend otherwise. Layers without a name are in none.
    pub fn name(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// Its colour.
    pub fn colour(self, colour: Colour) -> Self {
        Self { colour, ..self }
    }

    /// The form of its points.
    pub fn shape(self, shape: Shape) -> Self {
        Self { shape, ..self }
    }

    /// A mark at the end of a line, as where something was stopped.
    pub fn end(self, shape: Shape) -> Self {
        Self { end: Some(shape), ..self }
    }

    /// A thin line, or small points: one of many.
    pub fn thin(self) -> Self {
        Self { is_thin: true, ..self }
    }

    /// Points of a category lie side by side over half of its width, so that each can be seen. The places follow from the
    /// points' order.
    pub fn spread(self) -> Self {
        Self { is_spread: true, ..self }
    }
}
