//! `tunefork man`

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
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
    let examples = command.get_after_help().map(ToString::to_string);
    let source = format!("tunefork {}", env!("CARGO_PKG_VERSION"));
    Man::new(command.clone().after_help(None::<&str>)).source(source).manual("Tunefork").render(&mut page)?;
    if let Some(examples) = examples {
        write_examples(&examples, &mut page)?;
    }
    Ok(page)
}

/// What stands below a command's help, line by line as it is there.
fn write_examples(examples: &str, page: &mut Vec<u8>) -> std::io::Result<()> {
    let mut section = Roff::new();
    section.control("SH", ["EXAMPLES"]).control("nf", []);
    for line in examples.lines().filter(|line| *line != "Examples:") {
        section.text([roman(line)]);
    }
    section.control("fi", []).to_writer(page)
}

/// Writes the page of a command and those of its commands.
fn write_all(command: &Command, folder: &Path) -> anyhow::Result<()> {
    let path = folder.join(format!("{}.1", command.get_display_name().unwrap_or("tunefork")));
    std::fs::write(&path, page(command)?).with_context(|| format!("cannot write `{}`", shown(&path)))?;
    say(shown(&path));
    command.get_subcommands().try_for_each(|command| write_all(command, folder))
}
