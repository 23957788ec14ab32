//! Files that are whole at every moment.

use std::fs;
use std::path::Path;

use crate::Error;

/// Replaces the file at `path` in one step, as `tunefork-atomic-file` promises, and makes its folder.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    create_folder(path.parent().unwrap_or(Path::new(".")))?;
    tunefork_atomic_file::write(path, &[bytes]).map_err(Error::io("write", path))
}

/// Creates a folder and those above it.
pub(crate) fn create_folder(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(Error::io("create", path))
}
