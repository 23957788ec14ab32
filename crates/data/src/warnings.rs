//! What is wrong with the files of a set, short of an error.

use serde::{Deserialize, Serialize};
use tunefork_names::thousands;

/// At most this many files are named for one reason ...
const MAX_FILES: usize = 10;

/// ... and for this many reasons; the others are only counted.
const MAX_REASONS: usize = 20;

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

/// All warnings of a set, by reason: some files by name, the others as a number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warnings {
    count: usize,
    left_out: usize,
    reasons: Vec<Reason>,
}

/// What several files have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Reason {
    reason: String,
    left_out: bool,
    count: usize,
    /// The first ones in the order of their names.
    files: Vec<String>,
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
        let known = self.reasons.iter_mut().find(|known| known.left_out == left_out && known.reason == reason);
        let Some(known) = known else {
            if self.reasons.len() < MAX_REASONS {
                self.reasons.push(Reason { reason, left_out, count: 1, files: vec![file] });
            }
            return;
        };
        known.count += 1;
        let place = known.files.partition_point(|other| *other < file);
        if place < MAX_FILES {
            known.files.insert(place, file);
            known.files.truncate(MAX_FILES);
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

    /// Those that have a name: of each reason, in the order in which they came, the first ten files.
    #[must_use]
    pub fn named(&self) -> Vec<Warning> {
        let warnings = |Reason { reason, left_out, files, .. }: &Reason| {
            let warning = |file: &String| Warning { file: file.clone(), reason: reason.clone(), left_out: *left_out };
            files.iter().map(warning).collect::<Vec<_>>()
        };
        self.reasons.iter().flat_map(warnings).collect()
    }

    /// The same as sentences; what is only counted is the end of the last one of its reason: "and 3,990 more".
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        for known in &self.reasons {
            let Reason { reason, left_out, count, files } = known;
            let warning = |file: &String| Warning { file: file.clone(), reason: reason.clone(), left_out: *left_out };
            sentences.extend(files.iter().map(|file| warning(file).to_string()));
            if let Some(last) = sentences.last_mut().filter(|_| *count > files.len()) {
                *last += &format!(", and {} more", thousands((count - files.len()) as u64));
            }
        }
        let told: usize = self.reasons.iter().map(|known| known.count).sum();
        if self.count > told {
            sentences.push(format!("and {} more", thousands((self.count - told) as u64)));
        }
        sentences
    }

    /// Why files for which `is_meant` holds were left out, in brackets behind an error; empty if none was.
    pub(crate) fn because(&self, is_meant: impl Fn(&str) -> bool) -> String {
        let named = self.named();
        let meant = named.iter().filter(|warning| warning.left_out && is_meant(&warning.file));
        let reasons: Vec<String> = meant.take(3).map(ToString::to_string).collect();
        if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join("; ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::Warnings;

    #[test]
    fn many_files_and_many_reasons_are_few_sentences() {
        let mut warnings = Warnings::default();
        for number in (0..12).rev() {
            warnings.note(format!("{number:02}"), "is dark");
        }
        let named = |warnings: &Warnings| warnings.named().into_iter().map(|w| w.file).collect::<Vec<_>>();
        assert_eq!(named(&warnings), (0..10).map(|number| format!("{number:02}")).collect::<Vec<_>>());
        for number in 1..20 {
            warnings.leave_out("file", format!("has fault {number}"));
        }
        // As many reasons as are named, and none more.
        let sentences = warnings.sentences();
        assert_eq!((warnings.count(), warnings.left_out(), sentences.len()), (31, 19, 29));
        assert_eq!(sentences[9], "`09` is dark, and 2 more");
        assert_eq!(sentences[28], "left out: `file` has fault 19");
        warnings.leave_out("file", "has fault 20");
        warnings.leave_out("other", "has fault 20");
        let sentences = warnings.sentences();
        assert_eq!((warnings.count(), warnings.left_out(), sentences.len()), (33, 21, 30));
        assert_eq!(sentences[29], "and 2 more");
        assert_eq!(named(&warnings).len(), 29);
    }

    #[test]
    fn a_file_that_is_used_is_no_reason_for_an_error() {
        let mut warnings = Warnings::default();
        warnings.note("a", "is dark");
        assert_eq!(warnings.because(|_| true), "");
        for file in ["b", "c", "d", "e"] {
            warnings.leave_out(file, "is empty");
        }
        let wanted = " (left out: `b` is empty; left out: `d` is empty; left out: `e` is empty)";
        assert_eq!(warnings.because(|file| file != "c"), wanted);
    }
}
