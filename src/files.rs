//! Files that are whole at every moment.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use tunefork_data::shown;

use crate::Error;

/// Replaces the file at `path` in one step, as `tunefork-atomic-file` promises, and makes its folder.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    create_folder(path.parent().unwrap_or(Path::new(".")))?;
    tunefork_atomic_file::write(path, &[bytes]).map_err(Error::io("write", path))
}

/// As [`write_atomically`], into a file that somebody named: what is there already is replaced only if it is of the same kind, as its
/// beginning tells, which `kind` names.
pub(crate) fn write_named(path: &Path, bytes: &[u8], kind: &str, is_same: impl Fn(&[u8]) -> bool) -> Result<(), Error> {
    let mut start = Vec::new();
    let opened = tunefork_atomic_file::open(path).ok();
    if let Some(file) = opened {
        file.take(64).read_to_end(&mut start).map_err(Error::io("read", path))?;
    }
    if !(start.is_empty() || is_same(&start)) {
        let message = format!("`{}` exists and is no {kind}: name another file with --out", shown(path));
        return Err(Error::Unsupported(message));
    }
    write_atomically(path, bytes)
}

/// Whether the file at `path` is as it should be.
pub(crate) fn holds(path: &Path, bytes: &[u8]) -> bool {
    tunefork_atomic_file::read(path, bytes.len() as u64).is_ok_and(|found| found == bytes)
}

/// Writes the file at `path`, which follows from the database, without waiting for the disk, and makes its folder.
pub(crate) fn write_derived(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    create_folder(path.parent().unwrap_or(Path::new(".")))?;
    tunefork_atomic_file::write_derived(path, &[bytes]).map_err(Error::io("write", path))
}

/// As [`write_derived`], in a folder below `root` or in `root` itself, which is not made: somebody may have taken it away a moment
/// ago, and then nothing is written.
pub(crate) fn write_below(root: &Path, path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let parents = path.ancestors().skip(1).take_while(|folder| *folder != root);
    let parents: Vec<&Path> = parents.collect();
    let made = parents.into_iter().rev().try_for_each(|folder| match fs::create_dir(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => Ok(()),
    });
    match made.and_then(|()| tunefork_atomic_file::write_derived(path, &[bytes])) {
        Err(_) if !root.exists() => Ok(()),
        written => written.map_err(Error::io("write", path)),
    }
}

/// Creates a folder and those above it.
pub(crate) fn create_folder(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(Error::io("create", path))
}

/// What [`is_folder_name`] asks for.
pub(crate) const FOLDER_NAME: &str = "a folder has this name: write one line of at most 120 bytes in quotes, without \
                                      slashes and backslashes, and not \".\" or \"..\"";

/// Whether a folder can be made that has this name and lies where it is meant to, on every system.
pub(crate) fn is_folder_name(name: &str) -> bool {
    let is_odd = |c: char| c == '/' || c == '\\' || c.is_control();
    !name.trim().is_empty() && name.len() <= 120 && !name.contains(is_odd) && name != "." && name != ".."
}
