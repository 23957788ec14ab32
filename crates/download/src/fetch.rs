//! One file, from the first address that gives it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::digest::Digest;
use crate::error::{DownloadError, Failure};
use crate::options::{FetchOptions, WORTHWHILE_PROGRESS};
use crate::part::Part;
use crate::record::Record;
use crate::transfer::{Transfer, Trouble};

/// The longest sleep before it is seen whether to stop.
const STOP_INTERVAL: Duration = Duration::from_millis(50);

/// A file to fetch.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Where it shall lie. Its folder is created.
    pub path: PathBuf,
    /// Where it can be had, in the order in which they are tried: http or https.
    pub urls: Vec<String>,
    /// Its length in bytes where that is known for sure; anything else is refused.
    pub length: Option<u64>,
    /// The most bytes that are taken.
    pub limit: u64,
    /// Its digest, and who publishes that, where somebody does.
    pub published: Option<(Digest, String)>,
}

/// A file that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Where it lies.
    pub path: PathBuf,
    /// Its length in bytes.
    pub length: u64,
    /// Its SHA-256.
    pub digest: Digest,
    /// Who says that this is the right digest.
    pub basis: Basis,
    /// Whether it was there before.
    pub was_there: bool,
}

/// Who says what a file's digest should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Somebody publishes it: these.
    Published(String),
    /// Nobody does; it was recorded when the file first came here, as these words say.
    Recorded(String),
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Published(by) => write!(f, "published by {by}"),
            Self::Recorded(origin) => write!(f, "recorded here, not published: {origin}"),
        }
    }
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
    /// Bytes have arrived.
    Progress {
        /// Bytes that are here.
        done: u64,
        /// Bytes of the whole file, where that is known.
        length: Option<u64>,
    },
    /// An address did not work and is tried again.
    Retry {
        /// The address.
        url: &'a str,
        /// Why it did not work.
        failure: &'a Failure,
        /// How long is waited before.
        wait: Duration,
    },
    /// An address did not work and is given up.
    GivenUp {
        /// The address.
        url: &'a str,
        /// Why it did not work.
        failure: &'a Failure,
    },
    /// The file is there.
    Done(&'a Fetched),
}

/// Fetches a file, goes on with one, or finds that it is there.
///
/// `listen` is told what happens. A file that is there is read and compared with the digest that is
/// published or recorded.
///
/// # Errors
/// [`DownloadError::Nowhere`] when no address gives the file, [`DownloadError::Differs`] when another
/// file is there, [`DownloadError::InUse`] when another process fetches it, and what the system refuses.
pub fn fetch(
    wanted: &Wanted,
    options: &FetchOptions,
    listen: &mut dyn FnMut(Event<'_>),
) -> Result<Fetched, DownloadError> {
    let expected = Expected::of(wanted)?;
    let there = match look(wanted, &expected)? {
        Some(there) => there,
        None => bring(wanted, &expected, options, listen)?,
    };
    listen(Event::Done(&there));
    Ok(there)
}

/// The digest that a file must have, if anybody knows.
struct Expected(Option<(Digest, Basis)>);

impl Expected {
    fn of(wanted: &Wanted) -> Result<Self, DownloadError> {
        if let Some((digest, by)) = &wanted.published {
            return Ok(Self(Some((*digest, Basis::Published(by.clone())))));
        }
        let record = Record::of(&wanted.path)?;
        Ok(Self(record.map(|record| (record.digest, Basis::Recorded(record.origin)))))
    }

    /// The expected digest and its basis, if `found` is another one.
    fn contradicts(&self, found: Digest, target: &Path) -> Option<(Digest, String)> {
        let (digest, basis) = self.0.as_ref().filter(|(digest, _)| *digest != found)?;
        let record = Record::path(target);
        let basis = match basis {
            Basis::Published(_) => basis.to_string(),
            Basis::Recorded(_) => {
                format!("{basis}; remove `{}` to take another file for the right one", record.display())
            }
        };
        Some((*digest, basis))
    }

    /// Who says that the file with the digest of `record` is right; from now on the record does,
    /// where nobody said anything before.
    fn settle(&self, record: Record, target: &Path) -> Result<Basis, DownloadError> {
        match &self.0 {
            Some((_, basis)) => Ok(basis.clone()),
            None => {
                record.write(target)?;
                Ok(Basis::Recorded(record.origin))
            }
        }
    }
}

/// The file, if it is there.
fn look(wanted: &Wanted, expected: &Expected) -> Result<Option<Fetched>, DownloadError> {
    let path = &wanted.path;
    if !path.exists() {
        return Ok(None);
    }
    let read = Digest::of_file(path);
    let (digest, length) = read.map_err(|error| DownloadError::io("read", path, error))?;
    if let Some((expected, basis)) = expected.contradicts(digest, path) {
        return Err(DownloadError::Differs { path: path.clone(), found: digest, expected, basis });
    }
    Ok(Some(Fetched {
        path: path.clone(),
        length,
        digest,
        basis: expected.settle(Record::of_file(digest), path)?,
        was_there: true,
    }))
}

/// The file, from the first address that gives it.
fn bring(
    wanted: &Wanted,
    expected: &Expected,
    options: &FetchOptions,
    listen: &mut dyn FnMut(Event<'_>),
) -> Result<Fetched, DownloadError> {
    if let Some(folder) = wanted.path.parent().filter(|f| !f.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| DownloadError::io("create", folder, error))?;
    }
    let mut part = Part::open(&wanted.path)?;
    // Another process may have made a file of the part between the look and the lock.
    if let Some(there) = look(wanted, expected)? {
        return Ok(there);
    }
    let mut failures = Vec::new();
    for url in &wanted.urls {
        let found = from_address(url, &mut part, wanted, expected, options, listen)?;
        match found {
            Ok(digest) => {
                let record = Record::of_download(digest, url);
                let length = part.length();
                let basis = expected.settle(record, &wanted.path)?;
                part.finish()?;
                return Ok(Fetched { path: wanted.path.clone(), length, digest, basis, was_there: false });
            }
            Err(failure) => {
                listen(Event::GivenUp { url, failure: &failure });
                failures.push((url.clone(), failure));
            }
        }
    }
    part.tidy();
    Err(DownloadError::Nowhere { path: wanted.path.clone(), failures })
}

/// Tries one address, again after each of the waits, until the part is whole and right.
fn from_address(
    url: &str,
    part: &mut Part,
    wanted: &Wanted,
    expected: &Expected,
    options: &FetchOptions,
    listen: &mut dyn FnMut(Event<'_>),
) -> Result<Result<Digest, Failure>, DownloadError> {
    let is_known = expected.0.is_some();
    let mut transfer = Transfer::new(url, wanted, is_known, options);
    let mut waits = options.backoff.iter();
    let mut most = part.length();
    loop {
        let failure = match transfer.run(part, listen) {
            Ok(()) => {
                let found = part.digest();
                let Some((expected, basis)) = expected.contradicts(found, &wanted.path) else {
                    return Ok(Ok(found));
                };
                part.clear()?;
                if transfer.take_foreign() {
                    // The fault may lie in what was here before, not in what this server sent.
                    continue;
                }
                return Ok(Err(Failure::Digest { expected, found, basis }));
            }
            Err(Trouble::Again(failure)) => failure,
            Err(Trouble::Here(failure)) => return Ok(Err(failure)),
            Err(Trouble::End(error)) => return Err(error),
        };
        if part.length() >= most + WORTHWHILE_PROGRESS {
            most = part.length();
            waits = options.backoff.iter();
        }
        let Some(wait) = waits.next() else {
            return Ok(Err(failure));
        };
        listen(Event::Retry { url, failure: &failure, wait: *wait });
        sleep(*wait, part, options)?;
    }
}

/// Sleeps, unless it is time to stop.
fn sleep(wait: Duration, part: &Part, options: &FetchOptions) -> Result<(), DownloadError> {
    let start = Instant::now();
    loop {
        if options.is_stopped() {
            return Err(DownloadError::Stopped { path: part.path().to_path_buf(), kept: part.length() });
        }
        match wait.checked_sub(start.elapsed()) {
            Some(left) if !left.is_zero() => thread::sleep(left.min(STOP_INTERVAL)),
            _ => return Ok(()),
        }
    }
}
