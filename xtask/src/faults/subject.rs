//! The study that is disturbed, and what is compared of it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{Dice, files};

const STUDY: &str = include_str!("../../studies/disturbed.toml");
/// Height and width of an image.
const SIDE: u8 = 12;
const CLASSES: u8 = 3;

/// Longer than a run takes on any machine: who takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// A study in its folder.
pub(super) struct Subject {
    program: PathBuf,
    pub(super) place: PathBuf,
    pub(super) folder: PathBuf,
}

/// What is left of a finished study.
pub(super) struct Left {
    shown: Value,
    /// The weights and configurations, by their names; of other files the names only.
    files: BTreeMap<String, Vec<u8>>,
}

/// The trials that are stored of a study.
pub(super) struct Stored(Vec<Value>);

impl Subject {
    /// The study and its images in a folder of their own, which has all that the program may write.
    pub(super) fn new(program: &Path, folder: &Path) -> Result<Self> {
        let images = folder.join("images");
        fs::create_dir_all(&images)?;
        fs::write(folder.join("study.toml"), STUDY)?;
        for (part, count) in [("train", 240), ("t10k", 60)] {
            let (pixels, labels) = drawn(count);
            fs::write(images.join(format!("{part}-images-idx3-ubyte")), pixels)?;
            fs::write(images.join(format!("{part}-labels-idx1-ubyte")), labels)?;
        }
        Ok(Self { program: program.to_path_buf(), place: folder.to_path_buf(), folder: folder.join("run") })
    }

    /// The program with the study, two trials at once and a checkpoint at each epoch; `by` runs it, such as strace.
    pub(super) fn command(&self, by: &[&str]) -> Command {
        let program = self.program.as_os_str();
        let mut command = match by {
            [] => Command::new(program),
            [by, arguments @ ..] => {
                let mut command = Command::new(by);
                command.args(arguments).arg(program);
                command
            }
        };
        for variable in ["HOME", "XDG_CACHE_HOME", "TMPDIR"] {
            command.env(variable, &self.place);
        }
        command.arg("run").arg(self.place.join("study.toml")).args([
            "--workers",
            "2",
            "--threads",
            "2",
            "--device",
            "cpu",
        ]);
        command.args(["--checkpoint-every", "0", "--data-dir"]).arg(&self.place).arg("--out").arg(&self.folder);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the study to its end.
    pub(super) fn finish(&self) -> Result<Left> {
        let output = ended(self.command(&[]))?;
        ensure!(output.status.success(), "{}: {}", output.status, text(&output));
        let shown = self.show()?.context("there is no study")?;
        let mut kept = BTreeMap::new();
        for file in files(&self.folder)? {
            let name = file.strip_prefix(&self.folder)?.to_string_lossy().into_owned();
            let is_compared = name.ends_with(".safetensors") || name == "best.toml" || name == "test.json";
            kept.insert(name, if is_compared { fs::read(&file)? } else { Vec::new() });
        }
        Ok(Left { shown, files: kept })
    }

    /// `show --json` without what two equal runs need not share; nothing where there is no study yet.
    pub(super) fn show(&self) -> Result<Option<Value>> {
        let mut command = Command::new(&self.program);
        command.arg("show").arg(&self.folder).arg("--json");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = ended(command)?;
        match output.status.code() {
            Some(0) => {}
            Some(2) => return Ok(None),
            _ => bail!("show: {}: {}", output.status, text(&output)),
        }
        let mut shown: Value = serde_json::from_slice(&output.stdout)?;
        shown.as_object_mut().context("an object is shown")?.remove("observed");
        Ok(Some(shown))
    }

    /// What is stored, each trial of which must be the beginning of what it is in the undisturbed study.
    pub(super) fn stored(&self, wanted: &Left) -> Result<Stored> {
        let shown = self.show()?;
        let trials = shown.as_ref().map_or(Ok(Vec::new()), trials_of)?;
        let wanted = trials_of(&wanted.shown)?;
        ensure!(trials.len() <= wanted.len(), "there are {} trials", trials.len());
        for (trial, wanted) in trials.iter().zip(&wanted) {
            let is_over = !trial["value"].is_null() || trial["state"] == "failed";
            match is_over {
                true => ensure!(trial == wanted, "a trial is {trial} and not {wanted}"),
                false => {
                    let (epochs, all) = (epochs_of(trial)?, epochs_of(wanted)?);
                    ensure!(all.starts_with(epochs), "a trial's epochs are {epochs:?}, no beginning of {all:?}");
                    ensure!(trial["params"] == wanted["params"], "a trial is {trial}, not a beginning of {wanted}");
                }
            }
        }
        Ok(Stored(trials))
    }
}

impl Stored {
    /// Nothing of what was stored before is gone.
    pub(super) fn holds(&self, before: &Self) -> Result<()> {
        ensure!(self.0.len() >= before.0.len(), "{} trials are {} now", before.0.len(), self.0.len());
        for (now, before) in self.0.iter().zip(&before.0) {
            ensure!(epochs_of(now)?.len() >= epochs_of(before)?.len(), "{before} has become {now}");
        }
        Ok(())
    }
}

impl Left {
    pub(super) fn compare(&self, wanted: &Self) -> Result<()> {
        ensure!(self.shown == wanted.shown, "the study is {} and not {}", self.shown, wanted.shown);
        let (names, all): (Vec<_>, Vec<_>) = (self.files.keys().collect(), wanted.files.keys().collect());
        ensure!(names == all, "the files are {names:?} and not {all:?}");
        for (name, bytes) in &self.files {
            ensure!(wanted.files[name] == *bytes, "{name} is another file");
        }
        Ok(())
    }
}

/// Images with their labels in the IDX format: noise with a bright stripe, whose row is the class.
fn drawn(count: u8) -> (Vec<u8>, Vec<u8>) {
    let mut dice = Dice::of_seed(count.into());
    let mut pixels = vec![0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, SIDE, 0, 0, 0, SIDE];
    let mut labels = vec![0, 0, 8, 1, 0, 0, 0, count];
    for image in 0..count {
        let class = image % CLASSES;
        labels.push(class);
        for row in 0..SIDE {
            let light = if row / 3 == class { 128 } else { 0 };
            pixels.extend((0..SIDE).map(|_| light + dice.below(128) as u8));
        }
    }
    (pixels, labels)
}

fn trials_of(shown: &Value) -> Result<Vec<Value>> {
    shown["trials"].as_array().cloned().context("a study has trials")
}

fn epochs_of(trial: &Value) -> Result<&[Value]> {
    Ok(trial["epochs"].as_array().context("a trial has epochs")?)
}

/// Runs a command to its end, which must come, and be none by a panic or a crash.
pub(super) fn ended(mut command: Command) -> Result<Output> {
    let child = command.spawn().with_context(|| format!("{command:?}"))?;
    let id = child.id();
    let begun = Instant::now();
    let waiting = std::thread::spawn(move || child.wait_with_output());
    while !waiting.is_finished() {
        if begun.elapsed() > PATIENCE {
            let _ = Command::new("kill").args(["-9", &id.to_string()]).status();
            bail!("it hung for {} s", PATIENCE.as_secs());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let output = waiting.join().expect("it only waits")?;
    check(&output)?;
    Ok(output)
}

/// A program may refuse, fail, be stopped or killed, but it may not panic or crash.
pub(super) fn check(output: &Output) -> Result<()> {
    const KILL: i32 = 9;
    let told = text(output);
    ensure!(!told.contains("panicked at"), "it panicked: {told}");
    let signal = output.status.signal().or(output.status.code().filter(|code| *code > 130).map(|code| code - 128));
    ensure!(signal.is_none_or(|signal| signal == KILL), "it crashed: {}: {told}", output.status);
    Ok(())
}

pub(super) fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
