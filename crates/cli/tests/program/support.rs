//! A folder with a small study in it, and the program.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

/// A study that takes about a second.
pub const TINY: &str = r#"
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

pub struct Fixture {
    folder: TempDir,
}

impl Fixture {
    /// A folder with `study.toml`.
    pub fn new(study: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("study.toml"), study).unwrap();
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        let path = self.path(name);
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    fn command(&self, args: &[&str]) -> Command {
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
    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs the program, which must succeed, and returns what it printed.
    #[track_caller]
    pub fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{args:?}: {:?}\n{errors}",
            output.status
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs the program, which must end with this code, and returns its complaint.
    #[track_caller]
    pub fn fails(&self, code: i32, args: &[&str]) -> String {
        let output = self.run(args);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}\n{errors}");
        errors
    }

    /// Starts the program.
    pub fn start(&self, args: &[&str]) -> Child {
        self.command(args)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Runs the program to its end with closed pipes, and returns its exit code.
    pub fn unheard(&self, args: &[&str]) -> Option<i32> {
        let mut child = self
            .command(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop((child.stdout.take(), child.stderr.take()));
        child.wait().unwrap().code()
    }

    /// `show --json` of a run without what may differ.
    pub fn shown(&self, run: &str) -> serde_json::Value {
        let mut study: serde_json::Value =
            serde_json::from_str(&self.ok(&["show", run, "--json"])).unwrap();
        study
            .as_object_mut()
            .unwrap()
            .remove("observed")
            .expect("times are observed");
        study
    }

    /// The best weights of a run.
    pub fn weights(&self, run: &str) -> Vec<u8> {
        std::fs::read(self.path(run).join("best.safetensors")).unwrap()
    }
}

/// All files below a folder, by their paths in it.
pub fn files(folder: &Path) -> Vec<String> {
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
