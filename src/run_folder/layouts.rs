//! A study in the layouts of other tuners.

use std::path::{Path, PathBuf};

use tunefork_names::named_enum;
use tunefork_report::ray_experiment;
use tunefork_study::StudyRecord;

use crate::Error;
use crate::files::write_derived;

named_enum! {
    /// A layout in which another tuner keeps its studies.
    pub enum StudyFormat: "study format" {
        /// The folder of an experiment of Ray Tune.
        Ray = "ray",
    }
}

/// Writes a study into a folder as another tuner would have left it, and returns the folder's files. Those that were there are
/// replaced.
///
/// # Errors
/// When one of them cannot be written.
pub fn export_study(study: &StudyRecord, format: StudyFormat, folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let files = match format {
        StudyFormat::Ray => ray_experiment(study),
    };
    let write = |(path, text): (PathBuf, String)| {
        let path = folder.join(path);
        write_derived(&path, text.as_bytes())?;
        Ok(path)
    };
    files.into_iter().map(write).collect()
}
