//! External values: what a user writes and reads.

use std::fmt;

use serde::{Deserialize, Serialize};

/// 2⁶³, the first whole number above all `i64`.
const BEYOND_INT: f64 = 9_223_372_036_854_775_808.0;

/// The value of one parameter, as it stands in a study file or a report.
///
/// Two floats are equal when their bits are: NaN equals itself and 0.0 is not −0.0.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Nothing: a categorical choice such as "no pooling".
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number, exact.
    Int(i64),
    /// A real number; NaN and the infinities too.
    Float(f64),
    /// A text, most often the name of a choice.
    Text(String),
}

impl Value {
    /// The value as a number, when it is one: integers are converted.
    pub fn as_f64(&self) -> Option<f64> {
        match *self {
            Self::Int(value) => Some(value as f64),
            Self::Float(value) => Some(value),
            _ => None,
        }
    }

    /// The value as a whole number; floats without a fractional part are converted.
    pub fn as_i64(&self) -> Option<i64> {
        match *self {
            Self::Int(value) => Some(value),
            Self::Float(value) if value == value.trunc() && (-BEYOND_INT..BEYOND_INT).contains(&value) => {
                Some(value as i64)
            }
            _ => None,
        }
    }

    /// The value as a truth value, when it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match *self {
            Self::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The value as a text, when it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(value) => Some(value),
            _ => None,
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            (Self::Text(a), Self::Text(b)) => a == b,
            _ => false,
        }
    }
}

impl Value {
    /// Whether this is a text that reads like a value of another kind.
    pub(crate) fn is_deceptive(&self) -> bool {
        self.as_str().is_some_and(|text| text.parse::<f64>().is_ok() || ["true", "false", "null", ""].contains(&text))
    }
}

impl Eq for Value {}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            // `{:?}` keeps a trailing ".0" and switches to exponents, so 1e-5 stays readable.
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Text(value) => f.write_str(value),
        }
    }
}

macro_rules! from {
    ($($type:ty => $variant:ident,)*) => {$(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}

from! {
    bool => Bool,
    i32 => Int,
    i64 => Int,
    f64 => Float,
    &str => Text,
    String => Text,
}
