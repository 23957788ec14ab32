//! `cargo xtask house`: what the house measures, and what has grown too large in it: files and functions of what
//! ships and of what verifies it. Tests, those at the end of a source file among them, benches and examples are
//! counted apart, not judged.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::listing::unexplained;
use crate::root;

/// The longest file and the longest function that one still takes in at once.
const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 80;

/// Crates whose code only checks what the others do.
const VERIFYING: &[&str] = &["crates/reference", "crates/networks", "crates/emulator", "crates/gpu-check", "xtask"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Shipping,
    Verifying,
    Kernels,
    Tests,
}

impl Part {
    const ALL: [Self; 4] = [Self::Shipping, Self::Verifying, Self::Kernels, Self::Tests];

    fn name(self) -> &'static str {
        match self {
            Self::Shipping => "shipping source",
            Self::Verifying => "verifying source",
            Self::Kernels => "kernels",
            Self::Tests => "tests, benches, examples, fuzzing",
        }
    }

    /// The part that a file of the repository belongs to.
    fn of(path: &Path) -> Self {
        let has = |folder: &str| path.components().any(|part| part.as_os_str() == folder);
        let is_tests = path.file_stem().is_some_and(|stem| stem == "tests") || has("tests") || has("benches");
        if is_tests || has("examples") || has("fuzz") {
            Self::Tests
        } else if path.starts_with("kernels") {
            Self::Kernels
        } else if VERIFYING.iter().any(|folder| path.starts_with(folder)) {
            Self::Verifying
        } else {
            Self::Shipping
        }
    }
}

/// Something that is longer than it may be.
struct TooLong {
    place: String,
    lines: usize,
    limit: usize,
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} lines, at most {}", self.place, self.lines, self.limit)
    }
}

pub(crate) fn run(_: &[String]) -> Result<()> {
    let mut lines = [0; Part::ALL.len()];
    let mut too_long = Vec::new();
    for path in sources()? {
        let text = fs::read_to_string(root().join(&path))?;
        let part = Part::of(&path);
        let count = text.lines().count();
        let tests = unit_tests(&text);
        lines[part as usize] += count - tests;
        lines[Part::Tests as usize] += tests;
        if part != Part::Tests {
            let place = path.display().to_string();
            too_long.extend(functions(&text).map(|(name, lines)| TooLong {
                place: format!("{place}: {name}"),
                lines,
                limit: FUNCTION_LINES,
            }));
            too_long.push(TooLong { place, lines: count, limit: FILE_LINES });
        }
    }
    for part in Part::ALL {
        println!("{:>7} lines of {}", lines[part as usize], part.name());
    }
    too_long.retain(|one| one.lines > one.limit);
    let list: Vec<String> = too_long.iter().map(ToString::to_string).collect();
    ensure!(list.is_empty(), "too long to take in:\n{}", list.join("\n"));
    let unexplained = unexplained()?;
    ensure!(unexplained.is_empty(), "public, and the README of its crate does not say so:\n{}", unexplained.join("\n"));
    Ok(())
}

/// All sources that git tracks or would track, relative to the repository.
fn sources() -> Result<Vec<PathBuf>> {
    let mut listing = std::process::Command::new("git");
    listing.current_dir(root()).args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    let output = listing.args(["*.rs", "*.cu", "*.cuh", "*.cpp", "*.h"]).output()?;
    ensure!(output.status.success(), "git does not list the files");
    let names = String::from_utf8(output.stdout)?;
    Ok(names.lines().map(PathBuf::from).filter(|path| root().join(path).exists()).collect())
}

/// Lines of the module of tests that a file of formatted Rust ends with.
fn unit_tests(text: &str) -> usize {
    text.find("\n#[cfg(test)]\nmod tests {\n").map_or(0, |start| text[start + 1..].lines().count())
}

/// The functions of formatted Rust with their lengths: from the line with `fn` to the brace in the same column.
fn functions(text: &str) -> impl Iterator<Item = (&str, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let ends = lines.clone();
    lines.into_iter().enumerate().filter_map(move |(start, line)| {
        let name = function_name(line)?;
        let margin = &line[..line.len() - line.trim_start().len()];
        let ends_here = |line: &&str| line.strip_prefix(margin).is_some_and(|rest| rest == "}" || rest == ");");
        let length = ends[start..].iter().position(ends_here)?;
        Some((name, length + 1))
    })
}

fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let is_head = before.split_whitespace().all(|word| {
        matches!(word, "pub" | "const" | "unsafe" | "extern" | "\"C\"" | "async") || word.starts_with("pub(")
    });
    (is_head && !line.trim_end().ends_with([';', '}'])).then(|| after.split(['(', '<']).next())?
}
