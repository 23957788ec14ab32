//! What is wrong with the files of a set, short of an error.

use serde::{Deserialize, Serialize};

/// At most this many warnings keep their text; the others are only counted.
const MAX_NAMED: usize = 100;

/// One file with which something is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// The file, as it is called inside its source.
    pub file: String,
    /// A clause that says what: "is empty (zero bytes)".
    pub reason: String,
    /// Whether the file is left out; otherwise it is used all the same.
    pub left_out: bool,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let start = if self.left_out { "left out: " } else { "" };
        write!(formatter, "{start}`{}` {}", self.file, self.reason)
    }
}

/// All warnings of a set: the first 100, the others as a number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warnings {
    count: usize,
    left_out: usize,
    named: Vec<Warning>,
}

impl Warnings {
    /// Adds a file that is not used.
    pub(crate) fn leave_out(&mut self, file: impl Into<String>, reason: impl Into<String>) {
        self.left_out += 1;
        self.push(file.into(), reason.into(), true);
    }

    /// Adds a file that is used, but should be looked at.
    pub(crate) fn note(&mut self, file: impl Into<String>, reason: impl Into<String>) {
        self.push(file.into(), reason.into(), false);
    }

    fn push(&mut self, file: String, reason: String, left_out: bool) {
        self.count += 1;
        if self.named.len() < MAX_NAMED {
            self.named.push(Warning { file, reason, left_out });
        }
    }

    /// How many warnings there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// How many files were left out.
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// The first 100 of them, in the order in which they came.
    #[must_use]
    pub fn named(&self) -> &[Warning] {
        &self.named
    }
}
