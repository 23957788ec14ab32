//! A folder with a small study in it, and the program.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// A study that takes about a second.
pub(crate) const TINY: &str = r#"
[study]
name = "tiny"
trials = 6
[data]
size = 12
classes = 3
images = 240
test_images = 60
validation = 60
[model]
layers = { int = [1, 2] }
channels = { choice = [4, 8] }
hidden = [16]
[train]
epochs = 3
batch_size = { choice = [16, 32] }
learning_rate = { log = [1e-3, 1e-1] }
[scheduler]
kind = "asha"
"#;

pub(crate) struct Fixture {
    folder: TempDir,
}

impl Fixture {
    /// A folder with `study.toml`.
    pub(crate) fn new(study: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("study.toml"), study).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        let path = self.path(name);
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// The program in the folder, without what the environment says of data.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("tunefork"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_remove("TUNEFORK_DATA")
            // The same on a machine with a GPU.
            .env("CUDA_VISIBLE_DEVICES", "");
        command
    }

    /// Runs the program to its end, in the folder.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs the program, which must succeed, and returns what it printed.
    #[track_caller]
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {:?}\n{errors}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs the program, which must end with this code, and returns its complaint.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, args: &[&str]) -> String {
        let output = self.run(args);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}\n{errors}");
        errors
    }

    /// Starts the program.
    pub(crate) fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Runs the study into the folder `out`, killing it a number of times on the way to the epochs that
    /// all its trials have in the end.
    pub(crate) fn run_with_kills(&self, out: &str, all: usize, kills: usize) {
        let args = ["run", "study.toml", "--out", out, "--workers", "2", "--checkpoint-every", "0"];
        let mut killed = 0;
        for kill in 1..=kills {
            let mut child = self.start(&args);
            // Told by the work done, not by the clock: machines differ by more than ten times.
            while epochs(self, out) < all * kill / (kills + 1) {
                if child.try_wait().unwrap().is_some() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            // Anywhere in the next epoch, or in what is written at its end.
            std::thread::sleep(Duration::from_millis(7 * kill as u64 % 10));
            killed += usize::from(child.try_wait().unwrap().is_none());
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert!(killed >= kills - 1, "only {killed} of {kills} processes were alive to be killed");
        self.ok(&args);
    }

    /// Runs the program to its end with closed pipes, and returns its exit code.
    pub(crate) fn unheard(&self, args: &[&str]) -> Option<i32> {
        let mut child = self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop((child.stdout.take(), child.stderr.take()));
        child.wait().unwrap().code()
    }

    /// `show --json` of a run without what may differ.
    pub(crate) fn shown(&self, run: &str) -> serde_json::Value {
        let mut study: serde_json::Value = serde_json::from_str(&self.ok(&["show", run, "--json"])).unwrap();
        study.as_object_mut().unwrap().remove("observed").expect("times are observed");
        study
    }

    /// The best weights of a run whose trials are several trainings, by the names of their files.
    pub(crate) fn all_weights(&self, run: &str) -> Vec<(String, Vec<u8>)> {
        let names = files(&self.path(run)).into_iter();
        let models = names.filter(|name| name.ends_with(".safetensors"));
        models
            .map(|name| {
                let bytes = std::fs::read(self.path(run).join(&name)).unwrap();
                (name, bytes)
            })
            .collect()
    }

    /// The best weights of a run.
    pub(crate) fn weights(&self, run: &str) -> Vec<u8> {
        std::fs::read(self.path(run).join("best.safetensors")).unwrap()
    }
}

/// The epochs that all trials of a run have on record.
pub(crate) fn epochs(fixture: &Fixture, run: &str) -> usize {
    let trials = fixture.path(run).join("trials");
    if !trials.exists() {
        return 0;
    }
    let tables = files(&trials).into_iter();
    let lines = |file: String| {
        // A trial's folder may be tidied away between the listing and the look.
        let table = std::fs::read_to_string(trials.join(file)).unwrap_or_default();
        table.lines().count().saturating_sub(1)
    };
    tables.filter(|file| file.ends_with("progress.csv")).map(lines).sum()
}

/// All files below a folder, by their paths in it.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    fn walk(folder: &Path, inside: &str, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{inside}{}", entry.file_name().to_string_lossy());
            match entry.file_type().unwrap().is_dir() {
                true => walk(&entry.path(), &(name + "/"), found),
                false => found.push(name),
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, "", &mut found);
    found.sort();
    found
}

/// A grey picture with a bright square in its middle.
pub(crate) fn write_png(path: &Path, side: usize) {
    let inside = |at: usize| (side / 4..3 * side / 4).contains(&at);
    let pixel = |i: usize| {
        if inside(i / side) && inside(i % side) { 230 } else { 20 }
    };
    let pixels: Vec<u8> = (0..side * side).map(pixel).collect();
    let mut encoder = png::Encoder::new(std::fs::File::create(path).unwrap(), side as u32, side as u32);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
}
