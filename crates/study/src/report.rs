//! What an epoch has brought.
//!
//! Inside the program figures are typed. Storages and checkpoints keep each under one name: `loss` is of all that was
//! measured, `recall/cat` of a class, `confusion/cat/dog` of a pair of classes. Such names are made and read here only.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Result of one epoch.
///
/// Serialised, its numbers and those of its parts are their bits: JSON has no NaN, and what was kept must come back as
/// it was.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochReport {
    /// What the study optimises. NaN or infinite: the trial fails as diverged.
    #[serde(with = "bits")]
    pub value: f64,
    /// Further figures that are equal in equal runs.
    pub metrics: Metrics,
    /// How long it took, if that was measured.
    #[serde(rename = "observed", with = "timing")]
    pub timing: Option<Timing>,
    /// What each training has brought so far, by [`Member`], where a trial is several of them; empty
    /// where it is one. They are equal in equal runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<MemberReport>,
}

/// One of the trainings that a trial consists of: which repetition it is, on which fold of the images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Member {
    /// Repetition of the same configuration with other draws, from 0.
    pub replicate: u32,
    /// Fold of a cross-validation, from 0.
    pub fold: u32,
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "replicate {} fold {}", self.replicate, self.fold)
    }
}

/// What one training of a trial has brought so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemberReport {
    /// Which of the trial's trainings this is.
    pub member: Member,
    /// What counts of it so far: the value of its last or best epoch.
    #[serde(with = "bits")]
    pub value: f64,
    /// Further figures of this training.
    pub metrics: Metrics,
}

/// Figures with their names, in the order in which they are shown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(into = "Vec<(String, u64)>", from = "Vec<(String, u64)>")]
pub struct Metrics {
    /// Of all that was measured, by name; a name has no slash.
    pub whole: Vec<(String, f64)>,
    /// Of single classes, by class and name; those of a class stand together.
    pub per_class: Vec<((String, String), f64)>,
    /// How many examples of the first class were taken for the second; pairs that are missing have none.
    pub confusion: Vec<((String, String), f64)>,
}

/// What the names of figures of pairs begin with.
const CONFUSION: &str = "confusion";

impl Metrics {
    /// All figures, with the names under which they are stored.
    pub fn named(&self) -> impl Iterator<Item = (String, f64)> {
        let whole = self.whole.iter().cloned();
        let per_class = self.per_class.iter().map(|((class, name), value)| (format!("{name}/{class}"), *value));
        let confusion = self.confusion.iter();
        let confusion = confusion.map(|((actual, taken), count)| (format!("{CONFUSION}/{actual}/{taken}"), *count));
        whole.chain(per_class).chain(confusion)
    }

    /// Adds a stored figure.
    pub fn insert(&mut self, name: String, value: f64) {
        match name.split_once('/') {
            None => self.whole.push((name, value)),
            Some((CONFUSION, pair)) if pair.contains('/') => self.confusion.push((self.pair(pair), value)),
            Some((name, class)) => self.per_class.push(((class.to_owned(), name.to_owned()), value)),
        }
    }

    /// The two classes in `cat/dog`. Where classes themselves have a slash, both must be known.
    fn pair(&self, pair: &str) -> (String, String) {
        let known = |class: &str| self.per_class.iter().any(|((other, _), _)| other == class);
        let mut pairs = pair.match_indices('/').map(|(at, slash)| (&pair[..at], &pair[at + slash.len()..]));
        let (actual, taken) = match pair.split_once('/') {
            Some((actual, taken)) if !taken.contains('/') => (actual, taken),
            first => pairs.find(|(actual, taken)| known(actual) && known(taken)).or(first).unwrap_or_default(),
        };
        (actual.to_owned(), taken.to_owned())
    }
}

impl From<Metrics> for Vec<(String, u64)> {
    fn from(metrics: Metrics) -> Self {
        metrics.named().map(|(name, value)| (name, value.to_bits())).collect()
    }
}

impl From<Vec<(String, u64)>> for Metrics {
    fn from(stored: Vec<(String, u64)>) -> Self {
        let mut metrics = Metrics::default();
        stored.into_iter().for_each(|(name, bits)| metrics.insert(name, f64::from_bits(bits)));
        metrics
    }
}

/// How long an epoch took. It differs from run to run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Timing {
    /// Seconds spent on training images.
    pub seconds: f64,
    /// Seconds spent on validation images.
    pub validation_seconds: f64,
    /// Training images in a second of training.
    pub images_per_second: f64,
}

impl Timing {
    /// Seconds of training and validation together.
    pub fn all_seconds(&self) -> f64 {
        self.seconds + self.validation_seconds
    }

    /// All figures, with the names under which they are stored.
    pub fn named(&self) -> [(&'static str, f64); 3] {
        [
            ("seconds", self.seconds),
            ("validation_seconds", self.validation_seconds),
            ("images_per_second", self.images_per_second),
        ]
    }

    /// Sets a stored figure; one of another name is left out.
    pub fn insert(&mut self, name: &str, value: f64) {
        match name {
            "seconds" => self.seconds = value,
            "validation_seconds" => self.validation_seconds = value,
            "images_per_second" => self.images_per_second = value,
            _ => {}
        }
    }
}

/// A number by its bits.
mod bits {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        value.to_bits().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        u64::deserialize(deserializer).map(f64::from_bits)
    }
}

/// A timing as a list of its figures; an empty one is none.
mod timing {
    use super::Timing;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(timing: &Option<Timing>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(timing.iter().flat_map(Timing::named).map(|(name, value)| (name, value.to_bits())))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timing>, D::Error> {
        let mut timing = None;
        for (name, bits) in Vec::<(String, u64)>::deserialize(deserializer)? {
            timing.get_or_insert_with(Timing::default).insert(&name, f64::from_bits(bits));
        }
        Ok(timing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Classes with slashes in their names included.
    #[test]
    fn figures_come_back_by_their_names() {
        let key = |one: &str, other: &str| (one.to_owned(), other.to_owned());
        let metrics = Metrics {
            whole: vec![("loss".to_owned(), 0.5)],
            per_class: vec![(key("cat", "recall"), 1.0), (key("n/a", "recall"), 0.25)],
            confusion: vec![(key("cat", "n/a"), 3.0), (key("n/a", "cat"), 4.0), (key("cat", "cat"), 2.0)],
        };
        let names: Vec<String> = metrics.named().map(|(name, _)| name).collect();
        let stored =
            ["loss", "recall/cat", "recall/n/a", "confusion/cat/n/a", "confusion/n/a/cat", "confusion/cat/cat"];
        assert_eq!(names, stored);
        assert_eq!(Metrics::from(Vec::from(metrics.clone())), metrics);
    }

    /// What checkpoints hold.
    #[test]
    fn numbers_are_kept_by_their_bits() {
        let metrics = Metrics::from(vec![("loss".to_owned(), f64::INFINITY.to_bits())]);
        let report = EpochReport {
            value: 1.0,
            timing: Some(Timing { seconds: 0.5, ..Timing::default() }),
            members: vec![MemberReport {
                member: Member { replicate: 0, fold: 1 },
                value: -0.0,
                metrics: metrics.clone(),
            }],
            metrics,
        };
        let text = serde_json::to_string(&report).unwrap();
        let observed = r#"[["seconds",4602678819172646912],["validation_seconds",0],["images_per_second",0]]"#;
        let metrics = r#"[["loss",9218868437227405312]]"#;
        let member =
            format!(r#"{{"member":{{"replicate":0,"fold":1}},"value":9223372036854775808,"metrics":{metrics}}}"#);
        let expected = format!(
            r#"{{"value":4607182418800017408,"metrics":{metrics},"observed":{observed},"members":[{member}]}}"#
        );
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<EpochReport>(&text).unwrap(), report);
        let bare: EpochReport = serde_json::from_str(r#"{"value":0,"metrics":[],"observed":[]}"#).unwrap();
        assert_eq!(bare, EpochReport::default());
    }

    #[test]
    fn times_come_back_by_their_names_and_count_together() {
        let timing = Timing { seconds: 1.5, validation_seconds: 0.25, images_per_second: 40.0 };
        let mut back = Timing::default();
        timing.named().into_iter().for_each(|(name, value)| back.insert(name, value));
        back.insert("unknown", 7.0);
        assert_eq!(back, timing);
        assert_eq!(timing.all_seconds(), 1.75);
    }
}
