//! Checkpoint files: written whole or not at all, believed only if their digest is right.
//!
//! A file carries the reports of all its epochs beside the run's own state. The epochs computed ahead
//! of the simulation are in no storage yet, so a checkpoint must be able to stand for itself.

use super::ExecutorOptions;
use crate::{EpochReport, Facts, StudyError, StudyHeader, TrialContext};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const MAGIC: &[u8; 16] = b"tunefork ckpt 1\n";
/// Largest checkpoint that is read: weights and the optimizer's state of more than memory holds.
const MAX_BYTES: u64 = 1 << 38;
const DIGEST: usize = 32;
const LENGTH: usize = 8;

/// Where the checkpoints of a study are.
pub(super) struct CheckpointFolder {
    path: PathBuf,
    /// Which study they belong to.
    study: String,
    /// Shortest time between two checkpoints of a trial.
    pub every: Duration,
}

pub(super) struct Checkpoint {
    /// Reports of epochs 1, 2, …
    pub reports: Vec<Arc<EpochReport>>,
    /// What `Run::checkpoint` returned after them.
    pub payload: Vec<u8>,
}

/// What stands before the payload.
#[derive(Serialize, Deserialize)]
struct Header<Report> {
    study: String,
    trial: u32,
    params: String,
    epochs: Vec<Report>,
}

impl CheckpointFolder {
    /// Makes the folder, if checkpoints are wanted.
    pub(super) fn open(
        options: &ExecutorOptions,
        header: &StudyHeader,
    ) -> Result<Option<CheckpointFolder>, StudyError> {
        let Some(path) = options.checkpoints.clone() else {
            return Ok(None);
        };
        fs::create_dir_all(&path).map_err(|source| StudyError::Checkpoint { path: path.clone(), source })?;
        remove_halves(&path);
        let identity = Facts::new([
            ("name", header.name.clone()),
            ("seed", header.seed.to_string()),
            ("settings", header.settings.digest()),
        ]);
        Ok(Some(CheckpointFolder { path, study: identity.digest(), every: options.checkpoint_every }))
    }

    fn file(&self, trial: u32) -> PathBuf {
        self.path.join(format!("trial-{trial:04}.ckpt"))
    }

    /// Writes the checkpoint of a trial in place of the one before.
    pub(super) fn save(&self, trial: &TrialContext, checkpoint: &Checkpoint) -> io::Result<()> {
        let header = Header {
            study: self.study.clone(),
            trial: trial.number.0,
            params: trial.params.to_string(),
            epochs: checkpoint.reports.iter().map(|report| &**report).collect(),
        };
        let header = serde_json::to_vec(&header)?;
        let length = (header.len() as u64).to_le_bytes();
        let parts = [&MAGIC[..], &length, &header, &checkpoint.payload];
        let digest = parts.iter().fold(Sha256::new(), |digest, part| digest.chain_update(part)).finalize();
        let [magic, length, header, payload] = parts;
        tunefork_atomic_file::write(&self.file(trial.number.0), &[magic, length, header, payload, &digest])
    }

    /// The checkpoint of a trial; `Err` says in words why the file there cannot be used.
    pub(super) fn load(&self, trial: &TrialContext) -> Result<Option<Checkpoint>, String> {
        let path = self.file(trial.number.0);
        let mut bytes = match tunefork_atomic_file::read(&path, MAX_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("checkpoint {}: {error}", path.display())),
        };
        let (header, payload) = parse(&bytes).ok_or_else(|| format!("checkpoint {} is corrupt", path.display()))?;
        if header.study != self.study || header.trial != trial.number.0 || header.params != trial.params.to_string() {
            return Err(format!("checkpoint {} belongs to another study or trial", path.display()));
        }
        bytes.truncate(payload.end);
        bytes.drain(..payload.start);
        Ok(Some(Checkpoint { reports: header.epochs.into_iter().map(Arc::new).collect(), payload: bytes }))
    }

    /// Removes the checkpoint of a trial that has ended. One that cannot be removed does no harm.
    pub(super) fn remove(&self, trial: u32) {
        let _ = fs::remove_file(self.file(trial));
    }

    /// Removes the checkpoints of all these trials, and the folder if nobody has left anything else there.
    pub(super) fn close(&self, trials: u32) {
        for entry in fs::read_dir(&self.path).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let number =
                name.to_str().and_then(|name| name.strip_prefix("trial-")?.strip_suffix(".ckpt")?.parse().ok());
            if number.is_some_and(|number: u32| number < trials) {
                let _ = fs::remove_file(entry.path());
            }
        }
        let _ = fs::remove_dir(&self.path);
    }
}

/// Removes what a killed process has left of checkpoints that it was writing, under this version's names and older ones. What
/// cannot be removed does no harm.
fn remove_halves(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_half = name.ends_with(".part") || name.ends_with(".tmp");
        if name.starts_with("trial-") && is_half {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// The header and where the payload is, if the bytes are whole.
fn parse(bytes: &[u8]) -> Option<(Header<EpochReport>, Range<usize>)> {
    let (body, digest) = bytes.split_at_checked(bytes.len().checked_sub(DIGEST)?)?;
    if Sha256::digest(body).as_slice() != digest {
        return None;
    }
    let rest = body.strip_prefix(MAGIC)?;
    let (length, rest) = rest.split_at_checked(LENGTH)?;
    let length = u64::from_le_bytes(length.try_into().ok()?);
    let (header, payload) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    let header = serde_json::from_slice(header).ok()?;
    Some((header, body.len() - payload.len()..body.len()))
}
