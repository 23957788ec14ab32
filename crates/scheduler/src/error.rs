//! What a scheduler's options refuse.

/// An option outside its range.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{option} is {value}, but must be {allowed}")]
pub struct OptionError {
    /// The option's name.
    pub option: &'static str,
    /// The value given.
    pub value: f64,
    /// What is allowed.
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
