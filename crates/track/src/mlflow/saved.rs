//! What the next run of a study has to know of its runs in MLflow.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::messages::Whose;
use super::names::digest;
use crate::tracker::about;

/// Bytes of the largest file that is read.
const LARGEST: u64 = 1 << 28;

/// The file `mlflow.json` of a run folder.
#[derive(Debug)]
pub(super) struct Saved {
    path: PathBuf,
    pub(super) content: Content,
}

#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub(super) struct Content {
    /// By which the study's runs are known, 32 hexadecimal digits.
    study: String,
    /// By the address of a server.
    #[serde(default)]
    pub(super) servers: BTreeMap<String, Known>,
}

/// What a server is known to have.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
pub(super) struct Known {
    /// The study's run.
    pub(super) run: Option<String>,
    /// Runs of trials by number.
    #[serde(default)]
    pub(super) trials: BTreeMap<u32, KnownTrial>,
}

#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub(super) struct KnownTrial {
    pub(super) run: String,
    /// Whether it has all of the trial.
    pub(super) whole: bool,
}

impl Saved {
    /// What an earlier run of the study has left; of a new study nothing.
    pub(super) fn open(path: &Path, is_new: bool) -> io::Result<Self> {
        let found = match tunefork_atomic_file::read(path, LARGEST) {
            // A new name in place of a lost one would put everything there a second time.
            Ok(bytes) if !is_new => Some(serde_json::from_slice(&bytes).map_err(|_| damaged(path))?),
            Ok(_) => None,
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(about("read", path)(error)),
        };
        let is_there = found.is_some();
        let new = || Content { study: random(), servers: BTreeMap::new() };
        let saved = Self { path: path.to_owned(), content: found.unwrap_or_else(new) };
        // Before anything has the name.
        if !is_there {
            saved.write()?;
        }
        Ok(saved)
    }

    pub(super) fn write(&self) -> io::Result<()> {
        let text = serde_json::to_vec(&self.content).map_err(io::Error::from)?;
        tunefork_atomic_file::write(&self.path, &[&text]).map_err(about("write", &self.path))
    }

    /// By which a run of the study is known, the same in each of its runs.
    pub(super) fn name(&self, whose: Whose) -> String {
        let study = &self.content.study;
        match whose {
            Whose::Study => study.clone(),
            Whose::Trial(number) => digest(&format!("{study}/{number}")),
        }
    }
}

fn damaged(path: &Path) -> io::Error {
    let path = path.display();
    io::Error::other(format!("`{path}` is damaged: remove it, and all is told once more, in runs of other names"))
}

/// 32 hexadecimal digits that nobody else has.
fn random() -> String {
    let half = || RandomState::new().hash_one((std::process::id(), crate::times::now().to_bits()));
    format!("{:016x}{:016x}", half(), half())
}
