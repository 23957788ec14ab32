//! The bounds of the scalars.

/// The bounds of scalars, in words.
macro_rules! allowed {
    (share) => {
        "at least 0 and below 1"
    };
    (part) => {
        "from 0 to 1"
    };
    (positive) => {
        "a finite number above 0"
    };
    (not_negative) => {
        "a finite number from 0"
    };
    (flag) => {
        "true or false"
    };
}
pub(super) use allowed;

/// A scalar that has been held against its bounds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Bounded {
    /// What the scalar is called in formulae and study files.
    pub name: &'static str,
    /// What it is.
    pub value: f64,
    /// Whether it lies within its bounds.
    pub holds: bool,
    /// The bounds in words, after "must be".
    pub allowed: &'static str,
}

impl Bounded {
    /// A scalar, of which the caller knows whether it `holds`.
    pub fn new(name: &'static str, value: f64, holds: bool, allowed: &'static str) -> Self {
        Self { name, value, holds, allowed }
    }

    /// In [0, 1).
    pub fn share(name: &'static str, value: f64) -> Self {
        Self::new(name, value, (0.0..1.0).contains(&value), allowed!(share))
    }

    /// In [0, 1].
    pub fn part(name: &'static str, value: f64) -> Self {
        Self::new(name, value, (0.0..=1.0).contains(&value), allowed!(part))
    }

    /// Finite and above 0.
    pub fn positive(name: &'static str, value: f64) -> Self {
        Self::new(name, value, value > 0.0 && value.is_finite(), allowed!(positive))
    }

    /// Finite, 0 or above.
    pub fn not_negative(name: &'static str, value: f64) -> Self {
        Self::new(name, value, value >= 0.0 && value.is_finite(), allowed!(not_negative))
    }

    /// Either of two.
    pub fn flag(name: &'static str, value: bool) -> Self {
        Self::new(name, f64::from(u8::from(value)), true, allowed!(flag))
    }
}
