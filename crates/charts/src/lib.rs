//! Charts as SVG text: plain data in, a picture out.
//!
//! A [`Chart`] has two [axes](Axis) and [layers](Layer) of marks between them; a [`Figure`] has panels in a grid, a title and an
//! alternative text. [`Figure::svg`] is a file of its own, [`Figure::inline`] a part of an HTML page that has [`STYLE`] once.
//! Values that cannot be drawn (no numbers, not positive on a logarithmic scale, outside of a given range) are left out and
//! counted in the description. Names may hold anything: what is written is well-formed XML. The same figure gives the same bytes.
//!
//! ```
//! use tunefork_charts::{Axis, Chart, Figure, Layer, Point};
//!
//! let points: Vec<Point> = (0..20u32)
//!     .map(|n| Point::new(n.into(), 0.5 + 0.02 * f64::from(n)).key(n).tip(format!("trial {n}")))
//!     .collect();
//! let chart = Chart::new(Axis::linear("trial").whole(), Axis::linear("accuracy").percent()).layer(Layer::points(points));
//! let figure = Figure::new("history", "Accuracy of each trial").description("It rises evenly.").panel(chart);
//! assert!(figure.svg().starts_with("<svg"));
//! ```
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod axes;
mod axis;
mod chart;
mod figure;
mod labels;
mod layout;
mod legend;
mod limits;
mod mark;
mod marks;
mod number;
mod palette;
mod parallel;
mod pen;
#[cfg(feature = "png")]
mod picture;
mod prepared;
mod projection;
mod shapes;
mod spans;
mod statistics;
mod style;
mod text;
mod ticks;
mod tiles;

pub use axis::{Axis, Scale, Unit};
pub use chart::{Chart, Palette, Parallel};
pub use figure::{Figure, Panel, Sharing};
pub use mark::{Bar, Cell, Colour, Extent, Interval, Layer, Mark, Point, Polyline, Shape};
#[cfg(feature = "png")]
pub use picture::{PngError, png};
pub use statistics::{distribution, histogram, surface};
pub use style::STYLE;

/// Compiles and runs the example in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
