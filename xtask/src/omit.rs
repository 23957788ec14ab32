//! `cargo xtask omit [words]`: adding a thing touches several places; leaves out one of them at a time, in a copy of
//! the repository, and lists how the compiler or a test names it. The omissions stand in `xtask/omissions.toml`; with
//! words, only those whose name, file or command has one.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::edit::Edit;
use crate::{cargo, root, succeed, target};

#[derive(Deserialize)]
struct Omissions {
    omission: Vec<Omission>,
}

/// A place that is forgotten.
#[derive(Deserialize)]
struct Omission {
    name: String,
    /// In the repository.
    #[serde(flatten)]
    edit: Edit,
    /// What cargo is asked to do, and has to fail at.
    cargo: String,
}

/// All omissions, whose places are there.
fn omissions() -> Result<Vec<Omission>> {
    let list = root().join("xtask/omissions.toml");
    let text = fs::read_to_string(&list).with_context(|| list.display().to_string())?;
    let Omissions { omission: omissions } = toml::from_str(&text)?;
    for omission in &omissions {
        omission.edit.text(root()).with_context(|| omission.name.clone())?;
    }
    Ok(omissions)
}

pub(crate) fn run(words: &[String]) -> Result<()> {
    let mut omissions = omissions()?;
    let copy = fresh_copy()?;
    omissions.retain(|omission| {
        let texts = [&omission.name, &omission.edit.file, &omission.cargo];
        words.is_empty() || words.iter().any(|word| texts.iter().any(|text| text.contains(word)))
    });
    let commands: BTreeSet<&str> = omissions.iter().map(|omission| omission.cargo.as_str()).collect();
    for command in commands {
        eprintln!("with nothing left out: cargo {command}");
        let output = ask(&copy, command)?;
        ensure!(output.status.success(), "cargo {command} fails with nothing left out: {}", first_error(&output));
    }
    println!("| left out | file | cargo | says |\n|---|---|---|---|");
    let mut missed = 0;
    for omission in &omissions {
        let how = judge(&copy, omission).with_context(|| format!("leaving out {:?}", omission.name))?;
        missed += usize::from(how.is_none());
        let how = how.as_deref().unwrap_or("**nothing**").replace('|', "\\|");
        println!("| {} | {} | {} | {how} |", omission.name, omission.edit.file, omission.cargo);
    }
    println!("\n{} of {} omissions were named.", omissions.len() - missed, omissions.len());
    ensure!(missed == 0, "nothing names {missed} of the omissions");
    Ok(())
}

/// The folder of the copy: the repository as git's index has it.
fn fresh_copy() -> Result<PathBuf> {
    let copy = target().join("omissions");
    if copy.exists() {
        fs::remove_dir_all(&copy)?;
    }
    let prefix = format!("--prefix={}/", copy.display());
    succeed(Command::new("git").current_dir(root()).args(["checkout-index", "--all", &prefix]))?;
    Ok(copy)
}

/// Leaves a place out, asks cargo and puts it back; what cargo said first if it failed.
fn judge(copy: &Path, omission: &Omission) -> Result<Option<String>> {
    let output = omission.edit.during(copy, || ask(copy, &omission.cargo))?;
    Ok((!output.status.success()).then(|| first_error(&output)))
}

fn ask(copy: &Path, command: &str) -> Result<Output> {
    let mut cargo = cargo();
    cargo.current_dir(copy).env("CARGO_TARGET_DIR", target()).env("RUST_BACKTRACE", "0");
    Ok(cargo.args(command.split(' ')).output()?)
}

/// The line with which a compiler or a test begins to complain.
fn first_error(output: &Output) -> String {
    let text = format!("{}\n{}", String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    let panic = text.lines().skip_while(|line| !line.contains(" panicked at ")).nth(1);
    let error = || text.lines().find(|line| line.contains("error"));
    panic.or_else(error).unwrap_or("no error is named").trim().to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_place_is_there() {
        super::omissions().unwrap();
    }
}
