//! What a key may hold.

use std::fmt;

use tunefork_names::{listed, named_enum};
use tunefork_space::Value;

/// The values that a key takes.
///
/// Displayed as the phrase that error messages and help texts use: `a whole number from 1 to 7`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValueKind {
    /// `true` or `false`.
    Flag,
    /// A whole number, both bounds included.
    Whole(i64, i64),
    /// A number; a bound that is [`Edge::Open`] is itself not allowed.
    Number(Edge, Edge),
    /// One of these words.
    Word(&'static [&'static str]),
    /// One of these words, or the other one.
    WordOr(&'static [&'static str], &'static str),
    /// A whole number, both bounds included, or a word.
    WholeOr(i64, i64, &'static str),
    /// A line of text in quotes.
    Text,
    /// A number of images (whole) or a share of them (between 0 and 1, both excluded).
    Share,
}

named_enum! {
    /// What a domain can be.
    pub enum Range: "domain" {
        /// Numbers between two bounds, all as likely.
        Uniform = "uniform",
        /// Numbers above zero between two bounds, their logarithms all as likely.
        Log = "log",
        /// Whole numbers between two bounds.
        Int = "int",
        /// One of some values.
        Choice = "choice",
    }
}

/// A bound of a [`ValueKind::Number`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Edge {
    /// The bound is allowed.
    Closed(f64),
    /// The bound is not allowed, all before it is.
    Open(f64),
    /// There is no bound.
    None,
}

impl ValueKind {
    /// The value as this kind stores it (`3` becomes `3.0` where numbers are meant), or nothing if
    /// it is not allowed.
    pub(crate) fn accept(&self, value: &Value) -> Option<Value> {
        let allowed = match (self, value) {
            (Self::Flag, Value::Bool(_)) => true,
            (Self::Text, Value::Text(text)) => !text.contains(char::is_control),
            (Self::Whole(low, high) | Self::WholeOr(low, high, _), Value::Int(whole)) => (low..=high).contains(&whole),
            (Self::Word(words), Value::Text(word)) => words.contains(&word.as_str()),
            (Self::WordOr(words, other), Value::Text(word)) => words.contains(&word.as_str()) || word == other,
            (Self::WholeOr(_, _, other), Value::Text(word)) => word == other,
            (Self::Share, Value::Int(count)) => *count >= 0,
            (Self::Share, Value::Float(share)) => *share > 0.0 && *share < 1.0,
            (Self::Number(..), Value::Int(whole)) => {
                return self.accept(&Value::Float(*whole as f64));
            }
            (Self::Number(low, high), Value::Float(number)) => {
                // As it is written, and as engines compute with it.
                let allows = |number: f64| number.is_finite() && low.below(number) && high.above(number);
                allows(*number) && allows(single(*number)) && (single(*number) == 0.0) == (*number == 0.0)
            }
            (
                Self::Flag
                | Self::Whole(..)
                | Self::Number(..)
                | Self::Word(_)
                | Self::WordOr(..)
                | Self::WholeOr(..)
                | Self::Text
                | Self::Share,
                _,
            ) => false,
        };
        allowed.then(|| value.clone())
    }

    /// What single precision makes of a number that is allowed as it is written, but not so.
    pub(crate) fn rounded_away(&self, value: &Value) -> Option<f64> {
        let Self::Number(low, high) = self else { return None };
        let number = value.as_f64().filter(|number| number.is_finite() && low.below(*number) && high.above(*number))?;
        self.accept(value).is_none().then(|| single(number))
    }

    /// The words that it takes.
    pub fn words(&self) -> impl Iterator<Item = &'static str> {
        let (words, other): (&[&str], Option<&str>) = match *self {
            Self::Word(words) => (words, None),
            Self::WordOr(words, other) => (words, Some(other)),
            Self::WholeOr(_, _, other) => (&[], Some(other)),
            Self::Flag | Self::Whole(..) | Self::Number(..) | Self::Text | Self::Share => (&[], None),
        };
        words.iter().copied().chain(other)
    }

    /// The domains that may stand in the place of a value.
    pub fn domains(&self) -> &'static [Range] {
        match self {
            Self::Number(..) => Range::ALL,
            Self::Whole(..) | Self::WholeOr(..) => &[Range::Log, Range::Int, Range::Choice],
            Self::Flag | Self::Word(_) | Self::WordOr(..) | Self::Text | Self::Share => &[Range::Choice],
        }
    }

    /// Whether values of this kind are whole numbers.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self, Self::Whole(..) | Self::WholeOr(..))
    }
}

/// The number of single precision that is nearest.
fn single(number: f64) -> f64 {
    f64::from(number as f32)
}

impl Edge {
    fn below(self, number: f64) -> bool {
        match self {
            Edge::Closed(low) => low <= number,
            Edge::Open(low) => low < number,
            Edge::None => true,
        }
    }

    fn above(self, number: f64) -> bool {
        match self {
            Edge::Closed(high) => number <= high,
            Edge::Open(high) => number < high,
            Edge::None => true,
        }
    }
}

impl fmt::Display for ValueKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => write!(f, "true or false"),
            Self::Whole(low, high) => write_whole(f, *low, *high),
            Self::Number(low, high) => {
                write!(f, "a number")?;
                match low {
                    Edge::Closed(low) => write!(f, " from {low}")?,
                    Edge::Open(low) => write!(f, " above {low}")?,
                    Edge::None => {}
                }
                match high {
                    Edge::Closed(high) => write!(f, " up to {high}"),
                    Edge::Open(high) => write!(f, " and below {high}"),
                    Edge::None => Ok(()),
                }
            }
            Self::Word(_) | Self::WordOr(..) => {
                let words: Vec<String> = self.words().map(|word| format!("\"{word}\"")).collect();
                f.write_str(&listed(&words.iter().map(String::as_str).collect::<Vec<_>>()))
            }
            Self::WholeOr(low, high, word) => {
                write_whole(f, *low, *high)?;
                write!(f, " or \"{word}\"")
            }
            Self::Text => write!(f, "a line of text in quotes"),
            Self::Share => write!(f, "a number of images (such as 960) or a share of them (such as 0.2)"),
        }
    }
}

fn write_whole(f: &mut fmt::Formatter<'_>, low: i64, high: i64) -> fmt::Result {
    if high == i64::MAX {
        write!(f, "a whole number from {low}")
    } else {
        write!(f, "a whole number from {low} to {high}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_and_describes() {
        let share = ValueKind::Number(Edge::Closed(0.0), Edge::Open(1.0));
        assert_eq!(share.to_string(), "a number from 0 and below 1");
        assert_eq!(share.accept(&Value::Int(0)), Some(Value::Float(0.0)));
        assert_eq!(share.accept(&Value::Float(1.0)), None);
        assert_eq!(share.accept(&Value::Float(f64::NAN)), None);
        let padding = ValueKind::WholeOr(0, 8, "same");
        assert_eq!(padding.to_string(), "a whole number from 0 to 8 or \"same\"");
        assert!(padding.accept(&Value::Text("same".into())).is_some());
        assert!(padding.accept(&Value::Int(9)).is_none());
        assert_eq!(ValueKind::Word(&["a", "b", "c"]).to_string(), "\"a\", \"b\" or \"c\"");
    }
}
