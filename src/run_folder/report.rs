//! The report of a study as files.

use std::path::{Path, PathBuf};

use tunefork_names::named_enum;
use tunefork_report::{Report, trials_csv};
use tunefork_study::StudyRecord;

use super::{TestResult, study_notes};
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
        /// `trials.csv`: all trials, with the columns of Optuna's `trials_dataframe()`.
        Csv = "csv",
    }
}

/// Writes the report of a study into a folder, and returns the files. Those that were there are replaced.
///
/// # Errors
/// When one of them cannot be written.
pub fn write_report(
    study: &StudyRecord,
    test: Option<&TestResult>,
    formats: &[ReportFormat],
    folder: &Path,
) -> Result<Vec<PathBuf>, Error> {
    let report = Report { test: test.map(TestResult::told), notes: study_notes(study), ..Report::new(study) };
    let mut written = Vec::new();
    for format in formats {
        let files = match format {
            ReportFormat::Html => vec![("report.html".to_owned(), report.html())],
            ReportFormat::Markdown => vec![("report.md".to_owned(), report.markdown())],
            ReportFormat::Csv => vec![("trials.csv".to_owned(), trials_csv(study))],
            ReportFormat::Svg => {
                let figures = report.figures().into_iter();
                figures.map(|(name, svg)| (format!("figures/{name}.svg"), svg)).collect()
            }
        };
        for (name, text) in files {
            let path = folder.join(name);
            write_derived(&path, text.as_bytes())?;
            written.push(path);
        }
    }
    Ok(written)
}
