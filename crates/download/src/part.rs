//! The part of a file that has arrived, on the disk and in a digest.

use std::fs::{self, File, TryLockError};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::Digest;
use crate::digest::Hasher;
use crate::error::DownloadError;
use crate::record::{with_ending, write_whole};

/// What a part was begun from; a server that still has this can go on with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The address that was asked, before redirects.
    pub url: String,
    /// The server's strong ETag.
    pub etag: Option<String>,
    /// The server's Last-Modified.
    pub modified: Option<String>,
    /// Bytes of the whole file, where the server told.
    pub length: Option<u64>,
}

impl Origin {
    /// What `If-Range` asks a server to compare.
    pub(crate) fn validator(&self) -> Option<&str> {
        self.etag.as_deref().or(self.modified.as_deref())
    }

    fn text(&self) -> String {
        let mut text = format!("url: {}\n", self.url);
        let length = self.length.map(|length| length.to_string());
        for (key, value) in [("etag", &self.etag), ("last-modified", &self.modified), ("length", &length)] {
            if let Some(value) = value {
                text.push_str(&format!("{key}: {value}\n"));
            }
        }
        text
    }

    fn parse(text: &str) -> Option<Self> {
        let mut origin = Self::default();
        for line in text.lines() {
            let (key, value) = line.split_once(": ")?;
            match key {
                "url" => origin.url = value.to_owned(),
                "etag" => origin.etag = Some(value.to_owned()),
                "last-modified" => origin.modified = Some(value.to_owned()),
                "length" => origin.length = Some(value.parse().ok()?),
                _ => return None,
            }
        }
        (!origin.url.is_empty()).then_some(origin)
    }
}

/// `NAME.part`, locked against other processes, with `NAME.part.from` that says its origin.
///
/// Bytes are written without a buffer, so that a killed program leaves all that it has received.
#[derive(Debug)]
pub(crate) struct Part {
    target: PathBuf,
    path: PathBuf,
    file: File,
    hasher: Hasher,
    length: u64,
    origin: Option<Origin>,
}

impl Part {
    /// Opens or creates the part of the file at `target`, and reads what is there into the digest.
    pub(crate) fn open(target: &Path) -> Result<Self, DownloadError> {
        let path = with_ending(target, ".part");
        let failed = |action, error| DownloadError::io(action, &path, error);
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| failed("create", error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(DownloadError::InUse { path }),
            Err(TryLockError::Error(error)) => return Err(failed("lock", error)),
        }
        let mut hasher = Hasher::default();
        let is_empty = file.metadata().is_ok_and(|found| found.len() == 0);
        let length = match is_empty {
            true => 0,
            false => hasher.read(&mut file).map_err(|error| failed("read", error))?,
        };
        let note = fs::read_to_string(with_ending(&path, ".from"));
        Ok(Self {
            target: target.to_path_buf(),
            origin: note.ok().and_then(|text| Origin::parse(&text)),
            path,
            file,
            hasher,
            length,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that are here.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    pub(crate) fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// The digest of what is here.
    pub(crate) fn digest(&self) -> Digest {
        self.hasher.digest()
    }

    /// Throws away what is here; what comes next has another origin.
    pub(crate) fn restart(&mut self, origin: Origin) -> Result<(), DownloadError> {
        self.clear()?;
        // Only now: the old bytes must never stand beside the new origin.
        write_whole(&self.note(), &origin.text())?;
        self.origin = Some(origin);
        Ok(())
    }

    /// Throws away what is here.
    pub(crate) fn clear(&mut self) -> Result<(), DownloadError> {
        if self.length > 0 {
            let emptied = self.file.set_len(0).and_then(|()| self.file.rewind());
            emptied.map_err(|error| DownloadError::io("empty", &self.path, error))?;
        }
        self.length = 0;
        self.hasher = Hasher::default();
        self.origin = None;
        Ok(())
    }

    /// Adds bytes at the end.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), DownloadError> {
        if let Err(error) = self.file.write_all(bytes) {
            // Where the write stopped is not known.
            self.length = self.file.seek(SeekFrom::End(0)).unwrap_or(self.length);
            return Err(match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    DownloadError::DiskFull { path: self.path.clone(), kept: self.length, source: error }
                }
                _ => DownloadError::io("write", &self.path, error),
            });
        }
        self.hasher.add(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Makes the part the whole file, in one step.
    pub(crate) fn finish(self) -> Result<(), DownloadError> {
        let failed = |action, error| DownloadError::io(action, &self.path, error);
        // Without this a power cut could leave the new name with no content behind it.
        self.file.sync_all().map_err(|error| failed("write", error))?;
        fs::rename(&self.path, &self.target).map_err(|error| failed("rename", error))?;
        let _ = fs::remove_file(self.note());
        // Not every system can do this for a folder, and the file is whole in any case.
        if let Some(folder) = self.target.parent() {
            let _ = File::open(folder).and_then(|folder| folder.sync_all());
        }
        Ok(())
    }

    /// Removes the part if it holds nothing that is worth keeping.
    pub(crate) fn tidy(self) {
        if self.length == 0 {
            let _ = fs::remove_file(self.note());
            let _ = fs::remove_file(&self.path);
        }
    }

    fn note(&self) -> PathBuf {
        with_ending(&self.path, ".from")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin {
            url: "https://example.org/a: b.zip".to_owned(),
            etag: Some("\"abc\"".to_owned()),
            modified: Some("Sun, 06 Nov 1994 08:49:37 GMT".to_owned()),
            length: Some(7),
        }
    }

    #[test]
    fn an_origin_is_read_as_it_was_written() {
        assert_eq!(Origin::parse(&origin().text()), Some(origin()));
        let bare = Origin { url: "http://example.org/".to_owned(), ..Origin::default() };
        assert_eq!(Origin::parse(&bare.text()), Some(bare));
        for damaged in ["", "etag: \"a\"\n", "url: x\nlength: -1\n", "url\n", "url: x\ncolour: y\n"] {
            assert_eq!(Origin::parse(damaged), None, "{damaged:?}");
        }
    }

    #[test]
    fn a_part_goes_on_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("set.zip");
        let mut part = Part::open(&target).unwrap();
        part.restart(origin()).unwrap();
        part.append(b"abc").unwrap();
        // As a kill would leave it.
        drop(part);
        let mut part = Part::open(&target).unwrap();
        assert_eq!((part.length(), part.origin()), (3, Some(&origin())));
        part.append(b"def").unwrap();
        assert_eq!(part.digest(), Digest::of(b"abcdef"));
        part.finish().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"abcdef");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_part_has_one_writer() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("set.zip");
        let first = Part::open(&target).unwrap();
        let second = Part::open(&target).unwrap_err();
        assert!(matches!(second, DownloadError::InUse { .. }), "{second}");
        drop(first);
        Part::open(&target).unwrap();
    }

    #[test]
    fn nothing_is_left_of_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut part = Part::open(&folder.path().join("set.zip")).unwrap();
        part.restart(origin()).unwrap();
        part.tidy();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    /// Linux has a device that is always full.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_told_as_such() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("set.zip");
        std::os::unix::fs::symlink("/dev/full", with_ending(&target, ".part")).unwrap();
        let mut part = Part::open(&target).unwrap();
        part.restart(origin()).unwrap();
        let error = part.append(b"abc").unwrap_err();
        assert!(matches!(error, DownloadError::DiskFull { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("make room and run the same command again"), "{text}");
    }
}
