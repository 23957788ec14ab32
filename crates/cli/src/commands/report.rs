//! `tunefork report`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tunefork::data::shown;
use tunefork::study::StudyRecord;
use tunefork::{damaged, read_study, write_report};

use crate::args::ReportArgs;
use crate::output::{complain, say};

pub(crate) fn report(args: &ReportArgs) -> anyhow::Result<ExitCode> {
    let folder = args.out.clone().unwrap_or_else(|| beside(&args.path));
    let compared = args.compare.iter().map(|path| Ok(read_study(path, None)?.0)).collect::<anyhow::Result<Vec<_>>>()?;
    let compared = told_apart(read_study(&args.path, args.study.as_deref())?.0.header.name, compared, &args.compare);
    damaged(&args.path).iter().for_each(complain);
    for path in write_report(&args.path, args.study.as_deref(), compared, &args.format, &folder)? {
        say(path.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Studies that are called the same go by where they lie.
fn told_apart(own: String, mut studies: Vec<StudyRecord>, paths: &[PathBuf]) -> Vec<StudyRecord> {
    let mut names = vec![own];
    for (study, path) in studies.iter_mut().zip(paths) {
        if names.contains(&study.header.name) {
            study.header.name = format!("{} ({})", study.header.name, shown(path));
        }
        names.push(study.header.name.clone());
    }
    studies
}

/// The run folder itself; a database of other people gets a folder beside it.
fn beside(path: &Path) -> PathBuf {
    if path.is_dir() {
        return path.to_path_buf();
    }
    let mut name = path.file_stem().unwrap_or_default().to_os_string();
    name.push("-report");
    path.with_file_name(name)
}
