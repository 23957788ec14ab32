//! Digests that were recorded here because nobody publishes one.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::Digest;
use crate::error::DownloadError;

/// How the comment line of a record begins.
const COMMENT: &str = "# recorded ";

/// What a file's digest was when it first came here, and where it came from.
///
/// It lies beside the file as `NAME.sha256`, in the form that `sha256sum --check` reads:
///
/// ```text
/// # recorded 2026-01-31T12:00:00Z at the first download from https://..., published by nobody
/// ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  NAME
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The digest at that time.
    pub digest: Digest,
    /// When and how it was recorded, as words after "recorded".
    pub origin: String,
}

impl Record {
    /// A record of now, for what was downloaded from `url`.
    pub(crate) fn of_download(digest: Digest, url: &str) -> Self {
        Self::new(digest, &format!("at the first download from {url}"))
    }

    /// A record of now, for a file that somebody put here.
    pub(crate) fn of_file(digest: Digest) -> Self {
        Self::new(digest, "of a file that was here already")
    }

    fn new(digest: Digest, origin: &str) -> Self {
        let now = Timestamp::now().as_second();
        // A clock beyond the year 9999 is no reason to lose a download.
        let date = Timestamp::from_second(now).unwrap_or(Timestamp::UNIX_EPOCH);
        let origin = format!("{date} {origin}, published by nobody");
        Self { digest, origin }
    }

    /// Where the record of the file at `target` lies.
    #[must_use]
    pub fn path(target: &Path) -> PathBuf {
        with_ending(target, ".sha256")
    }

    /// The record of the file at `target`, if there is one.
    ///
    /// # Errors
    /// When it cannot be read, or is no record: whoever trusts the file then removes it.
    pub fn of(target: &Path) -> Result<Option<Self>, DownloadError> {
        let path = Self::path(target);
        match fs::read_to_string(&path) {
            Ok(text) => match Self::parse(&text) {
                Some(record) => Ok(Some(record)),
                None => Err(DownloadError::BadRecord { path }),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(DownloadError::io("read", &path, error)),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (comments, lines): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with('#'));
        let origin = comments.iter().find_map(|line| line.strip_prefix(COMMENT));
        let [line] = lines.as_slice() else {
            return None;
        };
        Some(Self {
            digest: Digest::parse(line.split_whitespace().next()?)?,
            origin: origin.unwrap_or("here").to_owned(),
        })
    }

    /// Writes the record of the file at `target`.
    pub(crate) fn write(&self, target: &Path) -> Result<(), DownloadError> {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let text = format!("{COMMENT}{}\n{}  {name}\n", self.origin, self.digest);
        write_whole(&Self::path(target), &text)
    }
}

/// `path` with more at the end of its name.
pub(crate) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(ending);
    path.with_file_name(name)
}

/// Writes a small file so that it is there as a whole or not at all.
pub(crate) fn write_whole(path: &Path, text: &str) -> Result<(), DownloadError> {
    let draft = with_ending(path, ".draft");
    let write = || {
        let mut file = File::create(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        fs::rename(&draft, path)
    };
    write().map_err(|error| {
        let _ = fs::remove_file(&draft);
        DownloadError::io("write", path, error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("set.zip");
        assert_eq!(Record::of(&target).unwrap(), None);
        let record = Record::of_download(Digest::of(b"abc"), "https://example.org/set.zip");
        record.write(&target).unwrap();
        assert_eq!(Record::of(&target).unwrap(), Some(record));
        let text = fs::read_to_string(folder.path().join("set.zip.sha256")).unwrap();
        assert!(text.contains("first download from https://example.org/set.zip, published by nobody"));
        assert!(text.ends_with("15ad  set.zip\n"), "{text}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_record_of_others_is_taken_and_a_damaged_one_refused() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("set.zip");
        let digest = Digest::of(b"abc");
        fs::write(Record::path(&target), format!("{digest} *set.zip\n")).unwrap();
        assert_eq!(Record::of(&target).unwrap().unwrap().digest, digest);
        fs::write(Record::path(&target), "15ad  set.zip\n").unwrap();
        let error = Record::of(&target).unwrap_err().to_string();
        assert!(error.contains("set.zip.sha256` is no record"), "{error}");
    }
}
