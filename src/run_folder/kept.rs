//! Whose model lies in the run folder.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Error;
use crate::files::write_atomically;

/// Largest `best.json` that is read: the digests of thousands of trainings take less.
const MAX_BYTES: u64 = 1 << 20;

/// Largest model that is read, in bytes, as of those that are used.
const MAX_MODEL_BYTES: u64 = 1 << 34;

/// What `best.json` holds: the trial whose models were kept last, and how to know these again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// A digest of what the study is.
    pub study: String,
    /// Number of the trial.
    pub trial: u32,
    /// SHA-256 of its models, one for each training.
    pub sha256: Vec<String>,
}

impl Kept {
    /// What the file holds; nothing where it is missing or damaged.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&tunefork_atomic_file::read(path, MAX_BYTES).ok()?).ok()
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(self).expect("plain values can be written") + "\n";
        write_atomically(path, text.as_bytes())
    }
}

/// By which a model is known again.
pub(crate) fn digest(model: &[u8]) -> String {
    Sha256::digest(model).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The digest of a model's file; nothing where it is missing or cannot be read.
pub(crate) fn digest_of(path: &Path) -> Option<String> {
    tunefork_atomic_file::read(path, MAX_MODEL_BYTES).ok().map(|model| digest(&model))
}
