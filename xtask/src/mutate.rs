//! `cargo xtask mutate [words]`: plants the faults of `crates/gpu-check/mutations/faults.toml` in a copy of
//! `kernels/`, each alone, and lists whether its test sees it and how. With words, only faults whose name,
//! file or test has one.
//!
//! Only the emulator reads the copy, and it compiles a file again only if the file or what it includes has
//! changed: a fault costs a compilation of the files that have it, a link, and one test.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::edit::Edit;
use crate::{cargo, root, target};

/// Longer than any test takes: a fault may well make a kernel loop for ever.
const PATIENCE: Duration = Duration::from_secs(180);

#[derive(Deserialize)]
struct Faults {
    fault: Vec<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    name: String,
    /// In `kernels/`.
    #[serde(flatten)]
    edit: Edit,
    /// The test that has to fail.
    test: String,
}

/// All planted faults, whose places are there.
fn faults() -> Result<Vec<Fault>> {
    let list = root().join("crates/gpu-check/mutations/faults.toml");
    let text = fs::read_to_string(&list).with_context(|| list.display().to_string())?;
    let Faults { fault: faults } = toml::from_str(&text)?;
    for fault in &faults {
        fault.edit.text(&root().join("kernels")).with_context(|| fault.name.clone())?;
    }
    Ok(faults)
}

pub(crate) fn run(words: &[String]) -> Result<()> {
    let mut faults = faults()?;
    let copy = fresh_copy()?;
    faults.retain(|fault| {
        let texts = [&fault.name, &fault.edit.file, &fault.test];
        words.is_empty() || words.iter().any(|w| texts.iter().any(|t| t.contains(w)))
    });
    expect_sound(&copy, &faults)?;

    println!("| number | fault | file | test | sees it as |\n|---|---|---|---|---|");
    let mut missed = 0;
    for (number, fault) in (1..).zip(&faults) {
        let how = judge(&copy, fault).with_context(|| format!("the fault {:?}", fault.name))?;
        missed += usize::from(how.is_none());
        println!(
            "| {number} of {} | {} | {} | {} | {} |",
            faults.len(),
            fault.name,
            fault.edit.file,
            fault.test,
            how.as_deref().unwrap_or("**nothing**").replace('|', "\\|")
        );
    }
    println!("\n{} of {} faults were seen.", faults.len() - missed, faults.len());
    ensure!(missed == 0, "no test sees {missed} of the planted faults");
    Ok(())
}

/// The folder of the copy, as `kernels/` is now.
fn fresh_copy() -> Result<PathBuf> {
    let copy = target().join("mutated-kernels");
    if copy.exists() {
        fs::remove_dir_all(&copy)?;
    }
    fs::create_dir_all(&copy)?;
    for entry in fs::read_dir(root().join("kernels"))? {
        let entry = entry?;
        fs::copy(entry.path(), copy.join(entry.file_name()))?;
    }
    Ok(copy)
}

/// A test that fails without a fault would see them all.
fn expect_sound(copy: &Path, faults: &[Fault]) -> Result<()> {
    let tests = build(copy)?;
    let names: BTreeSet<_> = faults.iter().map(|fault| &fault.test).collect();
    for test in names {
        if let Some(how) = failure(&tests, copy, test)? {
            bail!("the test {test} fails without a fault: {how}");
        }
    }
    Ok(())
}

/// Plants a fault, runs its test and takes the fault out again; how the test failed, if it did.
fn judge(copy: &Path, fault: &Fault) -> Result<Option<String>> {
    let how = fault.edit.during(copy, || build(copy).and_then(|tests| failure(&tests, copy, &fault.test)))?;
    ensure!(!how.as_ref().is_some_and(|h| h.contains("does not compile")), "it does not compile");
    Ok(how)
}

/// Builds the tests on the kernels of a folder; where they are.
fn build(kernels: &Path) -> Result<PathBuf> {
    let what = ["-p", "tunefork-gpu-check", "--test", "emulator", "--no-run"];
    let output = cargo().arg("test").args(what).env("TUNEFORK_KERNELS", kernels).output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the tests do not build:\n{text}");
    let path = text
        .lines()
        .find(|line| line.contains("tests/emulator.rs"))
        .and_then(|line| line.split(['(', ')']).nth(1))
        .context("cargo names the tests that it has built")?;
    Ok(root().join(path))
}

/// Runs one test; what it said first if it failed.
fn failure(tests: &Path, copy: &Path, test: &str) -> Result<Option<String>> {
    let log = copy.with_extension("log");
    let mut child = Command::new(tests)
        .current_dir(root().join("crates/gpu-check"))
        .env("RUST_BACKTRACE", "0")
        .args(["--exact", test])
        .stdout(File::create(&log)?)
        .stderr(Stdio::null())
        .spawn()?;
    let start = Instant::now();
    while child.try_wait()?.is_none() {
        if start.elapsed() > PATIENCE {
            child.kill()?;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let log = fs::read_to_string(&log)?;
    ensure!(log.contains("running 1 test"), "there is no test {test}");
    if log.contains(&format!("test {test} ... ok")) {
        return Ok(None);
    }
    let how = log
        .lines()
        .skip_while(|line| !line.contains(" panicked at "))
        .nth(1)
        .unwrap_or("the test did not end by itself");
    Ok(Some(how.into()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_place_is_there() {
        super::faults().unwrap();
    }
}
