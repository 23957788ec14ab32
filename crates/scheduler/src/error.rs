//! What a scheduler's options refuse.

/// An option outside its range.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{option} is {value}, but must be {allowed}")]
pub struct OptionError {
    /// Which field of the options, such as `factor`.
    pub option: &'static str,
    /// What it was set to.
    pub value: f64,
    /// The range in words, such as `2 or more`.
    pub allowed: &'static str,
}

impl OptionError {
    /// Checks that `value` is at least 1.
    pub(crate) fn at_least_one(option: &'static str, value: u32) -> Result<(), Self> {
        if value >= 1 {
            return Ok(());
        }
        Err(Self { option, value: value.into(), allowed: "1 or more" })
    }
}
