//! Where in a text something stands, and how that is shown.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Longest line that is quoted below an error; longer ones are named by line and column only.
const LONGEST_QUOTED_LINE: usize = 160;

/// What texts are called that are given as an option.
pub(super) const OPTION: &str = "--set";

/// A text with the name under which the user knows it: a file, or an option of the command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SourceText {
    /// The path as it was given, or for example `--set dropout=2`.
    pub name: String,
    pub text: String,
}

impl SourceText {
    pub(crate) fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), text: text.into() })
    }
}

/// A stretch of a [`SourceText`].
///
/// Displayed as `name:line:column`, both counted from 1, columns in characters.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Location {
    source: Arc<SourceText>,
    span: Range<usize>,
}

impl Location {
    /// The bytes `span` of `source`; a span that does not fit the text is moved to its end.
    pub(crate) fn new(source: &Arc<SourceText>, span: Range<usize>) -> Self {
        let floor = |at: usize| {
            let mut ends = (0..=at.min(source.text.len())).rev();
            ends.find(|end| source.text.is_char_boundary(*end)).unwrap_or(0)
        };
        let start = floor(span.start);
        Self { source: Arc::clone(source), span: start..floor(span.end).max(start) }
    }

    /// Whether that is an option of the command line, and no file.
    pub(crate) fn is_of_an_option(&self) -> bool {
        self.source.name == OPTION
    }

    pub(crate) fn line(&self) -> usize {
        self.before().matches('\n').count() + 1
    }

    /// The column in characters, from 1.
    pub(crate) fn column(&self) -> usize {
        self.source.text[self.line_start()..self.span.start].chars().count() + 1
    }

    pub(crate) fn text(&self) -> &str {
        &self.source.text[self.span.clone()]
    }

    /// Whether this letter stands before the place in its line.
    pub(super) fn follows(&self, letter: char) -> bool {
        self.before()[self.line_start()..].contains(letter)
    }

    /// Whether the line of the place begins with this word.
    pub(super) fn line_begins(&self, word: &str) -> bool {
        self.source.text[self.line_start()..].trim_start().starts_with(word)
    }

    fn before(&self) -> &str {
        &self.source.text[..self.span.start]
    }

    fn line_start(&self) -> usize {
        self.before().rfind('\n').map_or(0, |newline| newline + 1)
    }

    /// The line with a mark under the place, as compilers show it; empty for a line too long to quote.
    pub(super) fn quote(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.line_start();
        let line = self.source.text[start..].lines().next().unwrap_or("");
        if line.chars().count() > LONGEST_QUOTED_LINE {
            return Ok(());
        }
        let number = self.line().to_string();
        let gutter = " ".repeat(number.len());
        // Tabs are kept so that the mark stands where the terminal puts the text.
        let indent: String = line.chars().take(self.column() - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let end = self.span.end.min(start + line.len()).max(self.span.start);
        let width = self.source.text[self.span.start..end].chars().count().max(1);
        writeln!(f, "{gutter} |")?;
        writeln!(f, "{number} | {line}")?;
        write!(f, "{gutter} | {indent}{}", "^".repeat(width))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.source.name, self.line(), self.column())
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
