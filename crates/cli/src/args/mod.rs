//! What can be typed.

mod ask_tell;
mod groups;
mod models;
mod program;
mod show;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use tunefork::ReportFormat;

pub(crate) use ask_tell::AskTellArgs;
pub(crate) use groups::{DataDirArgs, MachineArgs, ResultsArgs, StudyArgs, TrackingArgs};
pub(crate) use models::{EvaluateArgs, ExportArgs, PredictArgs};
pub(crate) use program::{CompletionsArgs, DoctorArgs, ManArgs, SchemaArgs};
pub(crate) use show::ShowArgs;

use crate::values::{at_least_one, not_negative, report_format};

/// Tunes convolutional image classifiers.
///
/// One TOML file says what may vary; one command searches, trains, stops what is not promising, and
/// leaves a model, a study and a report.
#[derive(Debug, Parser)]
#[command(
    name = "tunefork",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  tunefork run studies/quickstart.toml        a first study on generated images
  tunefork doctor                             what this machine has for a study
  tunefork plan study.toml                    what it would take
  tunefork show runs/quickstart               what came out
  tunefork predict runs/quickstart photo.jpg  what is on a photo
  tunefork export runs/quickstart             the best model for other programs

Every command tells more with --help."
)]
pub(crate) struct Tunefork {
    #[command(subcommand)]
    pub command: Command,
}

/// The words that were typed, with a `--set` before each setting of a list, so that the list of `--set a=1 b=2 study.toml` ends before
/// the file.
pub(crate) fn typed(words: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut typed: Vec<OsString> = Vec::new();
    let mut among_settings = false;
    for word in words {
        let is_setting = word.to_str().is_some_and(|word| word.contains('=') && !word.starts_with("--"));
        if among_settings && is_setting && typed.last().is_some_and(|last| last != "--set") {
            typed.push("--set".into());
        }
        among_settings = word == "--set" || among_settings && is_setting;
        typed.push(word);
    }
    typed
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(RunArgs),
    Plan(PlanArgs),
    Show(ShowArgs),
    Report(ReportArgs),
    Train(TrainArgs),
    Predict(PredictArgs),
    Evaluate(EvaluateArgs),
    Export(ExportArgs),
    Bench(BenchArgs),
    Data(DataArgs),
    AskTell(AskTellArgs),
    Keys(KeysArgs),
    Doctor(DoctorArgs),
    Schema(SchemaArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

/// Run a study, or go on with one.
///
/// Everything goes into the run folder, study.db first. The same command again goes on where the
/// study was, whatever stopped it: Ctrl-C, a kill, a power cut. Exit codes: 0 done, 1 failed, 2 the
/// input is wrong, 130 interrupted.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tunefork run studies/quickstart.toml
  tunefork run study.toml --workers 2 --threads 8  two at once, 4 threads each
  tunefork run study.toml --set trials=50          more trials of the same study
  tunefork run study.toml --set seed=1 --out runs/seed-1
  tunefork run study.toml --json                   one JSON object per event
  tunefork run study.toml --tensorboard            curves of every trial, live
  tunefork run study.toml --mlflow http://127.0.0.1:5000
  tunefork run studies/fashion_cnn_experiments.toml --experiment dropout")]
pub(crate) struct RunArgs {
    /// Run one [[experiment]] of the file alone, as a study of its own called STUDY-NAME
    #[arg(long, value_name = "NAME")]
    pub experiment: Option<String>,
    /// Trials trained at the same time; changes nothing but the speed [default: one per thread, at
    /// most as many as the study has slots; on a GPU as many as it has room for]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub workers: Option<usize>,
    /// One JSON object per event instead of lines
    #[arg(long)]
    pub json: bool,
    /// Wait for the disk at every report, so that a power cut loses nothing
    #[arg(long)]
    pub durable: bool,
    /// Let results count as they arrive: never waits, but the same seed may give another study
    #[arg(long)]
    pub eager: bool,
    /// Go on although the program or the machine is another one than the study was begun on
    #[arg(long)]
    pub accept_drift: bool,
    /// Seconds between two checkpoints of a trial, at least
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0, hide = true, value_parser = not_negative)]
    pub checkpoint_every: f64,
    #[command(flatten)]
    pub study: StudyArgs,
    #[command(flatten)]
    pub results: ResultsArgs,
    #[command(flatten)]
    pub tracking: TrackingArgs,
}

/// Show what a study will take, before anything runs.
///
/// Trials, epochs, experiments, where trials may be stopped, and about how long it takes on this machine:
/// some configurations are trained for a moment. For the default configuration the layers with shapes,
/// parameters and operations, and the memory.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tunefork plan studies/quickstart.toml
  tunefork plan study.toml --set batch_size=128  the same with other settings")]
pub(crate) struct PlanArgs {
    /// Show one [[experiment]] of the file alone
    #[arg(long, value_name = "NAME")]
    pub experiment: Option<String>,
    /// Measure nothing: the same text on every machine without a GPU, and no time
    #[arg(long)]
    pub no_time: bool,
    #[command(flatten)]
    pub study: StudyArgs,
}

/// Tell what may stand in a study file: all keys, or one in full.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tunefork keys                               every key with its default
  tunefork keys learning_rate                 what it takes, and where
  tunefork keys --markdown                    the same of all keys, as Markdown
  tunefork keys --schema > study.schema.json  a JSON schema for editors")]
pub(crate) struct KeysArgs {
    /// A key, with its section or without
    pub name: Option<String>,
    /// All keys as Markdown
    #[arg(long, conflicts_with_all = ["name", "schema"])]
    pub markdown: bool,
    /// A JSON schema of study files, by which editors complete and check them
    #[arg(long, conflicts_with = "name")]
    pub schema: bool,
}

/// Write the report of a study: a page with figures, Markdown, pictures, a table.
///
/// `tunefork run` leaves one in the run folder; this writes it again, also while the study runs, and for studies that Optuna
/// has written.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tunefork report runs/quickstart               all but pictures, in the folder
  tunefork report runs/quickstart --format svg  each figure as a file (or png)
  tunefork report runs/asha --compare runs/grid --out both
  tunefork report optuna.db --study mnist --out mnist-report")]
pub(crate) struct ReportArgs {
    /// A run folder or a study's database
    #[arg(value_name = "RUN_OR_DB")]
    pub path: PathBuf,
    /// Which of several studies in the database
    #[arg(long, value_name = "NAME")]
    pub study: Option<String>,
    /// What to write, several with commas between them
    #[arg(long, value_name = "FORMAT", value_parser = report_format(), value_delimiter = ',', default_value = "html,md,journal,json,csv")]
    pub format: Vec<ReportFormat>,
    /// Other run folders or databases to compare the study with
    #[arg(long, value_name = "RUN_OR_DB", num_args = 1..)]
    pub compare: Vec<PathBuf>,
    /// The folder to write into [default: the run folder, or DATABASE-report beside the database]
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}

/// Train once, without a search, with fixed or default values.
///
/// The results go into the folder `train` inside the run folder.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tunefork train studies/fashion_cnn_best.toml --set seed=1
  tunefork train runs/quickstart/best.toml  the best trial of a study again
  tunefork train study.toml --set epochs=50 --out runs/long")]
pub(crate) struct TrainArgs {
    /// One JSON object per epoch and one at the end
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub study: StudyArgs,
    #[command(flatten)]
    pub results: ResultsArgs,
}

/// Measure how fast a network is trained, and how much memory that takes.
///
/// Seconds for 1,000 training images: the median of 5 windows after a warm-up, with the real data path,
/// forward, backward and optimizer.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tunefork bench studies/networks/m1.toml --threads 2
  tunefork bench study.toml --images 2048 --batch 128 --json")]
pub(crate) struct BenchArgs {
    /// Training images in a window [default: all that the file gives]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub images: Option<usize>,
    /// Images in a step, instead of the file's batch_size
    #[arg(long, value_name = "B", value_parser = at_least_one)]
    pub batch: Option<usize>,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub study: StudyArgs,
}

/// Get data sets and look at them.
#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    #[command(subcommand)]
    pub command: DataCommand,
}

/// What can be done with data sets.
#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    Get(GetArgs),
    List(ListArgs),
    Inspect(InspectArgs),
}

/// Download a known data set, or go on with it.
///
/// Files come from the mirror if there is one, else from the publisher, and are checked by SHA-256
/// while they arrive. The same command goes on where the download was, whatever stopped it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tunefork data get fashion-mnist
  tunefork data get cifar10 --data-dir ~/data
  tunefork data get tiny-imagenet --mirror http://server:8000/

`tunefork data list` tells which sets are known.")]
pub(crate) struct GetArgs {
    /// The name of a known data set
    #[arg(value_name = "NAME")]
    pub name: String,
    #[command(flatten)]
    pub data: DataDirArgs,
    /// An address to try first, with files as in a data folder [default: TUNEFORK_MIRROR]
    #[arg(long, value_name = "URL")]
    pub mirror: Option<String>,
    /// One JSON object per event instead of a progress bar
    #[arg(long)]
    pub json: bool,
}

/// List the data sets that can be downloaded by name.
///
/// What is in them, how large they are, who publishes them under which licence, and what is here.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tunefork data list
  tunefork data list --data-dir ~/data --json")]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub data: DataDirArgs,
    /// One JSON object per set
    #[arg(long)]
    pub json: bool,
}

/// Show what a data set holds.
///
/// Images of each class, sizes, channel means, files that cannot be read, exact duplicates.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tunefork data inspect photos/         a folder for each class
  tunefork data inspect fashion-mnist --data-dir ~/data
  tunefork data inspect photos/ --near  also look-alikes; =8 is less strict
  tunefork data inspect cats-dogs.tar.gz --json")]
pub(crate) struct InspectArgs {
    /// A folder, an archive, or the name of a data set
    #[arg(value_name = "PATH_OR_NAME")]
    pub source: String,
    #[command(flatten)]
    pub data: DataDirArgs,
    /// Also images that look alike: shrunk to 16 by 16 pixels, they differ by at most so many of 255 grey levels
    #[arg(long, value_name = "LEVELS", num_args = 0..=1, default_missing_value = "4", require_equals = true)]
    pub near: Option<u8>,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_definition_is_consistent() {
        Tunefork::command().debug_assert();
    }

    #[test]
    fn every_command_teaches_by_example() {
        fn check(command: &clap::Command) {
            let leaf = command.get_subcommands().all(|sub| sub.get_name() == "help");
            let help = command.get_after_help().map(|help| help.to_string()).unwrap_or_default();
            if leaf {
                let name = command.get_name();
                assert!(help.contains("Examples:") && help.contains(name), "{name}: {help}");
            }
            let long = help.lines().find(|line| line.chars().count() > 80);
            assert_eq!(long, None, "it is broken on a terminal of 80 columns");
            command.get_subcommands().for_each(check);
        }
        check(&Tunefork::command());
    }

    /// What many commands take stands under headings of its own, below.
    #[test]
    fn own_options_come_before_shared_ones() {
        let shared = [StudyArgs::augment_args, ResultsArgs::augment_args, TrackingArgs::augment_args];
        let shared = shared.map(|augment| augment(clap::Command::new("shared")));
        let shared: Vec<&str> =
            shared.iter().flat_map(clap::Command::get_opts).filter_map(clap::Arg::get_long).collect();
        assert!(["set", "device", "out", "mlflow"].iter().all(|name| shared.contains(name)), "{shared:?}");
        fn check(command: &mut clap::Command, shared: &[&str]) {
            let help = command.render_long_help().to_string();
            let place = |arg: &clap::Arg| {
                let long = format!("--{}", arg.get_long()?);
                let is_its = |line: &str| line.split_whitespace().find(|word| word.starts_with("--")) == Some(&long);
                help.lines().position(|line| line.trim_start().starts_with('-') && is_its(line))
            };
            let (others, own): (Vec<_>, Vec<_>) = command.get_opts().partition(|arg| arg.get_help_heading().is_some());
            let last_own = own.iter().filter_map(|arg| place(arg)).max();
            let first_shared = others.iter().filter_map(|arg| place(arg)).min();
            let name = command.get_name();
            assert!(first_shared.is_none_or(|first| last_own.is_none_or(|own| own < first)), "{name}\n{help}");
            for arg in others {
                assert!(arg.get_long().is_some_and(|long| shared.contains(&long)), "{name}: {arg} is its own");
            }
            command.get_subcommands_mut().for_each(|command| check(command, shared));
        }
        check(&mut Tunefork::command(), &shared);
    }
}
