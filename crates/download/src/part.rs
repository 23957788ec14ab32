//! The part of a file that has arrived, on the disk and in a digest.

use std::fs::{self, File, TryLockError};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use tunefork_atomic_file::{commit, with_ending};

use crate::digest::Hasher;
use crate::error::DownloadError;

/// `NAME.part`, locked against other processes.
///
/// Bytes are written without a buffer, so that a killed program leaves all that it has received.
#[derive(Debug)]
pub(crate) struct Part {
    target: PathBuf,
    path: PathBuf,
    file: File,
    hasher: Hasher,
    length: u64,
}

impl Part {
    /// Opens or creates the part of the file at `target`, and reads what is there into the digest.
    pub(crate) fn open(target: &Path) -> Result<Self, DownloadError> {
        let path = with_ending(target, ".part");
        let failed = |action, error| DownloadError::io(action, &path, error);
        let opened = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = opened.map_err(|error| failed("create", error))?;
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
        Ok(Self { target: target.to_path_buf(), path, file, hasher, length })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that are here.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// The digest of what is here.
    pub(crate) fn sha256(&self) -> String {
        self.hasher.sha256()
    }

    /// Throws away what is here.
    pub(crate) fn clear(&mut self) -> Result<(), DownloadError> {
        if self.length > 0 {
            let emptied = self.file.set_len(0).and_then(|()| self.file.rewind());
            emptied.map_err(|error| DownloadError::io("empty", &self.path, error))?;
        }
        self.length = 0;
        self.hasher = Hasher::default();
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

    /// Makes the part the whole file, in one step. It stays locked until then.
    pub(crate) fn finish(self) -> Result<(), DownloadError> {
        commit(&self.file, &self.path, &self.target).map_err(|error| DownloadError::io("write", &self.target, error))
    }

    /// Removes the part if it holds nothing.
    pub(crate) fn tidy(self) {
        if self.length == 0 {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_goes_on_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("set.zip");
        let mut part = Part::open(&target).unwrap();
        part.append(b"abc").unwrap();
        // As a kill would leave it.
        drop(part);
        let mut part = Part::open(&target).unwrap();
        assert_eq!(part.length(), 3);
        part.append(b"def").unwrap();
        let mut whole = Hasher::default();
        whole.add(b"abcdef");
        assert_eq!(part.sha256(), whole.sha256());
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
        Part::open(&folder.path().join("set.zip")).unwrap().tidy();
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
        let error = part.append(b"abc").unwrap_err();
        assert!(matches!(error, DownloadError::DiskFull { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("make room and run the same command again"), "{text}");
    }
}
