//! `tunefork man`

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use tunefork::data::shown;
use tunefork::{Error, names};

use crate::args::{ManArgs, Tunefork};
use crate::output::{print, say};

pub(crate) fn man(args: &ManArgs) -> anyhow::Result<ExitCode> {
    let mut program = Tunefork::command().disable_help_subcommand(true);
    // Gives each command its whole name.
    program.build();
    match &args.out {
        Some(folder) => {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", shown(folder)))?;
            write_all(&program, folder)?;
        }
        None => print(&String::from_utf8_lossy(&page(find(&program, &args.command)?)?))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The command that is called by these words.
fn find<'a>(program: &'a Command, words: &[String]) -> Result<&'a Command, Error> {
    words.iter().try_fold(program, |command, word| {
        command.find_subcommand(word).ok_or_else(|| {
            let names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
            let of = command.get_bin_name().unwrap_or("tunefork");
            let allowed =
                if names.is_empty() { "it has none".to_owned() } else { format!("use {}", names::listed(&names)) };
            Error::Unsupported(format!("`{of}` has no command `{word}`: {allowed}"))
        })
    })
}

fn page(command: &Command) -> std::io::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    Ok(page)
}

/// Writes the page of a command and those of its commands.
fn write_all(command: &Command, folder: &Path) -> anyhow::Result<()> {
    let path = folder.join(format!("{}.1", command.get_display_name().unwrap_or("tunefork")));
    std::fs::write(&path, page(command)?).with_context(|| format!("cannot write `{}`", shown(&path)))?;
    say(shown(&path));
    command.get_subcommands().try_for_each(|command| write_all(command, folder))
}
