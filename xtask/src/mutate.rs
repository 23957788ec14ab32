//! `cargo xtask mutate [words]`: plants the faults of `crates/gpu-check/mutations/faults.toml` in a copy of
//! `kernels/`, and lists which test sees each. With words, only faults whose name, file or test has one.
//!
//! Only the shim reads the copy, so a planted fault costs one file's compilation and one link. Tests look
//! at their own kernels only: a round plants one fault for each test, and runs all of them together.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::{cargo, root, target};

/// Longer than any round takes: a planted fault may well loop for ever.
const PATIENCE: Duration = Duration::from_secs(600);

#[derive(Deserialize)]
struct Faults {
    fault: Vec<Fault>,
}

/// One planted fault.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fault {
    name: String,
    /// In `kernels/`.
    file: String,
    /// The test that has to fail.
    test: String,
    /// Text that stands in the file once.
    find: String,
    replace: String,
}

pub fn run(words: &[String]) -> Result<()> {
    let list = root().join("crates/gpu-check/mutations/faults.toml");
    let text = fs::read_to_string(&list).with_context(|| list.display().to_string())?;
    let Faults { fault: mut faults } = toml::from_str(&text)?;
    for fault in &faults {
        planted(&root().join("kernels"), fault)?;
    }
    faults.retain(|fault| {
        let texts = [&fault.name, &fault.file, &fault.test];
        words.is_empty()
            || words
                .iter()
                .any(|word| texts.iter().any(|t| t.contains(word)))
    });

    let copy = target().join("mutated-kernels");
    println!("| fault | file | seen by | as |\n|---|---|---|---|");
    let (count, mut missed) = (faults.len(), 0);
    while !faults.is_empty() {
        let round = next_round(&mut faults);
        for (fault, mut seen) in round.iter().zip(judge(&copy, &round)?) {
            // One fault may end the process that tests all of them: this says nothing of the others.
            if round.len() > 1 && seen.as_deref() == Some(ENDED) {
                seen = judge(&copy, std::slice::from_ref(fault))?.remove(0);
            }
            missed += usize::from(seen.is_none());
            let (test, how) = match &seen {
                Some(how) => (fault.test.as_str(), how.as_str()),
                None => ("**nobody**", ""),
            };
            println!("| {} | {} | {test} | {how} |", fault.name, fault.file);
        }
    }
    println!("\n{} of {count} faults were seen.", count - missed);
    ensure!(missed == 0, "no test sees {missed} of the planted faults");
    Ok(())
}

/// Takes the first fault of each test.
fn next_round(faults: &mut Vec<Fault>) -> Vec<Fault> {
    let mut tests = BTreeSet::new();
    let (round, rest) = faults
        .drain(..)
        .partition(|fault| tests.insert(fault.test.clone()));
    *faults = rest;
    round
}

/// The text of a fault's file with the fault.
fn planted(folder: &Path, fault: &Fault) -> Result<String> {
    let path = folder.join(&fault.file);
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let found = text.matches(&fault.find).count();
    ensure!(
        found == 1,
        "{:?}: its place is {found} times in {}",
        fault.name,
        fault.file
    );
    Ok(text.replacen(&fault.find, &fault.replace, 1))
}

/// Runs the tests of a round; how each fault was seen.
fn judge(copy: &Path, round: &[Fault]) -> Result<Vec<Option<String>>> {
    let kernels = root().join("kernels");
    fs::create_dir_all(copy)?;
    for entry in fs::read_dir(copy)? {
        let path = entry?.path();
        if !kernels.join(path.file_name().context("a file")?).exists() {
            fs::remove_file(path)?;
        }
    }
    // Files that stay the same keep their age.
    for entry in fs::read_dir(kernels)? {
        let path = entry?.path();
        let to = copy.join(path.file_name().context("a file")?);
        let text = fs::read(&path)?;
        if fs::read(&to).ok().as_ref() != Some(&text) {
            fs::write(to, text)?;
        }
    }
    for fault in round {
        fs::write(copy.join(&fault.file), planted(copy, fault)?)?;
    }
    let log = copy.with_extension("log");
    let mut tests = Command::new(build(copy)?);
    tests
        .current_dir(root().join("crates/gpu-check"))
        .env("RUST_BACKTRACE", "0")
        .arg("--exact")
        .args(round.iter().map(|fault| &fault.test))
        .stdout(File::create(&log)?)
        .stderr(Stdio::null());
    let mut child = tests.spawn()?;
    let start = Instant::now();
    while child.try_wait()?.is_none() {
        if start.elapsed() > PATIENCE {
            child.kill()?;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let log = fs::read_to_string(&log)?;
    round.iter().map(|fault| seen(&log, &fault.test)).collect()
}

/// Builds the tests on the kernels of a folder; where they are.
fn build(kernels: &Path) -> Result<PathBuf> {
    let output = cargo()
        .args([
            "test",
            "-p",
            "tunefork-gpu-check",
            "--test",
            "shim",
            "--no-run",
        ])
        .env("TUNEFORK_KERNELS", kernels)
        .output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the tests do not build:\n{text}");
    let path = text
        .lines()
        .find(|line| line.contains("tests/shim.rs"))
        .and_then(|line| line.split(['(', ')']).nth(1))
        .context("cargo names the tests that it has built")?;
    Ok(root().join(path))
}

/// How a fault is seen that ends the process of the tests, or keeps it from ending.
const ENDED: &str = "the tests did not end by themselves";

/// What a test that failed said first; none if it passed.
fn seen(log: &str, test: &str) -> Result<Option<String>> {
    if log.contains(&format!("test {test} ... ok")) {
        return Ok(None);
    }
    let Some((_, said)) = log.split_once(&format!("---- {test} stdout ----")) else {
        return Ok(Some(ENDED.into()));
    };
    let how = said
        .lines()
        .skip_while(|line| !line.contains(" panicked at "))
        .nth(1)
        .unwrap_or("an empty message");
    if how.contains("does not compile") {
        bail!("a planted fault of test {test} does not compile");
    }
    Ok(Some(how.replace('|', "\\|")))
}
