//! What can go wrong with a download, in two types: for one address, and for the whole.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use tunefork_names::bytes;

use crate::part::PartFile;

/// Why a file was not downloaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DownloadError {
    /// The system refused a file operation.
    #[error("cannot {action} `{}`: {source}{}", path.display(), way_out(source))]
    Io {
        /// What was tried: "read", "write", "lock" ...
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why the system refused.
        source: io::Error,
    },
    /// Another process downloads the same file.
    #[error("`{}` is written by another download; wait for it or stop it", path.display())]
    InUse {
        /// The part that the other process writes.
        path: PathBuf,
    },
    /// The caller wanted to stop.
    #[error("stopped; {} are kept in `{}`, and the same command goes on there", bytes(*kept), path.display())]
    Stopped {
        /// The part that is kept.
        path: PathBuf,
        /// Bytes that are kept in it.
        kept: u64,
    },
    /// A file of this name is there already, and it is another one.
    #[error(
        "`{}` is there, but its SHA-256 is {found}, not {expected} ({basis}); \
         move it away and run the same command again",
        path.display()
    )]
    Differs {
        /// The file that is there.
        path: PathBuf,
        /// Its SHA-256, as 64 small hexadecimal digits.
        found: String,
        /// What the digest should be.
        expected: String,
        /// Who publishes the expected one.
        basis: String,
    },
    /// No address gave the file.
    #[error("cannot download `{}`: {}{by_hand}", path.display(), list(failures))]
    Nowhere {
        /// Where the file would lie.
        path: PathBuf,
        /// Each address that was tried, and why it did not work.
        failures: Vec<(String, Failure)>,
        /// Of a file of a known set: what to do by hand, after a semicolon.
        by_hand: String,
    },
    /// The set has no address that a program can fetch.
    #[error("`{name}` cannot be downloaded by a program: {by_hand}")]
    ByHand {
        /// The name of the set in the catalogue.
        name: &'static str,
        /// A sentence that says what to fetch by hand, from where, and where to put it.
        by_hand: String,
    },
    /// The mirror is no address.
    #[error("the mirror is `{0}`; an address that begins with http:// or https:// is needed")]
    Mirror(String),
}

impl DownloadError {
    /// Wraps a system error with what was tried and where.
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_path_buf(), source }
    }

    pub(crate) fn stopped(part: &PartFile) -> Self {
        Self::Stopped { path: part.path().to_path_buf(), kept: part.length() }
    }

    /// Whether what was given is at fault, not the network or the machine.
    #[must_use]
    pub fn is_input(&self) -> bool {
        matches!(self, Self::Mirror(_) | Self::ByHand { .. })
    }
}

/// Why one address did not give the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// No connection came about: no network, no such host, nobody who listens.
    #[error("cannot be reached ({0})")]
    Unreachable(String),
    /// The server answered with something else than the file.
    #[error("the server answered {0}")]
    Status(u16),
    /// The connection ended, or went silent, before the file was whole.
    #[error("the transfer broke off after {received} bytes of {length} ({reason})")]
    Cut {
        /// Bytes that have arrived in all.
        received: u64,
        /// Bytes of the whole file.
        length: u64,
        /// What the connection came to, in words.
        reason: String,
    },
    /// The file is of another length than it should be.
    #[error("the server has a file of {found} bytes; {expected} are expected")]
    Length {
        /// Bytes that the file should have.
        expected: u64,
        /// What the server says.
        found: u64,
    },
    /// The file is longer than it should be, which the server did not say before.
    #[error("the server sends more than the {} that are taken", bytes(*limit))]
    TooLong {
        /// Bytes that the file should have.
        limit: u64,
    },
    /// The bytes are not those of the file.
    #[error("the SHA-256 of what came is {found}, not {expected} ({basis}); it was thrown away")]
    Digest {
        /// What it should be.
        expected: String,
        /// The SHA-256 of what came.
        found: String,
        /// Who says what it should be.
        basis: String,
    },
    /// The address or the answer cannot be used.
    #[error("{0}")]
    Protocol(String),
}

fn list(failures: &[(String, Failure)]) -> impl fmt::Display {
    let each = failures.iter().map(|(url, failure)| format!("{url}: {failure}"));
    each.collect::<Vec<_>>().join("; ")
}

/// What to do about an obstacle of the system, where that is known.
fn way_out(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; what has arrived is kept: make room and run the same command again"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; check the permissions, or choose another folder"
        }
        _ => "",
    }
}
