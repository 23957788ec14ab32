//! What was left out of a set, and why.

use serde::{Deserialize, Serialize};

/// At most this many warnings keep their text; the others are only counted.
pub const MAX_NAMED: usize = 100;

/// One file that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// The file, as it is called inside its source.
    pub file: String,
    /// A clause that says why: "is empty (zero bytes)".
    pub reason: String,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "`{}` {}", self.file, self.reason)
    }
}

/// All files that were left out: the first [`MAX_NAMED`] by name, the others as a number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warnings {
    count: usize,
    named: Vec<Warning>,
}

impl Warnings {
    /// Adds one.
    pub(crate) fn push(&mut self, file: impl Into<String>, reason: impl Into<String>) {
        self.count += 1;
        if self.named.len() < MAX_NAMED {
            self.named.push(Warning {
                file: file.into(),
                reason: reason.into(),
            });
        }
    }

    /// How many files were left out.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// The first of them, with reasons.
    #[must_use]
    pub fn named(&self) -> &[Warning] {
        &self.named
    }
}
