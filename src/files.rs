//! Files that are whole at every moment.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use crate::Error;

/// Replaces the file at `path` in one step: whoever reads it sees the old or the new content, also
/// after a kill or a full disk.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(Path::new("."));
    create_folder(folder)?;
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".part");
    let part = path.with_file_name(name);
    let written = File::create(&part).and_then(|mut file| {
        file.write_all(bytes)?;
        // Without this a power cut could leave the new name with no content behind it.
        file.sync_data()
    });
    written.and_then(|()| fs::rename(&part, path)).map_err(|error| {
        // The old file stands; a half-written new one is of no use to anybody.
        let _ = fs::remove_file(&part);
        Error::io("write", path)(error)
    })
}

/// Creates a folder and those above it.
pub(crate) fn create_folder(path: &Path) -> Result<(), Error> {
    if path.as_os_str().is_empty() {
        return Ok(());
    }
    fs::create_dir_all(path).map_err(Error::io("create", path))
}
