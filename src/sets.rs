//! Data sets by name: where they lie, and how they come there.

use std::path::{Path, PathBuf};

use tunefork_data::{DataError, Source, data_folder, names_of};
use tunefork_download::{CATALOGUE, DownloadError, Event, FetchOptions, Fetched, KnownSet, known};
use tunefork_names::{bytes, closest};

use crate::Error;
use crate::study_file::{GENERATED, NOISE};

/// What became of a set that was asked for.
#[derive(Debug)]
pub enum SetFetched {
    /// Its files are there, fetched now or before.
    Files(Vec<Fetched>),
    /// Another form of it was there, at this path, and nothing was fetched.
    OtherForm(PathBuf),
}

/// Finds the data set `name` as [`Source::locate_beside`] does. Nothing is downloaded.
///
/// # Errors
/// As there; [`Error::NotFetched`] says how to get a known set that is not there.
pub fn find_set(name: &str, data_dir: Option<&Path>, beside: Option<&Path>) -> Result<Source, Error> {
    Source::locate_beside(name, data_dir, beside).map_err(|source| match (&source, known_set(name)) {
        (DataError::NotFound { .. }, Some(set)) => {
            Error::NotFetched { advice: advice(set, &data_folder(data_dir)), source: Box::new(source) }
        }
        (DataError::NotFound { .. }, None) => match meant(name) {
            Some(advice) => Error::NotFetched { advice, source: Box::new(source) },
            None => Error::Data(source),
        },
        _ => Error::Data(source),
    })
}

/// What to write in place of a name that is misspelt or missing.
fn meant(name: &str) -> Option<String> {
    let known = || [GENERATED, NOISE].into_iter().chain(CATALOGUE.iter().map(|set| set.name));
    match name.trim().is_empty() {
        true => Some(format!("known are {}", known().collect::<Vec<_>>().join(", "))),
        false => closest(name, known()).map(|near| format!("did you mean \"{near}\"?")),
    }
}

/// The set that can be downloaded under `name` or another of its usual names.
fn known_set(name: &str) -> Option<&'static KnownSet> {
    names_of(name).find_map(known)
}

/// Downloads the known set `name` into the data folder, which [`data_folder`] says, or goes on with that.
///
/// # Errors
/// [`Error::UnknownSet`], [`Error::Interrupted`] when the options' flag was raised, and what is wrong
/// with the download.
pub fn fetch_set(
    name: &str,
    data_dir: Option<&Path>,
    options: &FetchOptions,
    listen: &mut dyn FnMut(Event<'_>),
) -> Result<SetFetched, Error> {
    let set = known_set(name).ok_or_else(|| Error::UnknownSet {
        name: name.to_owned(),
        names: CATALOGUE.iter().map(|set| set.name).collect(),
    })?;
    let folder = data_folder(data_dir);
    if let Some(path) = other_form(set, &folder) {
        return Ok(SetFetched::OtherForm(path));
    }
    match set.fetch(&folder, options, listen) {
        Ok(files) => Ok(SetFetched::Files(files)),
        Err(DownloadError::Stopped { .. }) => Err(Error::Interrupted),
        Err(error) => Err(error.into()),
    }
}

/// What is found in the data folder under the set's name, if no file of it is what would be downloaded.
fn other_form(set: &KnownSet, folder: &Path) -> Option<PathBuf> {
    let found = Source::locate(set.name, Some(folder)).ok()?;
    let is_inside = found.path().starts_with(folder);
    let is_ours = set.files.iter().any(|file| set.path(file, folder).exists());
    (is_inside && !is_ours).then(|| found.path().to_path_buf())
}

/// How to get a set that is not there.
fn advice(set: &KnownSet, folder: &Path) -> String {
    let by_hand = set.by_hand(folder);
    match set.addresses {
        [] => format!("to have it, {by_hand}"),
        _ => {
            format!("`tunefork data get {}` fetches it ({}), or {by_hand}", set.name, bytes(set.length()))
        }
    }
}
