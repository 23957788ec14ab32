//! Named texts that two runs of one study must share.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Names with texts, in the caller's order, such as `isa = avx2` or `search.lr = {"log":[1e-4,1e-2]}`.
///
/// The study does not understand them: it stores them, compares them, and names those that differ.
///
/// ```
/// use tunefork_study::Facts;
/// let stored = Facts::new([("isa", "avx2"), ("precision", "f32")]);
/// let now = Facts::new([("isa", "avx512"), ("precision", "f32")]);
/// assert_eq!(stored.differences(&now)[0].to_string(), "isa was avx2 and is now avx512");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts(Vec<(String, String)>);

impl Facts {
    /// Keeps the pairs as given.
    pub fn new<K: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        Facts(pairs.into_iter().map(|(k, v)| (k.into(), v.into())).collect())
    }

    /// The pairs, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// The text under a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(k, _)| *k == name).map(|(_, v)| v)
    }

    /// Every name whose text is not the same in `now`; empty if all agree.
    pub fn differences(&self, now: &Facts) -> Vec<Difference> {
        let new = now.iter().map(|(name, _)| name).filter(|name| self.get(name).is_none());
        let names = self.iter().map(|(name, _)| name).chain(new);
        let text = |facts: &Facts, name: &str| facts.get(name).map(str::to_owned);
        let both = names.map(|name| Difference { name: name.to_owned(), was: text(self, name), now: text(now, name) });
        both.filter(|both| both.was != both.now).collect()
    }

    /// SHA-256 over names and texts, as 64 hexadecimal digits.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for (name, text) in self.iter() {
            for part in [name, text] {
                hash.update((part.len() as u64).to_le_bytes());
                hash.update(part.as_bytes());
            }
        }
        base16ct::lower::encode_string(&hash.finalize())
    }
}

/// What is said under one name, before and now. Displayed as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The name of both.
    pub name: String,
    /// The text that was there, if there was one.
    pub was: Option<String>,
    /// The text that is there now, if there is one.
    pub now: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "absent".to_owned());
        write!(f, "{} was {} and is now {}", self.name, text(&self.was), text(&self.now))
    }
}

/// Differences as one clause.
pub(crate) fn joined(differences: &[Difference]) -> String {
    differences.iter().map(Difference::to_string).collect::<Vec<_>>().join("; ")
}

/// Differences that are told; the others are counted.
const TOLD: usize = 3;

/// The first of the differences as one clause.
pub(crate) fn few(differences: &[Difference]) -> String {
    let told = joined(&differences[..differences.len().min(TOLD)]);
    match differences.len().saturating_sub(TOLD) {
        0 => told,
        more => format!("{told}; and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_name_changed_missing_and_new() {
        let was = Facts::new([("a", "1"), ("b", "2")]);
        let now = Facts::new([("b", "3"), ("c", "4")]);
        assert_eq!(
            joined(&was.differences(&now)),
            "a was 1 and is now absent; b was 2 and is now 3; c was absent and is now 4"
        );
        assert!(was.differences(&was).is_empty());
    }

    #[test]
    fn of_many_differences_the_first_are_told_and_the_others_counted() {
        let was = Facts::new(["a", "b", "c", "d", "e"].map(|name| (name, "1")));
        let same = |from: usize| {
            Facts::new(was.iter().enumerate().map(|(at, (name, text))| (name, if at < from { "2" } else { text })))
        };
        let told = "a was 1 and is now 2; b was 1 and is now 2; c was 1 and is now 2";
        assert_eq!(few(&was.differences(&same(3))), told);
        assert_eq!(few(&was.differences(&same(4))), format!("{told}; and 1 more"));
        assert_eq!(few(&was.differences(&same(5))), format!("{told}; and 2 more"));
    }

    #[test]
    fn digest_sees_where_a_name_ends() {
        let one = Facts::new([("ab", "c")]);
        let other = Facts::new([("a", "bc")]);
        assert_ne!(one.digest(), other.digest());
        assert_eq!(one.digest().len(), 64);
    }
}
