//! What can be typed of the command that shows studies.

use std::path::PathBuf;

use clap::Args;

use crate::values::at_least_one;

/// Show the trials of a study, the best and its parameters.
///
/// Also while the study runs. Without a run it lists the runs in the folder `runs`; several runs are shown side by side.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tunefork show                           the runs below runs/, the newest first
  tunefork show runs/quickstart
  tunefork show runs/quickstart --top 10  the ten best trials
  tunefork show runs/quickstart --top 10 --sort loss
  tunefork show runs/asha runs/grid       side by side
  tunefork show runs/quickstart/study.db
  tunefork show runs/quickstart --json | jq .best")]
pub(crate) struct ShowArgs {
    /// A run folder or a study's database; several are shown side by side [default: a list of those in runs/]
    #[arg(value_name = "RUN_OR_DB")]
    pub paths: Vec<PathBuf>,
    /// Which of several studies in the database
    #[arg(long, value_name = "NAME", requires = "paths")]
    pub study: Option<String>,
    /// No more trials than this: the best, or the first by --sort
    #[arg(long, value_name = "N", value_parser = at_least_one, requires = "paths")]
    pub top: Option<usize>,
    /// Order of the trials, the best first: number, value, epochs, seconds, a figure of the epoch that counts, a setting
    #[arg(long, value_name = "KEY", requires = "paths")]
    pub sort: Option<String>,
    /// One JSON object, of several runs or a list of them one array; what may differ between two equal runs stands under
    /// `observed`
    #[arg(long)]
    pub json: bool,
}
