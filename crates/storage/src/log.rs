//! The write-ahead log beside a database, as far as its file shows.

use crate::beside::{Identity, beside};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// What a write-ahead log begins with (https://www.sqlite.org/fileformat2.html#walformat).
const MAGIC: [u32; 2] = [0x377f_0682, 0x377f_0683];

/// Which file a log is, how long, and whether it begins as one. What is cut short while it is written is as long as before,
/// but for a hole at its beginning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Log {
    pub(crate) identity: Identity,
    pub(crate) bytes: u64,
    pub(crate) begins: bool,
}

impl Log {
    /// The log of the database at `path`. SQLite has no locks on it that closing it would free.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let mut file = File::open(log_of(path))?;
        let metadata = file.metadata()?;
        let mut magic = [0; 4];
        let begins = file.read_exact(&mut magic).is_ok() && MAGIC.contains(&u32::from_be_bytes(magic));
        Ok(Log { identity: Identity::from(&metadata), bytes: metadata.len(), begins: begins || metadata.len() == 0 })
    }
}

pub(crate) fn log_of(path: &Path) -> PathBuf {
    beside(path, "-wal")
}

/// Whether there is a log with something in it, such as a kill leaves.
pub(crate) fn is_log_left(path: &Path) -> bool {
    std::fs::metadata(log_of(path)).is_ok_and(|log| log.len() > 0)
}
