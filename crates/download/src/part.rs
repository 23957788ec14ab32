//! The part of a file that has arrived, on the disk and in a digest.

use std::fs::{self, File, TryLockError};
use std::io::{self, Seek as _, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tunefork_atomic_file::{commit, with_ending};

use crate::error::DownloadError;

/// A SHA-256 under way.
#[derive(Debug, Default)]
struct Hasher(Sha256);

impl Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Hasher {
    /// The digest of what was written until now, as 64 small hexadecimal digits.
    fn sha256(&self) -> String {
        base16ct::lower::encode_string(&self.0.clone().finalize())
    }
}

/// The SHA-256 of the file at `path`.
pub(crate) fn sha256_of(path: &Path) -> io::Result<String> {
    let mut hasher = Hasher::default();
    io::copy(&mut tunefork_atomic_file::open(path)?, &mut hasher)?;
    Ok(hasher.sha256())
}

/// `NAME.part`, locked against other processes.
///
/// Bytes are written without a buffer, so that a killed program leaves all that it has received.
#[derive(Debug)]
pub(crate) struct PartFile {
    target: PathBuf,
    path: PathBuf,
    file: File,
    hasher: Hasher,
    length: u64,
}

impl PartFile {
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
        let length = match file.metadata().is_ok_and(|found| found.len() == 0) {
            true => 0,
            false => io::copy(&mut file, &mut hasher).map_err(|error| failed("read", error))?,
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

    pub(crate) fn clear(&mut self) -> Result<(), DownloadError> {
        if self.length > 0 {
            let emptied = self.file.set_len(0).and_then(|()| self.file.rewind());
            emptied.map_err(|error| DownloadError::io("empty", &self.path, error))?;
        }
        self.length = 0;
        self.hasher = Hasher::default();
        Ok(())
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), DownloadError> {
        self.file.write_all(bytes).map_err(|error| DownloadError::io("write", &self.path, error))?;
        self.hasher.0.update(bytes);
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
    fn a_file_is_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, b"abc").unwrap();
        // The first example of FIPS 180-2.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_of(&path).unwrap(), abc);
        let bytes = vec![7; 200_005];
        fs::write(&path, &bytes).unwrap();
        assert_eq!(sha256_of(&path).unwrap(), base16ct::lower::encode_string(&Sha256::digest(&bytes)));
    }

    #[test]
    fn a_part_goes_on_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("set.zip");
        let mut part = PartFile::open(&target).unwrap();
        part.append(b"abc").unwrap();
        // As a kill would leave it.
        drop(part);
        let mut part = PartFile::open(&target).unwrap();
        assert_eq!(part.length(), 3);
        part.append(b"def").unwrap();
        let sha256 = part.sha256();
        part.finish().unwrap();
        assert_eq!(sha256, sha256_of(&target).unwrap());
        assert_eq!(fs::read(&target).unwrap(), b"abcdef");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_part_has_one_writer() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("set.zip");
        let first = PartFile::open(&target).unwrap();
        let second = PartFile::open(&target).unwrap_err();
        assert!(matches!(second, DownloadError::InUse { .. }), "{second}");
        drop(first);
        PartFile::open(&target).unwrap();
    }

    #[test]
    fn nothing_is_left_of_nothing() {
        let folder = tempfile::tempdir().unwrap();
        PartFile::open(&folder.path().join("set.zip")).unwrap().tidy();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    /// Linux has a device that is always full.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_told_as_such() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("set.zip");
        std::os::unix::fs::symlink("/dev/full", with_ending(&target, ".part")).unwrap();
        let mut part = PartFile::open(&target).unwrap();
        let error = part.append(b"abc").unwrap_err();
        assert!(error.to_string().contains("make room and run the same command again"), "{error}");
    }
}
