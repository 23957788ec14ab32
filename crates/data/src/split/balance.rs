//! How the classes are spread over a division.

use tunefork_names::counted;

use super::Split;
use crate::Dataset;

/// A class with this many times another's training images is told: a network that never names the other is then right
/// ninety-nine times in a hundred.
const TOLD_RATIO: usize = 100;
/// At most this many classes are named in one sentence.
const MAX_NAMED: usize = 5;

impl Split {
    /// What is to be said of classes that have no or one training image, of those that validation or test lack, and of
    /// those with a hundred times another's training images; nothing if there are none. Each is a sentence without full stop.
    #[must_use]
    pub fn imbalances(&self, data: &Dataset) -> Vec<String> {
        let train = per_class(data, &self.train);
        let mut sentences = Vec::new();
        sentences.extend(sentence(data, &train, 0, "no training image"));
        sentences.extend(sentence(data, &train, 1, "one training image alone"));
        for (part, images) in [("validation", &self.validation), ("test", &self.test)] {
            if !images.is_empty() {
                sentences.extend(sentence(data, &per_class(data, images), 0, &format!("no {part} image")));
            }
        }
        sentences.extend(ratio(data, &train));
        sentences
    }
}

/// How many of these images each class has, by label.
fn per_class(data: &Dataset, images: &[u32]) -> Vec<usize> {
    let mut counts = vec![0; data.classes().len()];
    for image in images {
        counts[usize::from(data.label(*image))] += 1;
    }
    counts
}

/// The sentence about the classes with `count` images, if there are any.
fn sentence(data: &Dataset, counts: &[usize], count: usize, what: &str) -> Option<String> {
    let meant: Vec<String> = (0..counts.len()).filter(|label| counts[*label] == count).map(|l| name(data, l)).collect();
    let (named, others) = meant.split_at(meant.len().min(MAX_NAMED));
    let more = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
    match meant.as_slice() {
        [] => None,
        [class] => Some(format!("class {class} has {what}")),
        several => Some(format!("{} classes have {what}: {}{more}", several.len(), named.join(", "))),
    }
}

fn ratio(data: &Dataset, counts: &[usize]) -> Option<String> {
    let present = || (0..counts.len()).filter(|label| counts[*label] > 0);
    let most = present().max_by_key(|label| (counts[*label], std::cmp::Reverse(*label)))?;
    let least = present().min_by_key(|label| counts[*label])?;
    let times = counts[most] / counts[least];
    (times >= TOLD_RATIO).then(|| {
        let (first, second) = (name(data, most), name(data, least));
        format!(
            "class {first} has {} and class {second} {}, {times} times fewer: accuracy hardly notices the second, f1 does",
            counted(counts[most], "training image"),
            counts[least]
        )
    })
}

fn name(data: &Dataset, label: usize) -> String {
    format!("`{}`", data.classes()[label])
}
