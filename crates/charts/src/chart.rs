//! A chart: two axes and the layers between them; or many axes side by side.

use crate::{Axis, Layer, Polyline};

/// Colours that show values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Palette {
    /// From pale to strong (viridis): high values stand out from the paper.
    #[default]
    Sequential,
    /// From blue over neutral to orange: for values around the middle of their axis, as correlations.
    Diverging,
}

/// Two axes and what is drawn between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    pub(crate) title: Option<String>,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) colour: Option<(Axis, Palette)>,
    pub(crate) layers: Vec<Layer>,
    pub(crate) is_square: bool,
}

impl Chart {
    /// A chart with nothing in it.
    pub fn new(x: Axis, y: Axis) -> Self {
        Self { title: None, x, y, colour: None, layers: Vec::new(), is_square: false }
    }

    /// A heading of the panel.
    pub fn title(self, title: impl Into<String>) -> Self {
        Self { title: Some(title.into()), ..self }
    }

    /// What the colours of points and cells with values mean; a colour bar above the chart tells it.
    pub fn colour(self, axis: Axis, palette: Palette) -> Self {
        Self { colour: Some((axis, palette)), ..self }
    }

    /// Draws a layer over those that are there.
    pub fn layer(mut self, layer: Layer) -> Self {
        self.layers.push(layer);
        self
    }

    /// Draws layers over those that are there.
    pub fn layers(mut self, layers: impl IntoIterator<Item = Layer>) -> Self {
        self.layers.extend(layers);
        self
    }

    /// As high as it is wide, as a confusion matrix.
    pub fn square(self) -> Self {
        Self { is_square: true, ..self }
    }
}

/// Parallel coordinates: vertical axes side by side, each with its own scale, and a line across them for each thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Parallel {
    pub(crate) title: Option<String>,
    pub(crate) axes: Vec<Axis>,
    pub(crate) colour: Option<(Axis, Palette)>,
    pub(crate) lines: Vec<Polyline>,
}

impl Parallel {
    /// Axes from left to right, without lines.
    pub fn new(axes: impl Into<Vec<Axis>>) -> Self {
        Self { title: None, axes: axes.into(), colour: None, lines: Vec::new() }
    }

    /// A heading of the panel.
    pub fn title(self, title: impl Into<String>) -> Self {
        Self { title: Some(title.into()), ..self }
    }

    /// What the colours of lines with values mean. Lines that stand out are drawn over the others.
    pub fn colour(self, axis: Axis, palette: Palette) -> Self {
        Self { colour: Some((axis, palette)), ..self }
    }

    /// Adds lines.
    pub fn lines(mut self, lines: impl IntoIterator<Item = Polyline>) -> Self {
        self.lines.extend(lines);
        self
    }
}
