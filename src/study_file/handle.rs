//! Typed ways to the values behind keys.
//!
//! A row of the table is a constant of one of three types: [`One`], [`Optional`] or [`Many`]. Each knows the type of
//! its values, so that a look-up of a key that does not exist, or as another type, does not compile.

use std::ops::Deref;

use tunefork_data::Share;
use tunefork_names::Named;
use tunefork_space::Value;

use super::key::{Key, Preset, Shape};
use super::kind::{Edge, ValueKind};

/// The values that a key takes, and how one of them is read.
pub(super) struct Values<T> {
    pub kind: ValueKind,
    pub shape: Shape,
    pub read: fn(&Value) -> Option<T>,
}

impl<T> Values<T> {
    const fn one(kind: ValueKind, read: fn(&Value) -> Option<T>) -> Self {
        Self { kind, shape: Shape::One, read }
    }

    pub(super) const fn list(self) -> Self {
        Self { shape: Shape::List, ..self }
    }

    /// One for every layer, where a domain is a parameter of each layer.
    pub(super) const fn of_each(self, counter: &One<usize>) -> Self {
        Self { shape: Shape::PerLayer { counted_by: counter.key.name, each: true }, ..self }
    }

    /// One for every layer, where a domain is one parameter of all.
    pub(super) const fn of_all(self, counter: &One<usize>) -> Self {
        Self { shape: Shape::PerLayer { counted_by: counter.key.name, each: false }, ..self }
    }
}

pub(super) const fn flag() -> Values<bool> {
    Values::one(ValueKind::Flag, Value::as_bool)
}

/// Whole numbers, both bounds included.
pub(super) const fn whole<T: TryFrom<i64>>(low: i64, high: i64) -> Values<T> {
    Values::one(ValueKind::Whole(low, high), read_whole)
}

/// Whole numbers, or a word that is read as nothing.
pub(super) const fn whole_or<T: TryFrom<i64>>(low: i64, high: i64, word: &'static str) -> Values<Option<T>> {
    Values::one(ValueKind::WholeOr(low, high, word), |value| match value {
        Value::Text(_) => Some(None),
        value => read_whole(value).map(Some),
    })
}

pub(super) const fn number(low: Edge, high: Edge) -> Values<f64> {
    Values::one(ValueKind::Number(low, high), Value::as_f64)
}

/// The names of an enum.
pub(super) const fn names<E: Named>() -> Values<E> {
    Values::one(ValueKind::Word(E::NAMES), |value| value.as_str()?.parse().ok())
}

/// The names of an enum, or a word that is read as nothing.
pub(super) const fn names_or<E: Named>(word: &'static str) -> Values<Option<E>> {
    Values::one(ValueKind::WordOr(E::NAMES, word), |value| Some(value.as_str()?.parse().ok()))
}

pub(super) const fn text() -> Values<String> {
    Values::one(ValueKind::Text, |value| value.as_str().map(str::to_owned))
}

/// A number of images, or a share of them.
pub(super) const fn share() -> Values<Share> {
    Values::one(ValueKind::Share, |value| match value {
        Value::Int(count) => usize::try_from(*count).ok().map(Share::Count),
        value => value.as_f64().map(Share::Fraction),
    })
}

fn read_whole<T: TryFrom<i64>>(value: &Value) -> Option<T> {
    T::try_from(value.as_i64()?).ok()
}

macro_rules! handle {
    ($(#[$doc:meta])* $Handle:ident, $fits:pat) => {
        $(#[$doc])*
        pub struct $Handle<T: 'static> {
            key: &'static Key,
            pub(crate) read: fn(&Value) -> Option<T>,
        }

        impl<T> $Handle<T> {
            /// A row that holds other values than the handle gives does not compile.
            pub(super) const fn new(key: &'static Key, read: fn(&Value) -> Option<T>) -> Self {
                assert!(matches!((key.shape, key.default), $fits), "this is a key of another handle");
                Self { key, read }
            }

            /// Its row of the table.
            pub const fn key(&self) -> &'static Key {
                self.key
            }
        }

        impl<T> Deref for $Handle<T> {
            type Target = Key;

            fn deref(&self) -> &Key {
                self.key
            }
        }
    };
}

handle! {
    /// A key with one value in every configuration.
    One,
    (
        Shape::One,
        Preset::Flag(_) | Preset::Whole(_) | Preset::Number(_) | Preset::Word(_) | Preset::FileName | Preset::Listed(..),
    )
}
handle! {
    /// A key with one value where it was given.
    Optional,
    (Shape::One, Preset::Absent(_))
}
handle! {
    /// A key with one value for each layer or channel.
    Many,
    (Shape::List | Shape::PerLayer { .. }, _)
}
