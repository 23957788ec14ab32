//! What can be typed of commands that are about the program and its machine.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

use super::{DataDirArgs, MachineArgs};
use crate::commands::schema::SchemaName;

/// Tell what this machine has for a study, what would be used, and why.
///
/// Processor, threads, memory, GPU with driver and compiler, room and locks where results go, data sets, and variables of
/// the environment. Exit codes: 0 a study can be run, 1 something is in the way.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tunefork doctor                      all that matters, in plain lines
  tunefork doctor --device cuda        exit code 1 if no GPU can be used
  tunefork doctor --out /scratch/runs  could results go there?
  tunefork doctor --json | jq .gpu")]
pub(crate) struct DoctorArgs {
    /// One JSON object; sizes in bytes, times in seconds
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub data: DataDirArgs,
    /// Where results would go [default: runs]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub machine: MachineArgs,
}

/// Print a script by which a shell completes what is typed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tunefork completions bash > /etc/bash_completion.d/tunefork
  tunefork completions zsh > ~/.zfunc/_tunefork  a folder that is in fpath
  tunefork completions fish > ~/.config/fish/completions/tunefork.fish
  tunefork completions powershell >> $PROFILE")]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}

/// Print the manual page of the program or of a command, or write all.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tunefork man | man -l -                     read it
  tunefork man run > tunefork-run.1
  tunefork man data get                       of a command's command
  tunefork man --out ~/.local/share/man/man1  all pages, where `man` finds them")]
pub(crate) struct ManArgs {
    /// A command [default: the program]
    pub command: Vec<String>,
    /// Write all pages into a folder
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    pub out: Option<PathBuf>,
}

/// Print a JSON schema: of study files, or of the events of run --json.
///
/// By the first, editors complete and check study files. Each line that `tunefork run --json` prints is valid by the second.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tunefork schema study > study.schema.json
  tunefork schema events > events.schema.json")]
pub(crate) struct SchemaArgs {
    /// Of what
    #[arg(value_enum)]
    pub of: SchemaName,
}
