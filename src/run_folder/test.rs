//! The best trial on the test images.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tunefork_report::Test;
use tunefork_study::{Change, Member, StudyRecord, deviation, mean};
use tunefork_train::Evaluation;

use crate::Error;
use crate::files::write_atomically;
use crate::workload::of_evaluation;

/// Largest `test.json` that is read: the figures of 65,535 classes take less.
const MAX_BYTES: u64 = 1 << 30;

/// How the best trial's network did on the test images.
///
/// It is kept in `test.json`, so that a study that is run again does not look at them twice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestResult {
    /// Number of the trial that was the best.
    pub trial: u32,
    /// How often the test images were looked at: once, and once more for each other trial that was the best when the study
    /// had gone on.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub looks: u32,
    /// Number of test images.
    pub images: u64,
    /// Loss, accuracy, and the means over classes of precision, recall and F1. Where a trial is several
    /// trainings, the means of theirs.
    pub figures: Vec<(String, f64)>,
    /// The sample standard deviations of these figures over the trainings; none of a single one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deviations: Vec<(String, f64)>,
    /// The figures of each training; none where a trial is a single one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<TestedMember>,
}

/// How one of the best trial's trainings did on the test images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestedMember {
    /// Which of the trial's trainings this is.
    #[serde(flatten)]
    pub member: Member,
    /// Its figures, as those of a [`TestResult`].
    pub figures: Vec<(String, f64)>,
}

impl TestResult {
    /// The figures of evaluations, one of each training of the trial.
    ///
    /// # Panics
    /// If there is none.
    pub fn new(trial: u32, evaluations: &[(Member, Evaluation)]) -> Self {
        let tested =
            evaluations.iter().map(|(member, evaluation)| TestedMember { member: *member, figures: named(evaluation) });
        let mut members: Vec<TestedMember> = tested.collect();
        let of_all = |place: usize| -> Vec<f64> {
            let members = members.iter();
            members.map(|member| member.figures[place].1).collect()
        };
        let names = || members[0].figures.iter().map(|(name, _)| name).enumerate();
        let means = names().map(|(place, name)| (name.clone(), mean(&of_all(place))));
        let deviations = names().filter_map(|(place, name)| Some((name.clone(), deviation(&of_all(place))?)));
        let (figures, deviations) = (means.collect(), deviations.collect());
        if members.len() == 1 {
            members.clear();
        }
        Self { trial, looks: 1, images: evaluations[0].1.confusion.total(), figures, deviations, members }
    }

    /// What Optuna's tools are still to show of the trial, as `test_accuracy`.
    pub(crate) fn untold(&self, study: &StudyRecord) -> Vec<Change> {
        let Some(trial) = study.trials.get(self.trial as usize) else { return Vec::new() };
        let figures =
            self.figures.iter().map(|(name, value)| (format!("{OF_TEST}{name}"), serde_json::Value::from(*value)));
        let untold = figures.filter(|figure| !trial.attributes.contains(figure));
        untold.map(|(key, value)| Change::Attribute { number: trial.number, key, value }).collect()
    }

    /// As a report tells it.
    pub fn told(&self) -> Test {
        Test { looks: self.looks, figures: self.figures.clone(), deviations: self.deviations.clone() }
    }

    /// One of the figures.
    pub fn figure(&self, name: &str) -> Option<f64> {
        self.figures.iter().find(|(other, _)| other == name).map(|(_, value)| *value)
    }

    /// What the file holds; nothing where it is missing or damaged.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&tunefork_atomic_file::read(path, MAX_BYTES).ok()?).ok()
    }

    /// Removes the file, if there is one.
    pub(crate) fn forget(path: &Path) -> Result<(), Error> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(self).expect("plain values can be written") + "\n";
        write_atomically(path, text.as_bytes())
    }
}

/// How attributes of a trial begin that say how it did on the test images.
const OF_TEST: &str = "test_";

/// Whether an attribute of a trial is one of these.
pub(crate) fn is_of_test(name: &str) -> bool {
    name.starts_with(OF_TEST)
}

fn once() -> u32 {
    1
}

fn is_once(looks: &u32) -> bool {
    *looks == 1
}

/// The accuracy stands first: it is what people look for.
fn named(evaluation: &Evaluation) -> Vec<(String, f64)> {
    let mut figures = of_evaluation(evaluation).map(|(name, value)| (name.to_string(), value));
    figures.sort_by_key(|(name, _)| name != "accuracy");
    figures.into()
}
