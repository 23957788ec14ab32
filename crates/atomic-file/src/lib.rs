//! Files that are whole at every moment: written beside their name, flushed to the disk, renamed.
//!
//! [`write()`] is for content that is in memory, [`AtomicFile`] for content that comes bit by bit, and [`commit`] for a
//! file that is kept from one run to the next until it is whole. All three end by the same rule; [`write_derived`] leaves
//! out the flushing, for what can be made anew. [`read`] and [`open`] are for files of others: they wait for nobody and end.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Replaces the file `target` by one with these contents, one after the other. A pipe or a device is written into.
///
/// # Errors
/// Those of creating, writing, flushing and renaming. The old file is then as it was.
pub fn write(target: &Path, contents: &[&[u8]]) -> io::Result<()> {
    match is_file_to_be(target) {
        true => beside(target, contents)?.commit(),
        false => into(target, contents),
    }
}

/// As [`write()`], but does not wait for the disk: for what can be made anew from something else, which is asked after a
/// power cut. A dying process leaves the old file or the new one here too.
///
/// # Errors
/// Those of creating, writing and renaming. The old file is then as it was.
pub fn write_derived(target: &Path, contents: &[&[u8]]) -> io::Result<()> {
    if !is_file_to_be(target) {
        return into(target, contents);
    }
    let mut file = beside(target, contents)?;
    fs::rename(&file.temporary, target)?;
    file.is_whole = true;
    Ok(())
}

/// Whether `target` is a regular file, or nothing yet. A folder is left to `rename`, which refuses it.
fn is_file_to_be(target: &Path) -> bool {
    fs::metadata(target).map_or(true, |found| found.is_file() || found.is_dir())
}

/// The contents into what is no file and must not become one: `/dev/stdout`, a pipe.
fn into(target: &Path, contents: &[&[u8]]) -> io::Result<()> {
    let mut opened = OpenOptions::new().write(true).open(target)?;
    contents.iter().try_for_each(|content| opened.write_all(content))
}

/// The contents, beside `target`. Who writes the same file at the same time is waited for.
fn beside(target: &Path, contents: &[&[u8]]) -> io::Result<AtomicFile> {
    let temporary = with_ending(target, ".part");
    let mut file = loop {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&temporary)?;
        // Where there are no locks, nobody is known to write.
        let _ = file.lock();
        // Who held the lock has given the file its name, or removed it.
        if is_at(&file, &temporary)? {
            break AtomicFile { file, temporary, target: target.to_path_buf(), is_whole: false };
        }
    };
    file.file.set_len(0)?;
    for content in contents {
        file.file.write_all(content)?;
    }
    Ok(file)
}

/// Whether an open file still lies at `path`.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let open = file.metadata()?;
    match fs::metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (open.dev(), open.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// An open file can be neither renamed nor removed there.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

/// Opens a regular file to read it. Folders, pipes and devices are refused without being opened: a pipe waits until somebody
/// writes, a device may have no end.
///
/// # Errors
/// [`InvalidInput`](io::ErrorKind::InvalidInput) for what is no regular file; those of opening.
pub fn open(path: &Path) -> io::Result<File> {
    match fs::metadata(path)?.is_file() {
        true => File::open(path),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")),
    }
}

/// The contents of a regular file of at most `limit` bytes.
///
/// # Errors
/// [`FileTooLarge`](io::ErrorKind::FileTooLarge) for a longer one, before any of it is read, also if it grows meanwhile; those of [`open`]
/// and of reading.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let length = file.metadata()?.len();
    let too_large = || {
        let text = format!("it has more than the {limit} bytes that are read at most");
        io::Error::new(io::ErrorKind::FileTooLarge, text)
    };
    if length > limit {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(length as usize);
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(too_large()) } else { Ok(bytes) }
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
    let _ = File::open(parent(target)).and_then(|folder| folder.sync_all());
    Ok(())
}

/// The folder of a file.
fn parent(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Removes what [`AtomicFile::create_shared`] began in `folder` and nobody is writing any more. What cannot be told or
/// removed stays.
fn remove_abandoned(folder: &Path) {
    let paths = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    for path in paths.filter(|path| is_shared_part(path)) {
        let Ok(file) = open(&path) else { continue };
        if file.try_lock().is_ok() {
            // Removed while the lock is held: who has just begun the file then sees that it is taken, or gone.
            let _ = fs::remove_file(&path);
        }
    }
}

/// Whether a file is called `NAME.PROCESS-NUMBER.part`.
fn is_shared_part(path: &Path) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let middle = name.strip_suffix(".part").and_then(|name| name.rsplit_once('.'));
    let numbers = middle.and_then(|(_, middle)| middle.split_once('-'));
    numbers.is_some_and(|(process, number)| is_number(process) && is_number(number))
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
    /// Whether it has its name.
    is_whole: bool,
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
        Ok(Self { file, temporary, target: target.to_path_buf(), is_whole: false })
    }

    /// Begins what will be `target`, under a name that no other process or thread uses. What killed processes left in its
    /// folder under such names is removed first.
    ///
    /// # Errors
    /// Those of creating a file.
    pub fn create_shared(target: &Path) -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        remove_abandoned(parent(target));
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let temporary = with_ending(target, &format!(".{}-{number}.part", std::process::id()));
            let file = match OpenOptions::new().read(true).write(true).create_new(true).open(&temporary) {
                // In another container a process may have the same number.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                file => file?,
            };
            // The lock says to others that somebody is writing. Before it is held they may take the file for an abandoned one.
            let is_contended = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
            if !is_contended && temporary.exists() {
                return Ok(Self { file, temporary, target: target.to_path_buf(), is_whole: false });
            }
        }
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
    pub fn commit(mut self) -> io::Result<()> {
        commit(&self.file, &self.temporary, &self.target)?;
        self.is_whole = true;
        Ok(())
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        // Afterwards the name is another writer's; before, half a file is of no use, and on a full disk its room is.
        if !self.is_whole {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// What to do about an obstacle of the system, where that is known: the end of a sentence, or nothing.
pub fn way_out(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; make room and run the same command again",
        io::ErrorKind::FileTooLarge => {
            "; raise the limit of a file's length (ulimit -f) and run the same command again"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; check the permissions, or choose another folder"
        }
        _ => "",
    }
}
