//! What a misspelt name was meant to be.

/// The one of `names` that a user who typed `typed` most likely meant, if any is close: at most one edit for three
/// letters, whatever their case.
///
/// ```
/// assert_eq!(tunefork_names::closest("dropuot", ["channels", "dropout"]), Some("dropout"));
/// assert_eq!(tunefork_names::closest("GELU", ["relu", "gelu"]), Some("gelu"));
/// ```
pub fn closest<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Nobody mistypes a name into something much longer, and long texts would take long.
    if typed.chars().count() > 64 {
        return None;
    }
    let lower = typed.to_lowercase();
    names
        .into_iter()
        .filter(|name| *name != typed)
        .map(|name| (edits(&lower, &name.to_lowercase()), name))
        .filter(|(edits, name)| *edits * 3 <= name.chars().count().max(3))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, name)| name)
}

/// Insertions, deletions, substitutions and swaps of neighbours that lead from `a` to `b` (the
/// restricted Damerau-Levenshtein distance).
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let substituted = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = substituted.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        for (a, b, expected) in
            [("", "abc", 3), ("kitten", "sitting", 3), ("same", "same", 0), ("dropuot", "dropout", 1)]
        {
            assert_eq!(edits(a, b), expected, "{a} {b}");
            assert_eq!(edits(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn proposes_only_what_is_close() {
        let names = ["dropout", "channels", "pool"];
        assert_eq!(closest("dropuot", names), Some("dropout"));
        assert_eq!(closest("chanels", names), Some("channels"));
        assert_eq!(closest("learning_rate", names), None);
    }
}
