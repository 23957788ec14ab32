//! The folder of a run: what it holds, and where.

mod allowance;
mod epochs;
mod kept;
mod layouts;
mod mistakes;
mod notes;
mod recorder;
mod report;
mod show;
mod test;

use std::path::{Path, PathBuf};

use tunefork_study::{Member, Members};

pub(crate) use epochs::epoch_tables;
pub(crate) use kept::{Kept, digest, digest_of};
pub use layouts::{StudyFormat, export_study};
pub(crate) use mistakes::Mistakes;
pub use notes::study_notes;
pub(crate) use recorder::Recorder;
pub use report::{ReportFormat, write_report};
pub use show::{damaged, read_study, show_json};
pub use test::{TestResult, TestedMember};

/// A folder such as `runs/quickstart`.
///
/// | file | what it is |
/// |---|---|
/// | `study.db` | the study in Optuna's schema: the one truth, everything else follows from it |
/// | `trials/NNNN/config.toml` | a trial's configuration, a study file in which nothing varies |
/// | `trials/NNNN/progress.csv` | its epochs, one row each |
/// | `trials/NNNN/classes.csv` | precision, recall and F1 of each class, after each epoch |
/// | `trials/NNNN/confusion.csv` | the confusion matrix after the last epoch |
/// | `report.html` | what came out, with figures: a page that needs nothing else |
/// | `report.md` | the same as text |
/// | `journal.md` | what was tried, in order, and what came of it |
/// | `summary.json` | counts, extremes, mean, deviation and median, for programs |
/// | `trials.csv` | all trials, with the columns of Optuna's `trials_dataframe()` |
/// | `best.toml`, `best.safetensors` | the best trial's configuration and weights |
/// | `best-replicate-0-fold-0.safetensors`, … | its weights, where a trial is several trainings |
/// | `best.json` | whose weights these are, and their SHA-256: others are not taken for them |
/// | `test.json` | the best trial on the test images |
/// | `mistakes.json` | validation images that it takes for something else, as pictures for the report |
/// | `checkpoints/` | trials under way |
/// | `tensorboard/` | with `--tensorboard`: event files of TensorBoard, a folder for each trial |
/// | `mlflow.json` | with `--mlflow`: by what the study's runs are known there |
/// | `train/` | a single training run |
///
/// While a study runs, what follows from the database may be a little behind it: writing takes at most a twentieth of
/// the time. It is brought up to date when the study ends or is stopped, and after a kill when it goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// The folder at `path`, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The folder as it was named.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `study.db`, with everything that the study has reported.
    pub fn database(&self) -> PathBuf {
        self.path.join("study.db")
    }

    /// The best trial's weights; where a trial is several trainings, their files stand beside it.
    pub fn model(&self) -> PathBuf {
        self.path.join("best.safetensors")
    }

    /// The files of the best trial's weights, one for each of its trainings.
    pub fn models(&self, members: Members) -> Vec<PathBuf> {
        models(&self.model(), members)
    }

    /// Whose weights those are.
    pub fn kept(&self) -> PathBuf {
        self.path.join("best.json")
    }

    /// The report, as this format has it.
    pub fn report(&self, format: ReportFormat) -> PathBuf {
        self.path.join(format.file_name())
    }

    /// The best trial's configuration.
    pub fn best_config(&self) -> PathBuf {
        self.path.join("best.toml")
    }

    /// The figures on the test images.
    pub fn test(&self) -> PathBuf {
        self.path.join("test.json")
    }

    /// Pictures of the best trial's mistakes.
    pub(crate) fn mistakes(&self) -> PathBuf {
        self.path.join("mistakes.json")
    }

    /// The files that a study writes beside its database.
    pub(crate) fn written(&self) -> Vec<PathBuf> {
        let reports = ReportFormat::LEFT.map(|format| self.report(format));
        let others = [self.best_config(), self.model(), self.kept(), self.test(), self.mistakes()];
        reports.into_iter().chain(others).collect()
    }

    /// What trials under way go on from.
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    /// Event files of TensorBoard.
    pub fn tensorboard(&self) -> PathBuf {
        self.path.join("tensorboard")
    }

    /// By what the study's runs in MLflow are known.
    pub fn mlflow(&self) -> PathBuf {
        self.path.join("mlflow.json")
    }

    /// Where a single training run puts its results.
    pub fn training(&self) -> PathBuf {
        self.path.join("train")
    }

    /// A trial's own folder.
    pub fn trial(&self, number: u32) -> PathBuf {
        self.path.join("trials").join(format!("{number:04}"))
    }
}

/// The files of weights where a single training's would be `model`: one for each training, by replicate,
/// then by fold.
pub(crate) fn models(model: &Path, members: Members) -> Vec<PathBuf> {
    let all = members.all();
    all.map(|member| model_of(model, members, member)).collect()
}

pub(crate) fn model_of(model: &Path, members: Members, member: Member) -> PathBuf {
    if !members.are_several() {
        return model.to_path_buf();
    }
    let stem = model.file_stem().unwrap_or_default().to_string_lossy();
    let Member { replicate, fold } = member;
    model.with_file_name(format!("{stem}-replicate-{replicate}-fold-{fold}.safetensors"))
}
