//! Named texts that two runs of one study must share.

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
/// assert_eq!(stored.differences(&now), ["isa was avx2 and is now avx512"]);
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

    /// One sentence for every name whose text is not the same in `now`; empty if all agree.
    pub fn differences(&self, now: &Facts) -> Vec<String> {
        let mut found = Vec::new();
        for (name, was) in self.iter() {
            match now.get(name) {
                Some(is) if is == was => {}
                Some(is) => found.push(format!("{name} was {was} and is now {is}")),
                None => found.push(format!("{name} was {was} and is now absent")),
            }
        }
        for (name, is) in now.iter() {
            if self.get(name).is_none() {
                found.push(format!("{name} was absent and is now {is}"));
            }
        }
        found
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_name_changed_missing_and_new() {
        let was = Facts::new([("a", "1"), ("b", "2")]);
        let now = Facts::new([("b", "3"), ("c", "4")]);
        assert_eq!(
            was.differences(&now),
            ["a was 1 and is now absent", "b was 2 and is now 3", "c was absent and is now 4"]
        );
        assert!(was.differences(&was).is_empty());
    }

    #[test]
    fn digest_sees_where_a_name_ends() {
        let one = Facts::new([("ab", "c")]);
        let other = Facts::new([("a", "bc")]);
        assert_ne!(one.digest(), other.digest());
        assert_eq!(one.digest().len(), 64);
    }
}
