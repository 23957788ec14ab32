//! From a name to the files of a data set.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::files::is_hidden;
use crate::names::text_of;
use crate::{DataError, formats};

/// File name endings of archives, the longer ones first.
const ARCHIVE_ENDINGS: [&str; 4] = [".tar.gz", ".tgz", ".tar", ".zip"];

/// Names under which well-known sets are unpacked; any of them finds what lies under another.
const SPELLINGS: [&[&str]; 5] = [
    &["cifar10", "cifar-10", "cifar-10-batches-bin", "cifar-10-binary"],
    &["cifar100", "cifar-100", "cifar-100-binary"],
    &["cats-dogs", "cats_dogs", "cats_and_dogs", "dogs-vs-cats"],
    &["tiny-imagenet", "tiny-imagenet-200"],
    &["flowers", "flower_photos"],
];

/// The folder where sets are looked for by name: `data_dir`, else what the environment variable `TUNEFORK_DATA` says,
/// else `data`.
#[must_use]
pub fn data_folder(data_dir: Option<&Path>) -> PathBuf {
    let variable = || std::env::var_os("TUNEFORK_DATA").filter(|value| !value.is_empty()).map(PathBuf::from);
    data_dir.map(Path::to_path_buf).or_else(variable).unwrap_or_else(|| PathBuf::from("data"))
}

/// The names under which the set `name` may lie: itself, then the other usual ones of a well-known set.
pub fn names_of(name: &str) -> impl Iterator<Item = &str> {
    let spelled = SPELLINGS.iter().find(|names| names.contains(&name));
    let others = spelled.into_iter().flat_map(|names| names.iter().copied());
    std::iter::once(name).chain(others.filter(move |other| *other != name))
}

/// Where a data set lies: a folder or an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    path: PathBuf,
    pub(crate) container: Container,
}

/// What holds the files of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    Folder,
    Archive,
}

impl Source {
    /// Finds the data set `name`: a path to a folder or archive, or the name of one in the data
    /// folder that [`data_folder`] says.
    ///
    /// What begins with `./` or `../`, or is `.` or `..`, is a path and not looked for in the data folder.
    ///
    /// Well-known sets are found under any of their usual names, `tiny-imagenet` also as
    /// `tiny-imagenet-200`. A folder without folders and without files of a known format stands for
    /// its one archive.
    ///
    /// # Errors
    /// [`DataError::NotFound`], which lists where it looked; others when what was found is no set.
    pub fn locate(name: &str, data_dir: Option<&Path>) -> Result<Self, DataError> {
        Self::locate_beside(name, data_dir, None)
    }

    /// The same; a path that leads nowhere from the working folder is then followed from the folder `beside`, such as that
    /// of a file in which the path stands.
    ///
    /// # Errors
    /// As [`Self::locate`].
    pub fn locate_beside(name: &str, data_dir: Option<&Path>, beside: Option<&Path>) -> Result<Self, DataError> {
        let folder = data_folder(data_dir);
        let names = names_of(name);
        let endings = [""].iter().chain(&ARCHIVE_ENDINGS);
        let is_path = matches!(name.split(['/', std::path::MAIN_SEPARATOR]).next(), Some("." | ".."));
        let names = names.filter(|_| !is_path);
        let mut looked: Vec<PathBuf> = names
            .flat_map(|name| {
                let endings = endings.clone();
                endings.map(move |ending| format!("{name}{ending}"))
            })
            .map(|name| folder.join(name))
            .collect();
        let beside = beside.map(|folder| folder.join(name));
        for path in [PathBuf::from(name)].into_iter().chain(beside) {
            // A whole path is the same from each folder.
            if !looked.contains(&path) {
                looked.push(path);
            }
        }
        let is_empty = name.trim().is_empty();
        match looked.iter().find(|path| !is_empty && path.exists()) {
            Some(path) => Self::at(path),
            None => {
                match names_of(name).filter(|_| !is_path).find_map(|name| archives_of(&folder, name).into_iter().next())
                {
                    Some(archive) => Self::at(&archive),
                    None => Err(DataError::NotFound { name: name.to_owned(), looked }),
                }
            }
        }
    }

    /// The data set at `path`, a folder or an archive.
    ///
    /// # Errors
    /// As [`Self::locate`].
    pub fn at(path: &Path) -> Result<Self, DataError> {
        let found = |path: &Path, container| Ok(Self { path: path.to_path_buf(), container });
        if !path.is_dir() {
            return match is_archive(path) {
                true => found(path, Container::Archive),
                false => Err(DataError::UnknownKind {
                    path: path.to_path_buf(),
                    expected: "a folder, .tar, .tar.gz, .tgz or .zip is expected; pack it so, or unpack it",
                }),
            };
        }
        let mut is_set = false;
        let mut archives = Vec::new();
        for entry in fs::read_dir(path).map_err(|e| DataError::io("list", path, e))? {
            let entry = entry.map_err(|e| DataError::io("list", path, e))?.path();
            let name = entry.file_name().map(display).unwrap_or_default();
            if entry.is_dir() {
                is_set |= !is_hidden(&name);
            } else if is_archive(&entry) {
                archives.push(entry);
            } else {
                is_set |= formats::is_mark(&name);
            }
        }
        archives.sort();
        match archives.as_slice() {
            _ if is_set => found(path, Container::Folder),
            [archive] => found(archive, Container::Archive),
            [] => Err(DataError::NoImages {
                path: path.to_path_buf(),
                reasons: String::new(),
                hint: "no class folders, no labels.csv, no archive, no files of CIFAR, MNIST or Tiny ImageNet"
                    .to_owned(),
            }),
            several => Err(DataError::SeveralArchives {
                folder: path.to_path_buf(),
                names: several.iter().filter_map(|path| path.file_name()).map(display).collect(),
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
        bare_name(&name).map(str::to_owned).unwrap_or(name)
    }
}

fn display(name: &OsStr) -> String {
    text_of(name.as_encoded_bytes())
}

/// An archive's name without its ending, in whatever case that is written; none if it is no archive's.
fn bare_name(name: &str) -> Option<&str> {
    let ending = ARCHIVE_ENDINGS.iter().find(|ending| name.to_ascii_lowercase().ends_with(*ending))?;
    Some(&name[..name.len() - ending.len()])
}

/// The archives in `folder` that are called `name`, but for the case of their endings.
fn archives_of(folder: &Path, name: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_meant = |path: &PathBuf| path.file_name().is_some_and(|file| bare_name(&display(file)) == Some(name));
    let mut archives: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| is_meant(path)).collect();
    archives.sort();
    archives
}

fn is_archive(path: &Path) -> bool {
    let name = path.file_name().map(display).unwrap_or_default();
    path.is_file() && bare_name(&name).is_some()
}
