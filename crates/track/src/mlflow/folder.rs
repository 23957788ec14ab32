//! The store of files that MLflow reads: a folder for each run, a file for each parameter, tag and metric.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::messages::{Begin, Status, Told, What, Whose};
use super::names::{digest, percent};
use super::saved::Saved;
use crate::tracker::about;

/// Bytes of the largest file that is looked into.
const LARGEST: u64 = 1 << 28;

/// The experiment of a study in such a folder.
#[derive(Debug)]
pub(super) struct Folder {
    saved: Saved,
    /// The experiment's folder.
    path: PathBuf,
    experiment: String,
    runs: BTreeMap<Whose, Run>,
}

#[derive(Debug)]
struct Run {
    id: String,
    path: PathBuf,
    name: String,
    start: i64,
    /// The last step of each metric that was looked at.
    steps: BTreeMap<String, i64>,
}

impl Folder {
    /// Finds or makes the experiment `name` in the folder `root`.
    pub(super) fn open(root: &Path, name: &str, saved: Saved, time: i64) -> io::Result<Self> {
        let root = std::path::absolute(root).map_err(about("find", root))?;
        fs::create_dir_all(&root).map_err(about("create", &root))?;
        if let Some(experiment) = find(&root, name)? {
            return Ok(Self { path: root.join(&experiment), saved, experiment, runs: BTreeMap::new() });
        }
        // 18 digits, as MLflow has them.
        let number = u128::from_str_radix(&digest(&format!("{}/{name}", saved.name(Whose::Study))), 16).unwrap_or(0);
        let experiment = (100_000_000_000_000_000 + number % 900_000_000_000_000_000).to_string();
        let path = root.join(&experiment);
        let meta = [
            ("artifact_location", quoted(&uri(&path))),
            ("creation_time", time.to_string()),
            ("experiment_id", format!("'{experiment}'")),
            ("last_update_time", time.to_string()),
            ("lifecycle_stage", "active".to_owned()),
            ("name", quoted(name)),
        ];
        write_meta(&path, &meta)?;
        Ok(Self { path, saved, experiment, runs: BTreeMap::new() })
    }

    pub(super) fn take(&mut self, told: Told) -> io::Result<()> {
        match told.what {
            What::Begin(begin) => self.begin(told.whose, begin),
            What::Figures { step, time, values } => {
                let Some(run) = self.runs.get_mut(&told.whose) else { return Ok(()) };
                values.into_iter().try_for_each(|(name, value)| run.add(&name, step, time, value))
            }
            What::End { status, time, tags } => {
                let Some(run) = self.runs.get(&told.whose) else { return Ok(()) };
                run.write_texts("tags", &tags)?;
                run.write_meta(&self.experiment, status, Some(time))?;
                if told.whose != Whose::Study {
                    self.runs.remove(&told.whose);
                }
                Ok(())
            }
        }
    }

    /// A run that is there is gone on with; of a trial that has ended nothing is changed.
    fn begin(&mut self, whose: Whose, mut begin: Begin) -> io::Result<()> {
        let id = self.saved.name(whose);
        let path = self.path.join(&id);
        let before = meta(&path)?;
        let is_over = before.iter().any(|(key, value)| key == "status" && value != "1");
        if is_over && whose != Whose::Study {
            return Ok(());
        }
        let started = before.iter().find(|(key, _)| key == "start_time").and_then(|(_, time)| time.parse().ok());
        let start = started.unwrap_or(begin.time);
        begin.tags.push(("mlflow.runName".to_owned(), begin.name.clone()));
        if whose != Whose::Study {
            begin.tags.push(("mlflow.parentRunId".to_owned(), self.saved.name(Whose::Study)));
        }
        let run = Run { id, path, name: begin.name, start, steps: BTreeMap::new() };
        for folder in ["artifacts", "metrics", "params", "tags"] {
            let folder = run.path.join(folder);
            fs::create_dir_all(&folder).map_err(about("create", &folder))?;
        }
        run.write_texts("params", &begin.params)?;
        run.write_texts("tags", &begin.tags)?;
        // Last, for it makes a folder a run.
        run.write_meta(&self.experiment, Status::Running, None)?;
        self.runs.insert(whose, run);
        Ok(())
    }
}

impl Run {
    fn write_texts(&self, folder: &str, texts: &[(String, String)]) -> io::Result<()> {
        texts.iter().try_for_each(|(name, text)| {
            let path = self.path.join(folder).join(name);
            tunefork_atomic_file::write_derived(&path, &[text.as_bytes()]).map_err(about("write", &path))
        })
    }

    fn write_meta(&self, experiment: &str, status: Status, end: Option<i64>) -> io::Result<()> {
        let meta = [
            ("artifact_uri", quoted(&format!("{}/artifacts", uri(&self.path)))),
            ("end_time", end.map_or("null".to_owned(), |end| end.to_string())),
            ("entry_point_name", "''".to_owned()),
            ("experiment_id", format!("'{experiment}'")),
            ("lifecycle_stage", "active".to_owned()),
            ("run_id", self.id.clone()),
            ("run_name", quoted(&self.name)),
            ("run_uuid", self.id.clone()),
            ("source_name", "''".to_owned()),
            // Local.
            ("source_type", "4".to_owned()),
            ("source_version", "''".to_owned()),
            ("start_time", self.start.to_string()),
            ("status", (status as u8).to_string()),
            ("tags", "[]".to_owned()),
            ("user_id", "tunefork".to_owned()),
        ];
        // An id of digits alone would be read as a number.
        let meta = meta.map(|(key, value)| {
            (key, if key.starts_with("run_") && key != "run_name" { quoted(&value) } else { value })
        });
        write_meta(&self.path, &meta)
    }

    /// Adds a point to a metric, if its step is not there yet.
    fn add(&mut self, name: &str, step: i64, time: i64, value: f64) -> io::Result<()> {
        let path = self.path.join("metrics").join(name);
        let last = match self.steps.get(name) {
            Some(step) => Some(*step),
            None => last_step(&path)?,
        };
        if last < Some(step) {
            let file = OpenOptions::new().create(true).append(true).open(&path);
            let line = format!("{time} {value} {step}\n");
            file.and_then(|mut file| file.write_all(line.as_bytes())).map_err(about("write", &path))?;
            self.steps.insert(name.to_owned(), step);
        }
        Ok(())
    }
}

/// The step of a metric's last line. What a killed process wrote by halves is cut off.
fn last_step(path: &Path) -> io::Result<Option<i64>> {
    let bytes = match tunefork_atomic_file::read(path, LARGEST) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        bytes => bytes.map_err(about("read", path))?,
    };
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    if whole < bytes.len() {
        let file = OpenOptions::new().write(true).open(path).map_err(about("open", path))?;
        file.set_len(whole as u64).map_err(about("shorten", path))?;
    }
    let text = String::from_utf8_lossy(&bytes[..whole]);
    Ok(text.lines().last().and_then(|line| line.split(' ').nth(2)?.parse().ok()))
}

/// The folder of the experiment of this name.
fn find(root: &Path, name: &str) -> io::Result<Option<String>> {
    for entry in fs::read_dir(root).map_err(about("look into", root))? {
        let entry = entry.map_err(about("look into", root))?;
        let is_name = |(key, value): &(String, String)| key == "name" && value == name;
        let Ok(id) = entry.file_name().into_string() else { continue };
        if id.bytes().all(|byte| byte.is_ascii_digit()) && meta(&entry.path())?.iter().any(is_name) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// Keys and values of a `meta.yaml`, which has one on each line; nothing where there is none.
fn meta(folder: &Path) -> io::Result<Vec<(String, String)>> {
    let path = folder.join("meta.yaml");
    let bytes = match tunefork_atomic_file::read(&path, LARGEST) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        bytes => bytes.map_err(about("read", &path))?,
    };
    let text = String::from_utf8_lossy(&bytes);
    let entries = text.lines().filter_map(|line| line.split_once(": "));
    Ok(entries.map(|(key, value)| (key.to_owned(), unquoted(value))).collect())
}

fn write_meta(folder: &Path, entries: &[(&str, String)]) -> io::Result<()> {
    fs::create_dir_all(folder).map_err(about("create", folder))?;
    let text: String = entries.iter().map(|(key, value)| format!("{key}: {value}\n")).collect();
    let path = folder.join("meta.yaml");
    tunefork_atomic_file::write_derived(&path, &[text.as_bytes()]).map_err(about("write", &path))
}

/// A text in YAML; JSON's way is one of its ways.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn unquoted(text: &str) -> String {
    let plain = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')).map(|text| text.replace("''", "'"));
    plain.or_else(|| serde_json::from_str(text).ok()).unwrap_or_else(|| text.to_owned())
}

/// The address of an absolute path.
fn uri(path: &Path) -> String {
    let path = path.to_string_lossy().replace('\\', "/");
    format!("file://{}{}", if path.starts_with('/') { "" } else { "/" }, percent(&path, "/:"))
}
