//! The report of a study as files.

use std::fs;
use std::path::{Path, PathBuf};

use tunefork_data::shown;
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
        /// `figures/NAME.png`: each figure as a picture, if the program was built with the feature `png`.
        Png = "png",
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
            Self::Svg | Self::Png => "figures",
            Self::Journal => "journal.md",
            Self::Json => "summary.json",
            Self::Csv => "trials.csv",
        }
    }

    /// Its files in a folder, each with what it holds.
    ///
    /// # Errors
    /// Where pictures are asked for that this program cannot make.
    pub(crate) fn files(self, report: &Report<'_>, folder: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>, Error> {
        let path = folder.join(self.file_name());
        let text = match self {
            Self::Html => report.html(),
            Self::Markdown => report.markdown(),
            Self::Journal => report.journal(),
            Self::Json => format!("{:#}\n", report.summary()),
            Self::Csv => trials_csv(report.study),
            Self::Svg => {
                let figures = report.figures().into_iter();
                return Ok(figures.map(|(name, svg)| (path.join(format!("{name}.svg")), svg.into_bytes())).collect());
            }
            Self::Png => {
                let figures = report.figures().into_iter();
                return figures.map(|(name, svg)| Ok((path.join(format!("{name}.png")), picture(&svg)?))).collect();
            }
        };
        Ok(vec![(path, text.into_bytes())])
    }
}

/// A figure in twice as many pixels as CSS has, for screens and paper of today.
#[cfg(feature = "png")]
fn picture(svg: &str) -> Result<Vec<u8>, Error> {
    tunefork_report::png(svg, 2.0).map_err(|error| Error::Unsupported(error.to_string()))
}

#[cfg(not(feature = "png"))]
fn picture(_: &str) -> Result<Vec<u8>, Error> {
    Err(Error::Unsupported(
        "this program was built without pictures: build it with `cargo build --release --features png`, or write svg"
            .to_string(),
    ))
}

/// The files of a report would replace those of the study whose folder it is.
fn refuse_folder_of_another(path: &Path, folder: &Path) -> Result<(), Error> {
    let of_folder = |folder: &Path| fs::canonicalize(RunFolder::new(folder).database()).ok();
    let own = if path.is_dir() { of_folder(path) } else { fs::canonicalize(path).ok() };
    match of_folder(folder) {
        found @ Some(_) if found != own => Err(Error::Unsupported(format!(
            "`{}` is the run folder of another study, whose report would be replaced: name another folder with --out",
            shown(folder)
        ))),
        _ => Ok(()),
    }
}

/// The studies at these paths. Those that are called the same go by where they lie.
fn compared(study: &StudyRecord, paths: &[PathBuf]) -> Result<Vec<StudyRecord>, Error> {
    let mut names = vec![study.header.name.clone()];
    let mut studies = Vec::new();
    for path in paths {
        let (mut other, _) = read_study(path, None)?;
        if names.contains(&other.header.name) {
            other.header.name = format!("{} ({})", other.header.name, shown(path));
        }
        names.push(other.header.name.clone());
        studies.push(other);
    }
    Ok(studies)
}

/// Writes the report of a study in a run folder or a database, and what it is to those at the paths `compare`, into a folder, and returns
/// the files. Those that were there are replaced. `name` says which of several studies in the database.
///
/// # Errors
/// When the study cannot be read, or a file cannot be written.
pub fn write_report(
    path: &Path,
    name: Option<&str>,
    compare: &[PathBuf],
    formats: &[ReportFormat],
    folder: &Path,
) -> Result<Vec<PathBuf>, Error> {
    let (study, test) = read_study(path, name)?;
    let study = &study;
    refuse_folder_of_another(path, folder)?;
    let mut report = Report::new(study);
    // Of a database alone, and of another study in it, there are none.
    let of_this_study = path.is_dir().then(|| study.best().map(|best| best.number.0)).flatten();
    let mistakes = of_this_study.and_then(|best| Mistakes::of(&RunFolder::new(path), best));
    report.mistakes = mistakes.map_or(Vec::new(), Mistakes::told);
    report.test = test.as_ref().map(TestResult::told);
    report.compared = compared(study, compare)?;
    report.notes = study_notes(study);
    let files = formats.iter().map(|format| format.files(&report, folder)).collect::<Result<Vec<_>, _>>()?;
    files
        .into_iter()
        .flatten()
        .map(|(path, bytes)| {
            write_derived(&path, &bytes)?;
            Ok(path)
        })
        .collect()
}
