//! One file, from the first address that gives it.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{DownloadError, Failure};
use crate::options::{FetchOptions, without_user};
use crate::part::{PartFile, sha256_of};
use crate::transfer::{Transfer, TransferError};

/// The longest sleep before it is seen whether to stop.
const STOP_INTERVAL: Duration = Duration::from_millis(50);

/// Bytes after which a connection that broke off was worth it: the waits then begin anew.
const WORTHWHILE_PROGRESS: u64 = 1024 * 1024;

/// A file to fetch.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Where it shall lie. Its folder is created.
    pub path: PathBuf,
    /// Where it can be had, in the order in which they are tried: http or https.
    pub urls: Vec<String>,
    /// Its length in bytes; anything else is refused.
    pub length: u64,
    /// Its SHA-256, as 64 small hexadecimal digits.
    pub sha256: String,
    /// Who says that this is its digest.
    pub published_by: String,
}

impl Wanted {
    /// The digest's origin, for messages.
    fn basis(&self) -> String {
        format!("published by {}", self.published_by)
    }
}

/// A file that is there and has the digest that it should have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Where the file lies.
    pub path: PathBuf,
    /// Its length in bytes.
    pub length: u64,
    /// Its SHA-256, as 64 small hexadecimal digits.
    pub sha256: String,
    /// Who says that this is the right digest: "published by ...".
    pub basis: String,
    /// Whether it was there before.
    pub was_there: bool,
}

/// What happens while files are fetched.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A file comes next.
    File {
        /// Where it will lie.
        path: &'a Path,
        /// Its number among the files of a set, from 1.
        number: usize,
        /// Files of the set.
        files: usize,
    },
    /// A server sends the file.
    Started {
        /// The address that was asked.
        url: &'a str,
        /// Bytes that were here already.
        resumed: u64,
    },
    /// Bytes have arrived, or the server is about to send.
    Progress {
        /// Bytes that are here.
        done: u64,
        /// Bytes of the whole file.
        length: u64,
    },
    /// An address did not work and is tried again.
    Retry {
        /// The address that failed.
        url: &'a str,
        /// Why it did not work.
        failure: &'a Failure,
        /// How long is waited before.
        wait: Duration,
    },
    /// An address did not work and is given up.
    GivenUp {
        /// The address that failed for good.
        url: &'a str,
        /// Why it did not work.
        failure: &'a Failure,
    },
    /// The file is there.
    Done(&'a Fetched),
}

/// Fetches a file, goes on with one, or finds that it is there.
///
/// `listen` is told what happens. A file that is there is read and compared with the digest.
///
/// # Errors
/// [`DownloadError::Nowhere`] when no address gives the file, [`DownloadError::Differs`] when another
/// file is there, [`DownloadError::InUse`] when another process fetches it, and what the system refuses.
pub fn fetch(
    wanted: &Wanted,
    options: &FetchOptions,
    listen: &mut dyn FnMut(Event<'_>),
) -> Result<Fetched, DownloadError> {
    let was_there = is_there(wanted)? || !bring(wanted, options, listen)?;
    let fetched = Fetched {
        path: wanted.path.clone(),
        length: wanted.length,
        sha256: wanted.sha256.clone(),
        basis: wanted.basis(),
        was_there,
    };
    listen(Event::Done(&fetched));
    Ok(fetched)
}

/// Whether the file is there; another one in its place is an error.
fn is_there(wanted: &Wanted) -> Result<bool, DownloadError> {
    let path = &wanted.path;
    if !path.exists() {
        return Ok(false);
    }
    let found = sha256_of(path).map_err(|error| DownloadError::io("read", path, error))?;
    if found == wanted.sha256 {
        return Ok(true);
    }
    Err(DownloadError::Differs { path: path.clone(), found, expected: wanted.sha256.clone(), basis: wanted.basis() })
}

/// Brings the file from the first address that gives it; false if another process was faster.
fn bring(wanted: &Wanted, options: &FetchOptions, listen: &mut dyn FnMut(Event<'_>)) -> Result<bool, DownloadError> {
    if let Some(folder) = wanted.path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| DownloadError::io("create", folder, error))?;
    }
    let mut part = PartFile::open(&wanted.path)?;
    // Another process may have made a file of the part between the look and the lock.
    if is_there(wanted)? {
        return Ok(false);
    }
    let mut failures = Vec::new();
    for url in &wanted.urls {
        let Some(failure) = from_address(url, &mut part, wanted, options, listen)? else {
            part.finish()?;
            return Ok(true);
        };
        let url = without_user(url);
        listen(Event::GivenUp { url: &url, failure: &failure });
        failures.push((url, failure));
    }
    part.tidy();
    Err(DownloadError::Nowhere { path: wanted.path.clone(), failures, by_hand: String::new() })
}

/// Tries one address, again after each of the waits, until the part is whole and right: then there is no failure.
fn from_address(
    url: &str,
    part: &mut PartFile,
    wanted: &Wanted,
    options: &FetchOptions,
    listen: &mut dyn FnMut(Event<'_>),
) -> Result<Option<Failure>, DownloadError> {
    let mut transfer = Transfer::new(url, wanted, options);
    let mut waits = options.backoff.iter();
    let mut most = part.length();
    // The fault may lie in how pieces fit together, or in what was here before: then all is fetched once in one piece.
    let (mut is_pieced, mut is_second) = (false, false);
    loop {
        is_pieced |= part.length() > 0;
        let failure = match transfer.run(part, listen) {
            Ok(()) if part.sha256() == wanted.sha256 => return Ok(None),
            Ok(()) => {
                let found = part.sha256();
                part.clear()?;
                if is_pieced && !is_second {
                    is_second = true;
                    continue;
                }
                return Ok(Some(Failure::Digest { expected: wanted.sha256.clone(), found, basis: wanted.basis() }));
            }
            Err(TransferError::Retry(failure)) => failure,
            Err(TransferError::GiveUp(failure)) => return Ok(Some(failure)),
            Err(TransferError::Abort(error)) => return Err(error),
        };
        if part.length() >= most + WORTHWHILE_PROGRESS {
            most = part.length();
            waits = options.backoff.iter();
        }
        let Some(wait) = waits.next() else {
            return Ok(Some(failure));
        };
        listen(Event::Retry { url: &without_user(url), failure: &failure, wait: *wait });
        sleep(*wait, part, options)?;
    }
}

/// Sleeps, unless it is time to stop.
fn sleep(wait: Duration, part: &PartFile, options: &FetchOptions) -> Result<(), DownloadError> {
    let end = Instant::now() + wait;
    while !options.is_stopped() {
        match end.saturating_duration_since(Instant::now()) {
            Duration::ZERO => return Ok(()),
            left => thread::sleep(left.min(STOP_INTERVAL)),
        }
    }
    Err(DownloadError::stopped(part))
}
