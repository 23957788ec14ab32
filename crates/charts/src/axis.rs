//! What an axis measures: its label, its unit and its scale.

/// How values become places on an axis.
#[derive(Clone, Debug, PartialEq)]
pub enum Scale {
    /// Equal differences are equally far apart.
    Linear,
    /// Equal ratios are equally far apart. Values that are not positive are not drawn, but counted in the description.
    Log10,
    /// Categories side by side: value `i` is the middle of category `i`, the first being at the left or at the top.
    Band(Vec<String>),
}

/// What the numbers of an axis count.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Unit {
    /// Plain numbers.
    #[default]
    None,
    /// Shares of one, written as percentages: 0.92 is 92 %.
    Percent,
    /// Seconds, written as seconds, min:s, h:min or days, whichever the length of the axis asks for.
    Seconds,
    /// Any other unit; it stands behind the label in parentheses.
    Named(String),
}

/// An axis: what it is called, in which unit, on which scale, and from where to where if that is given.
///
/// Without [`range`](Axis::range) the limits are those of the data with a little room.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    pub(crate) label: String,
    pub(crate) unit: Unit,
    pub(crate) scale: Scale,
    pub(crate) range: Option<(f64, f64)>,
    pub(crate) contains: Option<f64>,
    pub(crate) is_whole: bool,
    pub(crate) is_reversed: bool,
}

impl Axis {
    /// An axis on this scale, with plain numbers. An empty label takes no room.
    pub fn new(label: impl Into<String>, scale: Scale) -> Self {
        Self {
            label: label.into(),
            unit: Unit::None,
            scale,
            range: None,
            contains: None,
            is_whole: false,
            is_reversed: false,
        }
    }

    /// A linear axis.
    pub fn linear(label: impl Into<String>) -> Self {
        Self::new(label, Scale::Linear)
    }

    /// A logarithmic axis.
    pub fn log10(label: impl Into<String>) -> Self {
        Self::new(label, Scale::Log10)
    }

    /// An axis of categories.
    pub fn band<S: Into<String>>(label: impl Into<String>, names: impl IntoIterator<Item = S>) -> Self {
        Self::new(label, Scale::Band(names.into_iter().map(Into::into).collect()))
    }

    /// The unit of its numbers.
    pub fn unit(self, unit: Unit) -> Self {
        Self { unit, ..self }
    }

    /// Shares of one are written as percentages.
    pub fn percent(self) -> Self {
        self.unit(Unit::Percent)
    }

    /// Its numbers are seconds.
    pub fn seconds(self) -> Self {
        self.unit(Unit::Seconds)
    }

    /// From where to where it goes, in place of the limits of the data. What lies outside is not drawn, but counted in the
    /// description; lines are cut off. A range without length, or with ends that the scale does not have, is passed over.
    pub fn range(self, low: f64, high: f64) -> Self {
        Self { range: Some((low, high)), ..self }
    }

    /// The limits of the data are widened to contain this value. Charts with bars contain 0 unasked.
    pub fn containing(self, value: f64) -> Self {
        Self { contains: Some(value), ..self }
    }

    /// Its values are whole numbers (an epoch, a count), so there are no ticks between them.
    pub fn whole(self) -> Self {
        Self { is_whole: true, ..self }
    }

    /// The other way round: low values at the right, at the top, or in the colour that stands out.
    pub fn reversed(self) -> Self {
        Self { is_reversed: true, ..self }
    }

    /// The categories, if it has some.
    pub(crate) fn names(&self) -> Option<&[String]> {
        match &self.scale {
            Scale::Band(names) => Some(names),
            Scale::Linear | Scale::Log10 => None,
        }
    }
}
