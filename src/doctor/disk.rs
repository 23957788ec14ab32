//! Whether a study can be kept where results would go.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use tunefork_data::shown;
use tunefork_storage::{SqliteOptions, SqliteStorage};
use tunefork_study::{Storage, StorageError, StudyHeader};
use tunefork_trial::Direction;

use crate::{Error, RunFolder};

/// Below this a study of photos may well run out of room for its models and checkpoints.
const LITTLE: u64 = 1 << 30;

/// The place where results would go.
#[derive(Debug, Clone, Serialize)]
pub struct RunsFound {
    /// The folder of all runs, or that of the one run that was named.
    pub folder: String,
    /// Bytes that are free there, for this user.
    pub free: Option<u64>,
    /// Whether that is little: less than a gibibyte.
    pub is_little: bool,
    /// Seconds that a commit took which waited for the disk.
    pub commit_seconds: Option<f64>,
    /// Why no study can be kept there, and what to do about it.
    pub problem: Option<String>,
}

impl RunsFound {
    pub(super) fn look(out: Option<&Path>) -> Self {
        let folder = out.unwrap_or(Path::new("runs"));
        let there = nearest(folder);
        let free = free(&there);
        let tried = try_database(&there);
        Self {
            folder: shown(folder),
            free,
            is_little: free.is_some_and(|free| free < LITTLE),
            commit_seconds: tried.as_ref().ok().map(Duration::as_secs_f64),
            problem: tried.err().map(|error| format!("no study can be kept in `{}`: {error}", shown(folder))),
        }
    }
}

/// The folder itself, or the one in which it would be made.
fn nearest(folder: &Path) -> PathBuf {
    let there = folder.ancestors().find(|folder| folder.exists());
    match there {
        Some(there) => there.to_path_buf(),
        None => PathBuf::from("."),
    }
}

/// A folder that is gone when it is dropped.
struct Tried(PathBuf);

impl Drop for Tried {
    fn drop(&mut self) {
        // What cannot be removed is empty, and its name says whose it is.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Does what a study does: makes a database, holds its lock, and waits for the disk. Returns how long that took.
fn try_database(there: &Path) -> Result<Duration, Error> {
    let tried = Tried(there.join(format!(".tunefork-doctor-{}", std::process::id())));
    fs::create_dir(&tried.0).map_err(Error::io("create", &tried.0))?;
    let database = RunFolder::new(&tried.0).database();
    let options = SqliteOptions { durable: true, ..SqliteOptions::default() };
    let mut storage = SqliteStorage::open_with(&database, "doctor", options)?;
    let start = Instant::now();
    storage.create(&StudyHeader::new("doctor", Direction::Maximize, 0))?;
    let taken = start.elapsed();
    match SqliteStorage::open(&database, "doctor") {
        Err(StorageError::InUse { .. }) => Ok(taken),
        Err(error) => Err(error.into()),
        Ok(_) => Err(Error::Unsupported(format!(
            "locks of files are not kept in `{}`, so two runs could write the same study: choose a folder on a local disk \
             with --out",
            shown(there)
        ))),
    }
}

#[cfg(unix)]
fn free(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
fn free(_: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_tried_and_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let found = RunsFound::look(Some(&folder.path().join("deep/er")));
        assert_eq!(found.problem, None);
        assert!(found.commit_seconds.is_some_and(|seconds| seconds > 0.0), "{found:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_in_the_place_of_the_folder_is_a_problem() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("runs"), "").unwrap();
        let found = RunsFound::look(Some(&folder.path().join("runs")));
        let problem = found.problem.expect("no folder can be made there");
        assert!(problem.contains("runs"), "{problem}");
    }
}
