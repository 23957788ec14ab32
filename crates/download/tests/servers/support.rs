//! A folder to download to, and short ways to do it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tunefork_download::{DownloadError, Failure, FetchOptions, Fetched, Wanted, fetch};

use crate::server::Server;

/// Bytes without a pattern that a wrong offset could hide in.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// Waits that a test can wait for.
pub(crate) fn quick() -> FetchOptions {
    FetchOptions { backoff: vec![Duration::from_millis(1); 3], ..FetchOptions::default() }
}

pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The names of what lies here, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).expect("the folder");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).expect(name)
    }

    /// The file `set.zip` that has these bytes.
    pub(crate) fn published(&self, bytes: &[u8], servers: &[&Server]) -> Wanted {
        Wanted {
            path: self.path("set.zip"),
            urls: servers.iter().map(|server| server.url("set.zip")).collect(),
            length: bytes.len() as u64,
            sha256: sha256(bytes),
            published_by: "the test".to_owned(),
        }
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    base16ct::lower::encode_string(&Sha256::digest(bytes))
}

pub(crate) fn get(wanted: &Wanted) -> Result<Fetched, DownloadError> {
    fetch(wanted, &quick(), &mut |_| {})
}

/// Why each address did not work, where none did.
#[track_caller]
pub(crate) fn failures(wanted: &Wanted) -> Vec<Failure> {
    match get(wanted) {
        Err(DownloadError::Nowhere { failures, .. }) => failures.into_iter().map(|(_, failure)| failure).collect(),
        other => panic!("{other:?}"),
    }
}
