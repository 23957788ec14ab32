//! The best trial on the test images.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tunefork_train::Evaluation;

use crate::Error;
use crate::files::write_atomically;

/// How the best trial's network did on the test images.
///
/// It is kept in `test.json`, so that a study that is run again does not look at them twice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestResult {
    /// The trial.
    pub trial: u32,
    /// Number of test images.
    pub images: u64,
    /// Loss, accuracy, and the means over classes of precision, recall and F1.
    pub figures: Vec<(String, f64)>,
}

impl TestResult {
    /// The figures of an evaluation.
    pub fn new(trial: u32, evaluation: &Evaluation) -> Self {
        let confusion = &evaluation.confusion;
        let figures = [
            ("accuracy", confusion.accuracy()),
            ("loss", evaluation.loss),
            ("precision", confusion.macro_precision()),
            ("recall", confusion.macro_recall()),
            ("f1", confusion.macro_f1()),
        ];
        Self {
            trial,
            images: confusion.total(),
            figures: figures
                .map(|(name, value)| (name.to_string(), value))
                .into(),
        }
    }

    /// One of the figures.
    pub fn figure(&self, name: &str) -> Option<f64> {
        self.figures
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| *value)
    }

    /// What the file holds; nothing where it is missing or damaged.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(self).expect("plain values can be written") + "\n";
        write_atomically(path, text.as_bytes())
    }
}
