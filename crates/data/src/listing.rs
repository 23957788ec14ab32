//! What lies in a source, by names, sizes, times and places on the disk only: enough to notice that it changed.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use crate::files::{Found, inside, is_hidden};
use crate::locate::{Container, Source};
use crate::names::text_of;
use crate::{DataError, Warnings, runs};

/// Folders nested deeper than this are taken for links that lead to ever more folders.
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
    /// What cannot be read, whatever it is.
    pub warnings: Warnings,
    stamps: Vec<Stamp>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Stamp {
    bytes: u64,
    /// Nanoseconds from 1970 to the last change, which programs that unpack or copy set as they like.
    changed: i128,
    /// Which file it is, and when the system last changed anything of it, as far as the system tells: two folders of
    /// files with equal names, lengths and times may have changed places.
    place: u64,
    touched: (i64, i64),
}

impl Stamp {
    fn of(found: &Metadata) -> Self {
        #[cfg(unix)]
        let (place, touched) = {
            use std::os::unix::fs::MetadataExt as _;
            (found.ino(), (found.ctime(), found.ctime_nsec()))
        };
        #[cfg(not(unix))]
        let (place, touched) = (0, (0, 0));
        Self { bytes: found.len(), changed: found.modified().map_or(0, nanoseconds), place, touched }
    }
}

impl Listing {
    /// Lists a folder's files, or the one of an archive.
    pub(crate) fn of(source: &Source) -> Result<Self, DataError> {
        let mut listing = Self::default();
        match &source.container {
            Container::Folder => {
                let path = source.path();
                let own = fs::canonicalize(path).map_err(|error| DataError::io("list", path, error))?;
                listing.walk(path, "", &mut vec![own])?;
            }
            Container::Archive => {
                let path = source.path().to_path_buf();
                let found = fs::metadata(&path).ok();
                listing.add(path, source.name(), found);
            }
        }
        Ok(listing)
    }

    /// A digest of all names, sizes, times and places, and of the rules by which they are read. It costs no look into the files.
    pub(crate) fn fingerprint(&self) -> String {
        let mut order: Vec<usize> = (0..self.files.len()).collect();
        order.sort_by(|a, b| self.files[*a].name.cmp(&self.files[*b].name));
        let mut digest = Sha256::new();
        // By other rules the same files are other classes, or other pixels.
        digest.update(crate::SOURCE_DIGEST);
        digest.update([u8::from(cfg!(feature = "tiff"))]);
        for place in order {
            let (name, stamp) = (&self.files[place].name, self.stamps[place]);
            digest.update((name.len() as u64).to_le_bytes());
            digest.update(name.as_bytes());
            digest.update(stamp.bytes.to_le_bytes());
            digest.update(stamp.changed.to_le_bytes());
            digest.update(stamp.place.to_le_bytes());
            digest.update(stamp.touched.0.to_le_bytes());
            digest.update(stamp.touched.1.to_le_bytes());
        }
        // A folder without files is a class without images.
        let mut folders: Vec<&String> = self.folders.iter().collect();
        folders.sort();
        for name in folders {
            digest.update((name.len() as u64).to_le_bytes());
            digest.update(name.as_bytes());
        }
        base16ct::lower::encode_string(&digest.finalize())
    }

    /// Adds the file `name`; one that cannot be asked (a link to nowhere) is named when it is read.
    fn add(&mut self, path: PathBuf, name: String, found: Option<Metadata>) {
        let stamp = found.as_ref().map_or_else(Stamp::default, Stamp::of);
        self.files.push(Found { name, bytes: stamp.bytes, handle: self.paths.len(), is_image: false });
        self.paths.push(path);
        self.stamps.push(stamp);
    }

    /// Adds what lies in `folder`, which is called `name` from the root of the source, in the order of its names. `above` are the folders
    /// that were gone through to reach it, itself among them, by their true paths. Whether it holds what a
    /// run has left, which is not added.
    fn walk(&mut self, folder: &Path, name: &str, above: &mut Vec<PathBuf>) -> Result<bool, DataError> {
        if above.len() > MAX_DEPTH {
            let reason = std::io::Error::other(format!("more than {MAX_DEPTH} folders inside each other"));
            return Err(DataError::io("list", folder, reason));
        }
        let failed = |error| DataError::io("list", folder, error);
        let entries = fs::read_dir(folder).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let named = entries.iter().map(|entry| (text_of(entry.file_name().as_encoded_bytes()), entry));
        let mut named: Vec<_> = named.filter(|(own, _)| !is_hidden(own)).collect();
        named.sort_by(|a, b| a.0.cmp(&b.0));
        let mut holds_run = runs::are_marked(named.iter().map(|(own, _)| own.as_str()));
        if holds_run {
            named.retain(|(own, _)| !runs::left(own));
        }
        for (own, entry) in named {
            let inside = inside(name, &own);
            let path = entry.path();
            match fs::metadata(&path) {
                Ok(found) if found.is_dir() => holds_run |= self.enter(&path, inside, above)?,
                Ok(found) if !found.is_file() => {
                    self.warnings.leave_out(inside, "is no regular file (but a pipe, a socket or a device)");
                }
                found => self.add(path, inside, found.ok()),
            }
        }
        Ok(holds_run)
    }

    /// Walks a folder, unless it is a link to one that is being walked. One of runs alone is no folder of the set. Whether it
    /// holds what a run has left.
    fn enter(&mut self, path: &Path, name: String, above: &mut Vec<PathBuf>) -> Result<bool, DataError> {
        let own = fs::canonicalize(path).map_err(|error| DataError::io("list", path, error))?;
        if above.iter().any(|folder| folder.starts_with(&own)) {
            self.warnings.note(name, "is a link to a folder that holds it, and is not followed");
            return Ok(false);
        }
        above.push(own);
        let added = |listing: &Self| (listing.files.len(), listing.folders.len());
        let before = added(self);
        let holds_run = self.walk(path, &name, above)?;
        above.pop();
        if !holds_run || added(self) != before {
            self.folders.push(name);
        }
        Ok(holds_run)
    }
}

/// Time since 1970, negative before.
fn nanoseconds(time: SystemTime) -> i128 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => after.as_nanos() as i128,
        Err(before) => -(before.duration().as_nanos() as i128),
    }
}
