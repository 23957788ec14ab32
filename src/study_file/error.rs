//! What can be wrong with a study file.

use std::fmt;

use tunefork_names::closest;

use super::key::{Key, Section};
use super::location::Location;
use super::setting::belongs_elsewhere;
use super::synonyms::{Meant, meant_by};

/// What is said where a path of Windows stands in double quotes.
pub(super) const BACKSLASH: &str =
    "in double quotes a backslash begins an escape: write a path in single quotes, or with / for \\";

/// A study file was refused: what is wrong, where, and what would be right.
///
/// The text runs over several lines and quotes the line in question:
///
/// ```text
/// study.toml:7:1: `dropuot` is not a key of [model]
///   |
/// 7 | dropuot = 0.3
///   | ^^^^^^^
///   = did you mean `dropout`?
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct FileError {
    problem: Box<Problem>,
    place: Option<Location>,
    notes: Vec<String>,
}

/// The kinds of [`FileError`].
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum Problem {
    /// The file cannot be read at all.
    #[error("cannot read {path}: {reason}")]
    Unreadable { path: String, reason: String },
    /// The text is not TOML.
    #[error("this is not valid TOML: {0}")]
    Syntax(String),
    /// A section, key or parameter that does not exist.
    #[error("`{name}` is not {what}")]
    Unknown {
        name: String,
        /// What it should have been, with its article: `a key of [model]`.
        what: String,
    },
    /// A value of the wrong type or outside of its bounds.
    #[error("`{key}` cannot be {value}")]
    Value { key: String, value: String },
    /// A domain that makes no sense.
    #[error("the range of `{key}` makes no sense: {reason}")]
    Domain { key: String, reason: String },
    /// A condition that cannot be met or ends in a circle.
    #[error("the condition on `{key}` makes no sense: {reason}")]
    Condition { key: String, reason: String },
    #[error("{0}")]
    Contradiction(String),
}

impl FileError {
    /// A problem without a place, for example a file that cannot be read.
    pub(crate) fn new(problem: Problem) -> Self {
        Self { problem: Box::new(problem), place: None, notes: Vec::new() }
    }

    pub(crate) fn contradiction(text: impl Into<String>) -> Self {
        Self::new(Problem::Contradiction(text.into()))
    }

    /// A name that is not `what` it should be, with the one of the `known` names that was meant, if any is near.
    pub(crate) fn unknown<'n>(name: &str, what: impl Into<String>, known: impl IntoIterator<Item = &'n str>) -> Self {
        Self::new(Problem::Unknown { name: name.to_string(), what: what.into() }).meant(name, known)
    }

    /// The same where a key is looked for, perhaps in a section, which may stand in another section, or have another name in another program.
    pub(crate) fn unknown_key<'n>(
        name: &str,
        section: Option<Section>,
        what: impl Into<String>,
        known: impl IntoIterator<Item = &'n str>,
    ) -> Self {
        let error = Self::new(Problem::Unknown { name: name.to_string(), what: what.into() });
        match (belongs_elsewhere(name), meant_by(name, section)) {
            (Some(note), _) => error.note(note),
            (None, Some(Meant::This(key))) => {
                error.note(format!("here that is `{}` of {}", key.name, key.section.title()))
            }
            (None, Some(Meant::Nothing)) => error,
            (None, None) => error.meant(name, known),
        }
    }

    pub(super) fn domain(key: &Key, reason: impl Into<String>) -> Self {
        Self::new(Problem::Domain { key: key.name.to_string(), reason: reason.into() })
    }

    /// The same problem with the one of the `known` names that was meant, if any is near.
    #[must_use]
    pub(crate) fn meant<'n>(self, name: &str, known: impl IntoIterator<Item = &'n str>) -> Self {
        match closest(name, known) {
            Some(near) => self.note(format!("did you mean `{near}`?")),
            None => self,
        }
    }

    #[must_use]
    pub(crate) fn at(mut self, place: &Location) -> Self {
        self.place = Some(place.clone());
        self
    }

    /// The same problem with a line that says what to do.
    #[must_use]
    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut margin = 0;
        if let Some(place) = &self.place {
            writeln!(f, "{place}: {}", visible(&self.problem.to_string()))?;
            place.quote(f)?;
            margin = place.line().to_string().len();
        } else {
            write!(f, "{}", visible(&self.problem.to_string()))?;
        }
        for note in &self.notes {
            write!(f, "\n{:margin$} = {}", "", visible(note))?;
        }
        Ok(())
    }
}

impl std::error::Error for FileError {}

/// A text without what would move the cursor or change colours: such letters as escapes.
fn visible(text: &str) -> String {
    let letter = |letter: char| match letter.is_control() {
        true => letter.escape_unicode().to_string(),
        false => letter.to_string(),
    };
    text.chars().map(letter).collect()
}
