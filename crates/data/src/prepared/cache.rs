//! Where prepared files lie.

use std::fs::{self, DirBuilder};
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::file::Writer;
use crate::{DataError, Labels, PrepareOptions, Source};

/// A folder that may hold prepared files.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// Whether everybody may write to the folder that this one lies in.
    among_others: bool,
}

impl Folder {
    fn new(path: PathBuf) -> Self {
        Self { path, among_others: false }
    }

    /// Where a prepared file lies in this folder; nowhere if somebody else may have put it there.
    pub(crate) fn file(&self, name: &str) -> Option<PathBuf> {
        let is_believed = !self.among_others || is_own(&self.path);
        is_believed.then(|| self.path.join(name))
    }

    /// Begins a prepared file here.
    fn begin(&self, name: &str, image_bytes: usize) -> Result<(Writer, PathBuf), DataError> {
        let create = || match self.among_others {
            true => create_own(&self.path),
            false => fs::create_dir_all(&self.path),
        };
        create().map_err(|error| DataError::io("create", &self.path, error))?;
        let target = self.path.join(name);
        if target.is_dir() {
            let error = io::Error::new(io::ErrorKind::IsADirectory, "a folder has its name; remove that");
            return Err(DataError::io("create", &target, error));
        }
        Ok((Writer::create(&target, image_bytes)?, target))
    }
}

/// The prepared file's name: the set's, and a digest of where it lies and of the options.
pub(crate) fn file_name(source: &Source, options: &PrepareOptions) -> String {
    let path = fs::canonicalize(source.path()).unwrap_or_else(|_| source.path().to_path_buf());
    let mut digest = Sha256::new();
    digest.update(path.as_os_str().as_encoded_bytes());
    digest.update(format!("{:?} {:?} {:?}", options.size, options.fit, options.channels));
    if options.labels == Labels::Coarse {
        digest.update(" coarse labels");
    }
    let keep = |letter: char| {
        if letter.is_alphanumeric() || "-_".contains(letter) { letter } else { '_' }
    };
    let name: String = source.name().chars().map(keep).take(40).collect();
    format!("{name}-{}.prepared", base16ct::lower::encode_string(&digest.finalize()[..8]))
}

/// The folders in which the prepared file may lie, best first.
pub(crate) fn folders(source: &Source, options: &PrepareOptions) -> Vec<Folder> {
    if let Some(folder) = &options.cache {
        return vec![Folder::new(folder.clone())];
    }
    let mut folders = Vec::new();
    let beside = source.path().parent().unwrap_or(Path::new("."));
    let beside = if beside.as_os_str().is_empty() { Path::new(".") } else { beside };
    // A folder that is marked as read-only is respected even where the system would let us write.
    if fs::metadata(beside).is_ok_and(|metadata| !metadata.permissions().readonly()) {
        folders.push(Folder::new(beside.join(".tunefork")));
    }
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
    folders.extend(cache.map(|cache| Folder::new(cache.join("tunefork"))));
    folders.push(Folder { path: std::env::temp_dir().join(own_name()), among_others: true });
    folders
}

/// Begins the prepared file in the first folder that can be written.
pub(crate) fn create_in_first(
    folders: &[Folder],
    name: &str,
    image_bytes: usize,
) -> Result<(Writer, PathBuf), DataError> {
    let mut first_error = None;
    for folder in folders {
        match folder.begin(name, image_bytes) {
            Ok(begun) => return Ok(begun),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    Err(first_error
        .unwrap_or_else(|| DataError::io("create", Path::new(name), io::Error::other("there is no folder for it"))))
}

/// Makes a folder that only this user can write, where everybody can make one.
fn create_own(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ if is_own(path) => Ok(()),
        _ => Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "it belongs to another user, or others may write to it",
        )),
    }
}

/// What this user's folder is called among the temporary files of all.
fn own_name() -> String {
    #[cfg(unix)]
    return format!("tunefork-{}", rustix::process::geteuid().as_raw());
    #[cfg(not(unix))]
    return "tunefork".to_owned();
}

/// Whether this is a folder, no link to one, of this user, that nobody else may write to.
fn is_own(path: &Path) -> bool {
    let Ok(metadata) = fs::symlink_metadata(path) else { return false };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let is_of_user = metadata.uid() == rustix::process::geteuid().as_raw();
        metadata.is_dir() && is_of_user && metadata.mode() & 0o022 == 0
    }
    #[cfg(not(unix))]
    metadata.is_dir()
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn where_a_folder_has_the_files_name_the_next_place_is_taken() {
        let place = tempfile::tempdir().unwrap();
        let folders = ["one", "two"].map(|name| Folder::new(place.path().join(name)));
        fs::create_dir_all(place.path().join("one/a.prepared")).unwrap();
        let (_, path) = create_in_first(&folders, "a.prepared", 1).unwrap();
        assert_eq!(path, place.path().join("two/a.prepared"));
        let error = create_in_first(&folders[..1], "a.prepared", 1).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("one/a.prepared`: a folder has its name"), "{error}");
    }

    #[test]
    fn a_folder_among_those_of_others_is_believed_if_only_its_user_can_write_it() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("tunefork-1");
        let folder = Folder { path: path.clone(), among_others: true };
        let begins = || folder.begin("a", 1).map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(folder.file("a"), None);
        assert_eq!(begins(), Ok(()));
        assert_eq!(folder.file("a"), Some(path.join("a")));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(folder.file("a"), None);
        assert!(begins().unwrap_err().contains("others may write to it"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(begins(), Ok(()));
        let elsewhere = place.path().join("elsewhere");
        fs::rename(&path, &elsewhere).unwrap();
        symlink(&elsewhere, &path).unwrap();
        assert_eq!(folder.file("a"), None);
        assert!(begins().is_err());
    }
}
