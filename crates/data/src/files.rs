//! The files of a source, in a folder or an archive: their names, and the way to their bytes.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::archive::{self, ArchiveError, EntryKind};
use crate::contents::Raw;
use crate::image::{self, HEAD_BYTES, ImageError, Kind, MAX_FILE_BYTES};
use crate::listing::Listing;
use crate::locate::{Container, Source};
use crate::{DataError, Warnings};

/// A file as it was found, before anybody knows what it is.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// Path from the root of the folder or archive, parts separated by `/`.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// What finds it again: its place among a folder's paths, or its position in the archive.
    pub handle: usize,
    /// Whether it is an image by its name or, where that does not tell, by its first bytes.
    pub is_image: bool,
}

#[derive(Debug)]
pub(crate) struct Files {
    /// The folder or archive.
    pub path: PathBuf,
    /// What the set is called.
    pub name: String,
    /// The files, none of them twice.
    pub found: Vec<Found>,
    /// All folders, as paths from the root.
    pub folders: Vec<String>,
    /// What is not used, whatever the set is.
    pub warnings: Warnings,
    /// Where a folder's files lie, by their handles; none for an archive.
    paths: Option<Vec<PathBuf>>,
}

impl Files {
    /// The files of `source`; `listing` is what its folder holds.
    pub(crate) fn of(source: &Source, listing: Listing) -> Result<Self, DataError> {
        let mut files = Self {
            path: source.path().to_path_buf(),
            name: source.name(),
            found: Vec::new(),
            folders: Vec::new(),
            warnings: Warnings::default(),
            paths: None,
        };
        match source.container {
            Container::Folder => {
                files.found = listing.files;
                files.folders = listing.folders;
                files.paths = Some(listing.paths);
                files.warnings = listing.warnings;
            }
            Container::Archive => files.list_archive()?,
        }
        files.tell_images()?;
        Ok(files)
    }

    /// Says of each file whether it is an image.
    fn tell_images(&mut self) -> Result<(), DataError> {
        let mut open = Vec::new();
        for (place, found) in self.found.iter_mut().enumerate().filter(|(_, found)| !is_hidden(&found.name)) {
            match guess(&found.name) {
                Some(is_image) => found.is_image = is_image,
                None => open.push(place),
            }
        }
        let handles: Vec<usize> = open.iter().map(|place| self.found[*place].handle).collect();
        let begin_as_images = self.begin_as_images(&handles)?;
        for (place, is_image) in open.into_iter().zip(begin_as_images) {
            let found = &mut self.found[place];
            found.is_image = is_image;
            if let Some(reason) = why_none(&found.name).filter(|_| !is_image) {
                self.warnings.leave_out(&found.name, reason);
            }
        }
        Ok(())
    }

    /// Whether the files with these handles begin as images do.
    fn begin_as_images(&self, handles: &[usize]) -> Result<Vec<bool>, DataError> {
        if let Some(paths) = &self.paths {
            return Ok(handles.iter().map(|handle| begins_as_image(&paths[*handle])).collect());
        }
        let mut told = vec![false; handles.len()];
        if !handles.is_empty() {
            archive::heads(open(&self.path)?, handles, HEAD_BYTES as u64, &mut |place, head| {
                told[place] = head.is_ok_and(|head| Kind::of(&head).is_some());
                true
            })
            .map_err(|source| self.broken(source))?;
        }
        Ok(told)
    }

    /// How many files there are that are no images.
    pub(crate) fn others(&self) -> usize {
        self.found.iter().filter(|found| !found.is_image && !is_hidden(&found.name)).count()
    }

    fn list_archive(&mut self) -> Result<(), DataError> {
        let entries = open(&self.path).map(archive::list)?;
        let mut places: HashMap<String, usize> = HashMap::new();
        for entry in entries.map_err(|source| self.broken(source))? {
            let name = entry.name;
            match entry.kind {
                EntryKind::Refused(reason) => {
                    // A class of which nothing can be read is a class.
                    let folder = name.trim_start_matches('/');
                    let folder =
                        folder.rsplit_once('/').map(|(folder, _)| folder).filter(|_| Kind::named(&name).is_some());
                    self.folders.extend(folder.filter(|folder| !leaves(folder)).map(str::to_owned));
                    self.warnings.leave_out(name, reason);
                }
                // The root itself, as `tar -C set .` packs it, is no folder in it.
                EntryKind::Folder if name.is_empty() => {}
                EntryKind::Folder => self.folders.push(name),
                EntryKind::File => {
                    let found = Found { name: name.clone(), bytes: entry.size, handle: entry.index, is_image: false };
                    match places.entry(name) {
                        Entry::Vacant(place) => {
                            place.insert(self.found.len());
                            self.found.push(found);
                        }
                        // As tar unpacks it.
                        Entry::Occupied(place) => {
                            self.found[*place.get()] = found;
                            self.warnings.leave_out(place.key(), "occurs a second time; the last is used");
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// The path to show for a file.
    pub(crate) fn shown(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Calls `send` with the place in `wanted` and the image file for every handle there, in the
    /// order that suits the source, until it returns false.
    pub(crate) fn images(&self, wanted: &[usize], send: &mut dyn FnMut(usize, Raw) -> bool) -> Result<(), DataError> {
        if let Some(paths) = &self.paths {
            for (place, handle) in wanted.iter().enumerate() {
                if !send(place, Raw::File(paths[*handle].clone())) {
                    break;
                }
            }
            return Ok(());
        }
        let mut take = |place, found| {
            let raw = match found {
                Ok(bytes) => Raw::Encoded(bytes),
                Err(ArchiveError::TooLarge { size, .. }) => Raw::Bad(ImageError::FileSize(size)),
                Err(error) => Raw::Bad(ImageError::Unreadable(error.to_string())),
            };
            send(place, raw)
        };
        archive::read(open(&self.path)?, wanted, MAX_FILE_BYTES, &mut take).map_err(|source| self.broken(source))
    }

    /// The file of this name or, if there is none, one that differs from it by capital letters.
    pub(crate) fn find(&self, name: &str) -> Option<&Found> {
        let exact = self.found.iter().find(|found| found.name == name);
        exact.or_else(|| self.found.iter().find(|found| found.name.eq_ignore_ascii_case(name)))
    }

    /// The first bytes of a file, at most `bytes`.
    pub(crate) fn head(&self, found: &Found, bytes: u64) -> Result<Vec<u8>, DataError> {
        if let Some(paths) = &self.paths {
            let path = &paths[found.handle];
            return head_of(path, bytes).map_err(|error| DataError::io("read", path, error));
        }
        let mut head = Ok(Vec::new());
        archive::heads(open(&self.path)?, &[found.handle], bytes, &mut |_, read| {
            head = read;
            false
        })
        .map_err(|source| self.broken(source))?;
        head.map_err(|source| DataError::Archive { path: self.shown(&found.name), source })
    }

    /// The whole content of the files `names`, each of at most `limit` bytes; none for one that is
    /// not there.
    pub(crate) fn load(&self, names: &[String], limit: u64) -> Result<Vec<Option<Vec<u8>>>, DataError> {
        let handles: Vec<Option<usize>> = names.iter().map(|name| Some(self.find(name)?.handle)).collect();
        let there: Vec<usize> = (0..names.len()).filter(|place| handles[*place].is_some()).collect();
        let wanted: Vec<usize> = handles.iter().copied().flatten().collect();
        let mut loaded: Vec<Option<Vec<u8>>> = vec![None; names.len()];
        if let Some(paths) = &self.paths {
            for (place, handle) in there.iter().zip(&wanted) {
                loaded[*place] = Some(load_file(&paths[*handle], limit)?);
            }
            return Ok(loaded);
        }
        let mut failed = None;
        archive::read(open(&self.path)?, &wanted, limit, &mut |place, found| {
            let place = there[place];
            match found {
                Ok(bytes) => loaded[place] = Some(bytes),
                Err(source) => failed = Some((place, source)),
            }
            failed.is_none()
        })
        .map_err(|source| self.broken(source))?;
        match failed {
            None => Ok(loaded),
            Some((place, source)) => Err(DataError::Archive { path: self.shown(&names[place]), source }),
        }
    }

    fn broken(&self, source: ArchiveError) -> DataError {
        DataError::Archive { path: self.path.clone(), source }
    }
}

fn open(path: &Path) -> Result<File, DataError> {
    tunefork_atomic_file::open(path).map_err(|error| DataError::io("read", path, error))
}

fn load_file(path: &Path, limit: u64) -> Result<Vec<u8>, DataError> {
    tunefork_atomic_file::read(path, limit).map_err(|error| DataError::io("read", path, error))
}

/// Endings of files that are never looked into: there may be one beside each image.
const OTHER_ENDINGS: [&str; 17] = [
    "txt", "csv", "tsv", "json", "jsonl", "xml", "html", "yaml", "yml", "toml", "md", "pdf", "npy", "npz", "mat", "gz",
    "zip",
];

/// Endings of what browsers have not yet fetched to its end.
const UNFINISHED_ENDINGS: [&str; 4] = ["crdownload", "part", "partial", "download"];

/// Whether a file is an image, as far as its name tells.
fn guess(name: &str) -> Option<bool> {
    match Kind::named(name) {
        // What it holds may be another kind.
        Some(Kind::Unread(_)) => None,
        Some(_) => Some(true),
        None => has_ending(name, &OTHER_ENDINGS).then_some(false),
    }
}

/// Why a file that begins as no image does is left out with a word, if it is called as images are.
pub(crate) fn why_none(name: &str) -> Option<String> {
    if let Some(Kind::Unread(kind)) = Kind::named(name) {
        return Some(image::unread(kind).to_string());
    }
    has_ending(name, &UNFINISHED_ENDINGS).then(|| "is an unfinished download; fetch it again".to_owned())
}

fn has_ending(name: &str, endings: &[&str]) -> bool {
    name.rsplit_once('.').is_some_and(|(_, own)| endings.iter().any(|ending| ending.eq_ignore_ascii_case(own)))
}

/// Whether the file at `path`, which is called `name`, is an image by its name or else by its first bytes.
pub(crate) fn is_image_file(path: &Path, name: &str) -> bool {
    guess(name).unwrap_or_else(|| begins_as_image(path))
}

fn begins_as_image(path: &Path) -> bool {
    head_of(path, HEAD_BYTES as u64).is_ok_and(|head| Kind::of(&head).is_some())
}

fn head_of(path: &Path, bytes: u64) -> io::Result<Vec<u8>> {
    let (mut head, file) = (Vec::new(), tunefork_atomic_file::open(path)?);
    // Some files of /proc have no length and keep their readers waiting.
    if file.metadata()?.len() > 0 {
        file.take(bytes).read_to_end(&mut head)?;
    }
    Ok(head)
}

/// Whether a path leads out of where it begins.
fn leaves(path: &str) -> bool {
    path.split('/').any(|part| part == "..")
}

/// Folders and files that systems leave on disks and in archives, besides those whose names begin with a dot.
const LITTER: [&str; 14] = [
    "__MACOSX",
    "@eaDir",
    "@Recycle",
    "@Recently-Snapshot",
    "#recycle",
    "#snapshot",
    "$RECYCLE.BIN",
    "RECYCLER",
    "System Volume Information",
    "lost+found",
    "found.000",
    "Thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
];

/// Whether any part of a path is hidden, or what a system left there.
pub(crate) fn is_hidden(name: &str) -> bool {
    let is_litter = |part: &str| LITTER.iter().any(|litter| litter.eq_ignore_ascii_case(part));
    name.split('/').any(|part| part.starts_with('.') || is_litter(part))
}

/// The path of `name` in the folder `root`, which is empty for the root of the source.
pub(crate) fn inside(root: &str, name: &str) -> String {
    if root.is_empty() { name.to_owned() } else { format!("{root}/{name}") }
}
