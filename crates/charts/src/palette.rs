//! Which class of `style.css` gives a mark its colour.

use crate::limits::{Limits, Refused};
use crate::projection::Projection;
use crate::{Axis, Colour, Palette};

/// Steps of the sequential palette, `--value-0` to `--value-15`: finer ones are not told apart, and a class is shorter than a
/// colour.
const VALUES: usize = 16;
/// Steps of the diverging palette, `--sign-0` to `--sign-14`: the middle one is neutral.
const SIGNS: usize = 15;
const SERIES: u8 = 8;

/// The colours of values in one chart.
#[derive(Clone, Debug)]
pub(crate) struct Tones<'a> {
    projection: Projection<'a>,
    palette: Palette,
}

impl<'a> Tones<'a> {
    pub(crate) fn new(axis: &'a Axis, limits: Limits, palette: Palette) -> Self {
        Self { projection: Projection::unit(axis, limits), palette }
    }

    pub(crate) fn axis(&self) -> &'a Axis {
        self.projection.axis
    }

    pub(crate) fn limits(&self) -> Limits {
        self.projection.limits
    }

    /// How many steps there are.
    pub(crate) fn count(&self) -> usize {
        match self.palette {
            Palette::Sequential => VALUES,
            Palette::Diverging => SIGNS,
        }
    }

    /// The step of a value; values outside of a given range have that of its end.
    pub(crate) fn step(&self, value: f64) -> Result<usize, Refused> {
        let fraction = self.projection.within(value)?;
        Ok(((fraction * self.count() as f64) as usize).min(self.count() - 1))
    }

    /// The class of a step.
    pub(crate) fn class(&self, step: usize) -> String {
        match self.palette {
            Palette::Sequential => format!("q{step}"),
            Palette::Diverging => format!("d{step}"),
        }
    }

    /// The class of a text over a step's colour: whichever of light and dark has more contrast, at least 3.9 to 1. That turns
    /// round with the paper at the ends, but not in the middle.
    pub(crate) fn class_of_text(&self, step: usize) -> &'static str {
        match self.palette {
            Palette::Sequential if step < 6 => "pale",
            Palette::Sequential if step < VALUES / 2 => "middle",
            Palette::Sequential => "strong",
            // The two strongest blues are dark on any paper.
            Palette::Diverging if step < 2 => "blue",
            Palette::Diverging => "sign",
        }
    }
}

/// The class of a layer's colour.
pub(crate) fn class_of(colour: Colour) -> String {
    match colour {
        Colour::Series(number) => format!("s{}", number.saturating_sub(1) % SERIES + 1),
        Colour::Muted => String::from("s0"),
        Colour::Ink => String::from("ink"),
    }
}
