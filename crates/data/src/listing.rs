//! What lies in a source, by names, sizes and times only: enough to notice that it changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use crate::DataError;
use crate::files::{Found, is_hidden};
use crate::locate::{Container, Source};

/// Folders nested deeper than this are taken for a link that leads back to itself.
const MAX_DEPTH: usize = 16;

/// Files of a source, with what tells whether they changed.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// The files, by name; the handle is the place in `paths`.
    pub files: Vec<Found>,
    /// Where the files lie.
    pub paths: Vec<PathBuf>,
    /// All folders, as paths from the source's root.
    pub folders: Vec<String>,
    stamps: Vec<Stamp>,
}

#[derive(Clone, Copy, Debug)]
struct Stamp {
    bytes: u64,
    /// Nanoseconds from 1970 to the last change.
    changed: i128,
}

impl Listing {
    /// Lists a folder's files, or the one of an archive.
    pub(crate) fn of(source: &Source) -> Result<Self, DataError> {
        let mut listing = Self::default();
        match &source.container {
            Container::Folder => listing.walk(source.path(), "", 0)?,
            Container::Archive => listing.add(source.path().to_path_buf(), source.name()),
        }
        Ok(listing)
    }

    /// A digest of all names, sizes and times, and of the rules by which they are read. It costs no look into the files.
    pub(crate) fn fingerprint(&self) -> String {
        let mut order: Vec<usize> = (0..self.files.len()).collect();
        order.sort_by(|a, b| self.files[*a].name.cmp(&self.files[*b].name));
        let mut digest = Sha256::new();
        // By other rules the same files are other classes, or other pixels.
        digest.update(crate::SOURCE_DIGEST);
        for place in order {
            let (name, stamp) = (&self.files[place].name, self.stamps[place]);
            digest.update((name.len() as u64).to_le_bytes());
            digest.update(name.as_bytes());
            digest.update(stamp.bytes.to_le_bytes());
            digest.update(stamp.changed.to_le_bytes());
        }
        base16ct::lower::encode_string(&digest.finalize())
    }

    fn add(&mut self, path: PathBuf, name: String) {
        // A file that cannot be asked (a link to nowhere) is named when it is read.
        let stamp = fs::metadata(&path).map_or(Stamp { bytes: 0, changed: 0 }, |metadata| Stamp {
            bytes: metadata.len(),
            changed: metadata.modified().map_or(0, nanoseconds),
        });
        self.files.push(Found { name, handle: self.paths.len() });
        self.paths.push(path);
        self.stamps.push(stamp);
    }

    /// Adds what lies in `folder`, which is called `name` from the root of the source.
    fn walk(&mut self, folder: &Path, name: &str, depth: usize) -> Result<(), DataError> {
        if depth > MAX_DEPTH {
            let reason = std::io::Error::other(format!("more than {MAX_DEPTH} folders inside each other"));
            return Err(DataError::io("list", folder, reason));
        }
        let failed = |error| DataError::io("list", folder, error);
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let own = entry.file_name().to_string_lossy().into_owned();
            if is_hidden(&own) {
                continue;
            }
            let inside = if name.is_empty() { own } else { format!("{name}/{own}") };
            let kind = entry.file_type().map_err(failed)?;
            let path = entry.path();
            if kind.is_dir() || kind.is_symlink() && path.is_dir() {
                self.walk(&path, &inside, depth + 1)?;
                self.folders.push(inside);
            } else {
                self.add(path, inside);
            }
        }
        Ok(())
    }
}

/// Time since 1970, negative before.
fn nanoseconds(time: SystemTime) -> i128 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => after.as_nanos() as i128,
        Err(before) => -(before.duration().as_nanos() as i128),
    }
}
