//! `tunefork report`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tunefork::{read_study, write_report};

use crate::args::ReportArgs;
use crate::output::say;

pub(crate) fn report(args: &ReportArgs) -> anyhow::Result<ExitCode> {
    let folder = args.out.clone().unwrap_or_else(|| beside(&args.path));
    let compared = args.compare.iter().map(|path| Ok(read_study(path, None)?.0)).collect::<anyhow::Result<_>>()?;
    for path in write_report(&args.path, args.study.as_deref(), compared, &args.format, &folder)? {
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
