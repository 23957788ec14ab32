//! The report of a study as files.

use std::path::{Path, PathBuf};

use tunefork_names::named_enum;
use tunefork_report::{Report, trials_csv};
use tunefork_study::StudyRecord;

use super::{Mistakes, RunFolder, TestResult, read_study, study_notes};
use crate::Error;
use crate::files::write_derived;

named_enum! {
    /// What a report is written as.
    pub enum ReportFormat: "report format" {
        /// `report.html`: a page with figures that needs no network and no other file.
        Html = "html",
        /// `report.md`: its sentences and tables.
        Markdown = "md",
        /// `figures/NAME.svg`: each figure as a file.
        Svg = "svg",
        /// `journal.md`: what was tried, in order, and what came of it.
        Journal = "journal",
        /// `summary.json`: counts, extremes, mean, deviation and median, for programs.
        Json = "json",
        /// `trials.csv`: all trials, with the columns of Optuna's `trials_dataframe()`.
        Csv = "csv",
    }
}

impl ReportFormat {
    /// What `tunefork run` leaves: all but pictures, which are on the page.
    pub(crate) const LEFT: [Self; 5] = [Self::Html, Self::Markdown, Self::Journal, Self::Json, Self::Csv];

    /// The name of its file, or of the folder of its files.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Html => "report.html",
            Self::Markdown => "report.md",
            Self::Svg => "figures",
            Self::Journal => "journal.md",
            Self::Json => "summary.json",
            Self::Csv => "trials.csv",
        }
    }

    /// Its files in a folder, each with what it holds.
    pub(crate) fn files(self, report: &Report<'_>, folder: &Path) -> Vec<(PathBuf, String)> {
        let path = folder.join(self.file_name());
        let text = match self {
            Self::Html => report.html(),
            Self::Markdown => report.markdown(),
            Self::Journal => report.journal(),
            Self::Json => format!("{:#}\n", report.summary()),
            Self::Csv => trials_csv(report.study),
            Self::Svg => {
                let figures = report.figures().into_iter();
                return figures.map(|(name, svg)| (path.join(format!("{name}.svg")), svg)).collect();
            }
        };
        vec![(path, text)]
    }
}

/// Writes the report of a study in a run folder or a database, and what it is to those that it is compared with, into a folder, and returns
/// the files. Those that were there are replaced. `name` says which of several studies in the database.
///
/// # Errors
/// When the study cannot be read, or a file cannot be written.
pub fn write_report(
    path: &Path,
    name: Option<&str>,
    compared: Vec<StudyRecord>,
    formats: &[ReportFormat],
    folder: &Path,
) -> Result<Vec<PathBuf>, Error> {
    let (study, test) = read_study(path, name)?;
    let study = &study;
    let mut report = Report::new(study);
    // Of a database alone, and of another study in it, there are none.
    let of_this_study = path.is_dir().then(|| study.best().map(|best| best.number.0)).flatten();
    let mistakes = of_this_study.and_then(|best| Mistakes::read(&RunFolder::new(path), Some(best)));
    report.mistakes = mistakes.map_or(Vec::new(), Mistakes::told);
    report.test = test.as_ref().map(TestResult::told);
    report.compared = compared;
    report.notes = study_notes(study);
    let files = formats.iter().flat_map(|format| format.files(&report, folder));
    files
        .map(|(path, text)| {
            write_derived(&path, text.as_bytes())?;
            Ok(path)
        })
        .collect()
}
