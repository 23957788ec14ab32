//! From a name to the files of a data set.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::DataError;

/// The environment variable that names the data folder.
pub const DATA_VARIABLE: &str = "TUNEFORK_DATA";

/// The data folder when nothing names one.
pub const DEFAULT_FOLDER: &str = "data";

/// File name endings of archives, the longer ones first.
const ARCHIVE_ENDINGS: [&str; 3] = [".tar.gz", ".tgz", ".tar"];

/// The four files of an MNIST-like set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IdxFiles {
    /// Images and labels of the training part.
    pub train: (PathBuf, PathBuf),
    /// Images and labels of the test part, if there is one.
    pub test: Option<(PathBuf, PathBuf)>,
}

/// Where a data set lies, and in what form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    path: PathBuf,
    pub(crate) form: Form,
}

/// The forms that are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Idx(IdxFiles),
    Folder,
    Archive,
}

impl Source {
    /// Finds the data set `name`: a path to a folder or archive, or the name of one in the data
    /// folder, which is `data_dir`, else what the variable [`DATA_VARIABLE`] says, else `data`.
    ///
    /// A folder is taken for an IDX set when it holds `train-images-idx3-ubyte` (or the same with
    /// `.gz`), for an image folder when it holds folders, and for its one archive otherwise.
    ///
    /// # Errors
    /// [`DataError::NotFound`], which lists where it looked; others when what was found is no set.
    pub fn locate(name: &str, data_dir: Option<&Path>) -> Result<Self, DataError> {
        let variable = std::env::var_os(DATA_VARIABLE).filter(|value| !value.is_empty());
        let folder = match (data_dir, variable) {
            (Some(folder), _) => folder.to_path_buf(),
            (None, Some(folder)) => PathBuf::from(folder),
            (None, None) => PathBuf::from(DEFAULT_FOLDER),
        };
        let mut looked: Vec<PathBuf> = vec![folder.join(name)];
        looked.extend(
            ARCHIVE_ENDINGS
                .iter()
                .map(|ending| folder.join(format!("{name}{ending}"))),
        );
        looked.push(PathBuf::from(name));
        let is_empty = name.trim().is_empty();
        match looked.iter().find(|path| !is_empty && path.exists()) {
            Some(path) => Self::at(path),
            None => Err(DataError::NotFound {
                name: name.to_owned(),
                looked,
            }),
        }
    }

    /// The data set at `path`, a folder or an archive.
    ///
    /// # Errors
    /// As [`Self::locate`].
    pub fn at(path: &Path) -> Result<Self, DataError> {
        let found = |path: &Path, form| {
            Ok(Self {
                path: path.to_path_buf(),
                form,
            })
        };
        if !path.is_dir() {
            return match is_archive(path) {
                true => found(path, Form::Archive),
                false => Err(DataError::UnknownKind {
                    path: path.to_path_buf(),
                    expected: "a folder, .tar, .tar.gz or .tgz is expected",
                }),
            };
        }
        if let Some(files) = idx_files(path)? {
            return found(path, Form::Idx(files));
        }
        let mut folders = 0;
        let mut archives = Vec::new();
        for entry in fs::read_dir(path).map_err(|e| DataError::io("list", path, e))? {
            let entry = entry.map_err(|e| DataError::io("list", path, e))?.path();
            let hidden = entry
                .file_name()
                .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if entry.is_dir() && !hidden {
                folders += 1;
            } else if is_archive(&entry) {
                archives.push(entry);
            }
        }
        archives.sort();
        match archives.as_slice() {
            _ if folders > 0 => found(path, Form::Folder),
            [archive] => found(archive, Form::Archive),
            [] => Err(DataError::NoImages {
                path: path.to_path_buf(),
                hint: "no class folders, no archive, no IDX files".to_owned(),
            }),
            several => Err(DataError::SeveralArchives {
                folder: path.to_path_buf(),
                names: several
                    .iter()
                    .filter_map(|path| path.file_name())
                    .map(display)
                    .collect(),
            }),
        }
    }

    /// The folder or archive.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The set's name: that of its folder, or of its archive without ending.
    #[must_use]
    pub fn name(&self) -> String {
        let name = self.path.file_name().map(display).unwrap_or_default();
        let bare = ARCHIVE_ENDINGS
            .iter()
            .find_map(|ending| name.strip_suffix(ending));
        bare.map(str::to_owned).unwrap_or(name)
    }
}

fn display(name: &OsStr) -> String {
    name.to_string_lossy().into_owned()
}

fn is_archive(path: &Path) -> bool {
    let name = path.file_name().map(display).unwrap_or_default();
    path.is_file() && ARCHIVE_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// The IDX files in a folder, if the training images are there.
fn idx_files(folder: &Path) -> Result<Option<IdxFiles>, DataError> {
    // The original names have a dash before "idx", some unpackers make a dot of it.
    let find = |stem: &str, dimensions: u8| {
        let names = ["-", "."].map(|dash| format!("{stem}{dash}idx{dimensions}-ubyte"));
        let candidates = names
            .iter()
            .flat_map(|name| [folder.join(name), folder.join(format!("{name}.gz"))]);
        candidates.into_iter().find(|path| path.is_file())
    };
    let Some(images) = find("train-images", 3) else {
        return Ok(None);
    };
    let missing = |name: &str| {
        let source = std::io::Error::from(std::io::ErrorKind::NotFound);
        DataError::io("find", &folder.join(name), source)
    };
    let labels = find("train-labels", 1).ok_or_else(|| missing("train-labels-idx1-ubyte.gz"))?;
    let test = match (find("t10k-images", 3), find("t10k-labels", 1)) {
        (Some(images), Some(labels)) => Some((images, labels)),
        (None, None) => None,
        (None, Some(_)) => return Err(missing("t10k-images-idx3-ubyte.gz")),
        (Some(_), None) => return Err(missing("t10k-labels-idx1-ubyte.gz")),
    };
    Ok(Some(IdxFiles {
        train: (images, labels),
        test,
    }))
}
