//! `tunefork report`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tunefork::{damaged, write_report};

use crate::args::ReportArgs;
use crate::output::{complain, say};

pub(crate) fn report(args: &ReportArgs) -> anyhow::Result<ExitCode> {
    let folder = args.out.clone().unwrap_or_else(|| beside(&args.path));
    damaged(&args.path).iter().for_each(complain);
    for path in write_report(&args.path, args.study.as_deref(), &args.compare, &args.format, &folder)? {
        say(path.display());
    }
    Ok(ExitCode::SUCCESS)
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
