//! Files that are whole at every moment: written beside their name, flushed to the disk, renamed.
//!
//! [`write()`] is for content that is in memory, [`AtomicFile`] for content that comes bit by bit, and [`commit`] for a
//! file that is kept from one run to the next until it is whole. All three end by the same rule; [`write_derived`] leaves
//! out the flushing, for what can be made anew.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Replaces the file `target` by one with these contents, one after the other.
///
/// # Errors
/// Those of creating, writing, flushing and renaming. The old file is then as it was.
pub fn write(target: &Path, contents: &[&[u8]]) -> io::Result<()> {
    let mut file = AtomicFile::create(target)?;
    for content in contents {
        file.file().write_all(content)?;
    }
    file.commit()
}

/// As [`write()`], but does not wait for the disk: for what can be made anew from something else, which is asked after a
/// power cut. A dying process leaves the old file or the new one here too.
///
/// # Errors
/// Those of creating, writing and renaming. The old file is then as it was.
pub fn write_derived(target: &Path, contents: &[&[u8]]) -> io::Result<()> {
    let mut file = AtomicFile::create(target)?;
    for content in contents {
        file.file().write_all(content)?;
    }
    fs::rename(&file.temporary, target)
}

/// Makes `file`, which lies at `path`, the file `target` of the same folder: flushes it, renames it, and flushes the
/// folder.
///
/// # Errors
/// Those of flushing and renaming. A folder that cannot be flushed is no error, as not every system can do that: after
/// a power cut the old file may then be back.
pub fn commit(file: &File, path: &Path, target: &Path) -> io::Result<()> {
    // Without this a power cut could leave the new name with no content behind it.
    file.sync_all()?;
    fs::rename(path, target)?;
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
    let _ = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
    Ok(())
}

/// `path` with `ending` at the end of its name.
#[must_use]
pub fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(ending);
    path.with_file_name(name)
}

/// A file that has its name when it is whole. Dropped before, it leaves nothing.
#[derive(Debug)]
pub struct AtomicFile {
    file: File,
    temporary: PathBuf,
    target: PathBuf,
}

impl AtomicFile {
    /// Begins what will be `target`, as `NAME.part`. What another writer has left there is overwritten, so there must
    /// be only one at a time.
    ///
    /// # Errors
    /// Those of creating a file.
    pub fn create(target: &Path) -> io::Result<Self> {
        let temporary = with_ending(target, ".part");
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&temporary)?;
        Ok(Self { file, temporary, target: target.to_path_buf() })
    }

    /// Begins what will be `target`, under a name that no other process or thread uses.
    ///
    /// # Errors
    /// Those of creating a file.
    pub fn create_shared(target: &Path) -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let temporary = with_ending(target, &format!(".{}-{number}.part", std::process::id()));
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&temporary)?;
        Ok(Self { file, temporary, target: target.to_path_buf() })
    }

    /// The file, to read and write.
    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Where the content lies until it is whole.
    #[must_use]
    pub fn temporary(&self) -> &Path {
        &self.temporary
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// As [`commit`].
    pub fn commit(self) -> io::Result<()> {
        commit(&self.file, &self.temporary, &self.target)
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        // After `commit` there is nothing of this name; before, half a file is of no use, and on a full disk its room is.
        let _ = fs::remove_file(&self.temporary);
    }
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
