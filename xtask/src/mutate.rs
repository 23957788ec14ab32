//! `cargo xtask mutate [words]`: plants the faults of `crates/gpu-check/mutations/*.toml`, each alone, and lists whether
//! its test sees it and how. With words, only faults whose name, file, test or list has one.
//!
//! Faults of kernels are planted in a copy of `kernels/`: only the emulator reads it, and it compiles a file again only
//! if the file or what it includes has changed, so that a fault costs a compilation of the files that have it, a link,
//! and one test. Faults elsewhere are planted in a copy of the repository as git's index has it, whose crates are all
//! built once.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::edit::Edit;
use crate::{cargo, root, succeed, target};

/// Longer than any test takes: a fault may well make a kernel loop for ever.
const PATIENCE: Duration = Duration::from_secs(180);

#[derive(Deserialize)]
struct Faults {
    fault: Vec<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    name: String,
    /// In `kernels/`, or with a folder's name in the repository.
    #[serde(flatten)]
    edit: Edit,
    /// The test that has to fail, and the file of tests that it is in.
    test: String,
    #[serde(default = "emulator")]
    tests: String,
    /// The list that it stands in, by its file's name.
    #[serde(skip)]
    list: String,
}

fn emulator() -> String {
    "emulator".into()
}

impl Fault {
    fn is_of_kernels(&self) -> bool {
        !self.edit.file.contains('/')
    }
}

/// All planted faults, whose places are there.
fn faults() -> Result<Vec<Fault>> {
    let mut all = Vec::new();
    let folder = root().join("crates/gpu-check/mutations");
    let mut lists: Vec<_> = fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    lists.sort();
    for list in lists {
        let text = fs::read_to_string(&list).with_context(|| list.display().to_string())?;
        let Faults { fault: mut faults } = toml::from_str(&text).with_context(|| list.display().to_string())?;
        for fault in &mut faults {
            fault.list = list.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let folder = if fault.is_of_kernels() { root().join("kernels") } else { root().into() };
            fault.edit.text(&folder).with_context(|| fault.name.clone())?;
        }
        all.extend(faults);
    }
    Ok(all)
}

pub(crate) fn run(words: &[String]) -> Result<()> {
    let mut faults = faults()?;
    faults.retain(|fault| {
        let texts = [&fault.name, &fault.edit.file, &fault.test, &fault.list];
        words.is_empty() || words.iter().any(|w| texts.iter().any(|t| t.contains(w)))
    });
    let (of_kernels, others): (Vec<_>, Vec<_>) = faults.into_iter().partition(Fault::is_of_kernels);
    println!("| fault | file | test | sees it as |\n|---|---|---|---|");
    let (mut planted, mut missed) = (0, 0);
    for (faults, make) in [(of_kernels, Subject::kernels as fn() -> Result<Subject>), (others, Subject::repository)] {
        if faults.is_empty() {
            continue;
        }
        let subject = make()?;
        subject.expect_sound(&faults)?;
        for fault in &faults {
            let how = subject.judge(fault).with_context(|| format!("the fault {:?}", fault.name))?;
            planted += 1;
            missed += usize::from(how.is_none());
            let how = how.as_deref().unwrap_or("**nothing**").replace('|', "\\|");
            println!("| {} | {} | {} | {how} |", fault.name, fault.edit.file, fault.test);
        }
    }
    println!("\n{} of {planted} faults were seen.", planted - missed);
    ensure!(missed == 0, "no test sees {missed} of the planted faults");
    Ok(())
}

/// A copy that faults are planted in, and how its tests are built.
struct Subject {
    copy: PathBuf,
    /// The repository whose tests are run; they read the copy's kernels if it is one of kernels.
    repository: PathBuf,
}

impl Subject {
    /// Kernels as they are now.
    fn kernels() -> Result<Self> {
        let copy = fresh("mutated-kernels")?;
        for folder in ["", "plain"] {
            fs::create_dir_all(copy.join(folder))?;
            for entry in fs::read_dir(root().join("kernels").join(folder))? {
                let entry = entry?;
                if entry.file_type()?.is_file() {
                    fs::copy(entry.path(), copy.join(folder).join(entry.file_name()))?;
                }
            }
        }
        Ok(Self { copy, repository: root().into() })
    }

    fn repository() -> Result<Self> {
        let copy = fresh("mutated-repository")?;
        let prefix = format!("--prefix={}/", copy.display());
        succeed(Command::new("git").current_dir(root()).args(["checkout-index", "--all", &prefix]))?;
        Ok(Self { repository: copy.clone(), copy })
    }

    /// A test that fails without a fault would see them all.
    fn expect_sound(&self, faults: &[Fault]) -> Result<()> {
        let names: BTreeSet<_> = faults.iter().map(|fault| (&fault.tests, &fault.test)).collect();
        for (tests, test) in names {
            if let Some(how) = self.failure(&self.build(tests)?, tests, test)? {
                bail!("the test {test} fails without a fault: {how}");
            }
        }
        Ok(())
    }

    /// Plants a fault, runs its test and takes the fault out again; how the test failed, if it did.
    fn judge(&self, fault: &Fault) -> Result<Option<String>> {
        let (tests, test) = (&fault.tests, &fault.test);
        let how = fault
            .edit
            .during(&self.copy, || self.build(tests).and_then(|program| self.failure(&program, tests, test)))?;
        ensure!(!how.as_ref().is_some_and(|h| h.contains("does not compile")), "it does not compile");
        Ok(how)
    }

    /// Builds a file of tests; where the program is.
    fn build(&self, tests: &str) -> Result<PathBuf> {
        let mut cargo = cargo();
        cargo.current_dir(&self.repository).env("CARGO_TARGET_DIR", target());
        // All crates together have the features that they are built with anyway.
        cargo.args(["test", "--workspace", "--test", tests, "--no-run"]);
        if self.copy != self.repository {
            cargo.env("TUNEFORK_KERNELS", &self.copy);
        }
        let output = cargo.output()?;
        let text = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "the tests do not build:\n{text}");
        let path = text
            .lines()
            .filter(|line| line.contains(&format!("tests/{tests}")))
            .find_map(|line| line.split(['(', ')']).nth(1))
            .context("cargo names the tests that it has built")?;
        Ok(root().join(path))
    }

    /// The folder of the crate that has these tests.
    fn home(&self, tests: &str) -> Result<PathBuf> {
        let crates = fs::read_dir(self.repository.join("crates"))?;
        let mut folders = crates.filter_map(|entry| Some(entry.ok()?.path()));
        let has = |folder: &PathBuf| ["", ".rs"].iter().any(|end| folder.join(format!("tests/{tests}{end}")).exists());
        folders.find(has).with_context(|| format!("no crate has tests {tests}"))
    }

    /// Runs one test; what it said first if it failed.
    fn failure(&self, program: &Path, tests: &str, test: &str) -> Result<Option<String>> {
        let log = self.copy.with_extension("log");
        let mut child = Command::new(program)
            .current_dir(self.home(tests)?)
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
}

/// A folder that is not there yet.
fn fresh(name: &str) -> Result<PathBuf> {
    let folder = target().join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_place_is_there() {
        super::faults().unwrap();
    }

    /// A fault is spoken of by its name.
    #[test]
    fn no_name_is_there_twice() {
        let faults = super::faults().unwrap();
        let mut names: Vec<_> = faults.iter().map(|fault| &fault.name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), faults.len());
        assert!(faults.len() >= 120, "{} faults", faults.len());
    }
}
