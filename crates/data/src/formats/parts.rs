//! Which part of a set a folder's name stands for.

use crate::Part;

/// The names of each part, in lower case.
const NAMES: [(Part, &[&str]); 3] = [
    (Part::Train, &["train", "training", "trn"]),
    (Part::Validation, &["val", "valid", "validation", "dev", "development", "eval", "evaluation"]),
    (Part::Test, &["test", "testing", "tst"]),
];

/// Names that are those of test images where validation has a folder of another name, as in Food-11.
const EVALUATION: [&str; 2] = ["eval", "evaluation"];

/// What known sets write beside or behind these: `training_set`, `Test Images`, `seg_train`, `valset`.
const ADDED: [&str; 11] =
    ["dataset", "data", "set", "split", "images", "image", "imgs", "img", "photos", "folder", "seg"];

/// The part that a folder's name stands for.
pub(super) fn part_of(folder: &str) -> Option<Part> {
    let word = word_of(folder)?;
    NAMES.iter().find(|(_, names)| names.contains(&word.as_str())).map(|(part, _)| *part)
}

/// Whether a folder is called as a part is, perhaps with a number behind, as the `test1` of cats and dogs.
pub(super) fn is_like_part(folder: &str) -> bool {
    let bare = folder.trim_end_matches(|letter: char| letter.is_ascii_digit() || !letter.is_alphanumeric());
    part_of(bare).is_some()
}

/// Whether a folder's name may mean validation and test.
pub(super) fn is_evaluation(folder: &str) -> bool {
    word_of(folder).is_some_and(|word| EVALUATION.contains(&word.as_str()))
}

/// The only word of a name that is none of [`ADDED`].
fn word_of(folder: &str) -> Option<String> {
    let lower = folder.to_lowercase();
    let words = lower.split(|letter: char| !letter.is_alphanumeric());
    let mut words = words.filter(|word| !word.is_empty() && !ADDED.contains(word));
    let (word, more) = (words.next()?, words.next());
    let bare = ADDED.iter().find_map(|added| word.strip_suffix(added)).unwrap_or(word);
    more.is_none().then(|| bare.to_owned())
}
