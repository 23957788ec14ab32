//! What a key may hold.

use std::fmt;

use tunefork_names::{listed, named_enum};
use tunefork_space::Value;

/// The values that a key takes.
///
/// Displayed as the phrase that error messages and help texts use: `a whole number from 1 to 7`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
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
    /// Any text.
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

/// A bound of a [`Kind::Number`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Edge {
    /// The bound is allowed.
    Closed(f64),
    /// The bound is not allowed, all before it is.
    Open(f64),
    /// There is no bound.
    None,
}

impl Kind {
    /// The value as this kind stores it (`3` becomes `3.0` where numbers are meant), or nothing if
    /// it is not allowed.
    pub fn accept(&self, value: &Value) -> Option<Value> {
        let allowed = match (self, value) {
            (Kind::Flag, Value::Bool(_)) | (Kind::Text, Value::Text(_)) => true,
            (Kind::Whole(low, high) | Kind::WholeOr(low, high, _), Value::Int(whole)) => (low..=high).contains(&whole),
            (Kind::Word(words), Value::Text(word)) => words.contains(&word.as_str()),
            (Kind::WordOr(words, other), Value::Text(word)) => words.contains(&word.as_str()) || word == other,
            (Kind::WholeOr(_, _, other), Value::Text(word)) => word == other,
            (Kind::Share, Value::Int(count)) => *count >= 0,
            (Kind::Share, Value::Float(share)) => *share > 0.0 && *share < 1.0,
            (Kind::Number(..), Value::Int(whole)) => {
                return self.accept(&Value::Float(*whole as f64));
            }
            (Kind::Number(low, high), Value::Float(number)) => {
                number.is_finite() && low.below(*number) && high.above(*number)
            }
            (
                Kind::Flag
                | Kind::Whole(..)
                | Kind::Number(..)
                | Kind::Word(_)
                | Kind::WordOr(..)
                | Kind::WholeOr(..)
                | Kind::Text
                | Kind::Share,
                _,
            ) => false,
        };
        allowed.then(|| value.clone())
    }

    /// The words that it takes.
    pub fn words(&self) -> impl Iterator<Item = &'static str> {
        let (words, other): (&[&str], Option<&str>) = match *self {
            Kind::Word(words) => (words, None),
            Kind::WordOr(words, other) => (words, Some(other)),
            Kind::WholeOr(_, _, other) => (&[], Some(other)),
            Kind::Flag | Kind::Whole(..) | Kind::Number(..) | Kind::Text | Kind::Share => (&[], None),
        };
        words.iter().copied().chain(other)
    }

    /// The domains that may stand in the place of a value.
    pub fn domains(&self) -> &'static [Range] {
        match self {
            Kind::Number(..) => Range::ALL,
            Kind::Whole(..) | Kind::WholeOr(..) => &[Range::Log, Range::Int, Range::Choice],
            Kind::Flag | Kind::Word(_) | Kind::WordOr(..) | Kind::Text | Kind::Share => &[Range::Choice],
        }
    }

    /// Whether values of this kind are whole numbers.
    pub fn is_whole(&self) -> bool {
        matches!(self, Kind::Whole(..) | Kind::WholeOr(..))
    }
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

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Flag => write!(f, "true or false"),
            Kind::Whole(low, high) => write_whole(f, *low, *high),
            Kind::Number(low, high) => {
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
            Kind::Word(_) | Kind::WordOr(..) => {
                let words: Vec<String> = self.words().map(|word| format!("\"{word}\"")).collect();
                f.write_str(&listed(&words.iter().map(String::as_str).collect::<Vec<_>>()))
            }
            Kind::WholeOr(low, high, word) => {
                write_whole(f, *low, *high)?;
                write!(f, " or \"{word}\"")
            }
            Kind::Text => write!(f, "a text in quotes"),
            Kind::Share => write!(f, "a number of images (such as 960) or a share of them (such as 0.2)"),
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
        let share = Kind::Number(Edge::Closed(0.0), Edge::Open(1.0));
        assert_eq!(share.to_string(), "a number from 0 and below 1");
        assert_eq!(share.accept(&Value::Int(0)), Some(Value::Float(0.0)));
        assert_eq!(share.accept(&Value::Float(1.0)), None);
        assert_eq!(share.accept(&Value::Float(f64::NAN)), None);
        let padding = Kind::WholeOr(0, 8, "same");
        assert_eq!(padding.to_string(), "a whole number from 0 to 8 or \"same\"");
        assert!(padding.accept(&Value::Text("same".into())).is_some());
        assert!(padding.accept(&Value::Int(9)).is_none());
        assert_eq!(Kind::Word(&["a", "b", "c"]).to_string(), "\"a\", \"b\" or \"c\"");
    }
}
